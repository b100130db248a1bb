"""One test: its directory, the servers it starts, and what must hold when it is over.

After every test the invariants are checked (docs/attacks.md, "G"): the same process still runs, a control
mail passes within 2 s and arrives byte-identical, descriptors are back, the next hop holds exactly what was
answered 250, every session has one event, every refusal had an enhanced code and an id, and is in the event of that id, no
sanitizer report.
"""

import collections
import itertools
import os
import time

from .client import Client, message
from .gateway import Gateway, base_config, merged
from .next_hop import NextHop
from .outcome import Failure, check, patience, poll
from .ports import free_port

CONTROL_SOURCE = "127.200.0.1"  # of no test, so that no limit of a test stands in its way
CONTROL_SECONDS = 2.0


class Case:
    def __init__(self, name, binary, directory):
        self.name, self.binary, self.directory = name, binary, directory
        self.sites, self.hops, self.clients, self.peers = [], [], [], []
        self.numbers = itertools.count(1)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def next_hop(self, **options):
        hop = NextHop(**options).start()
        self.hops.append(hop)
        return hop

    def peer(self, server):
        """Somebody else's server, which ends with the test."""
        self.peers.append(server)
        return server

    def site(
        self,
        config=None,
        hop=None,
        start=True,
        environment=None,
        wrapper=(),
        arguments=(),
        rules=(),
        **hop_options,
    ):
        """A gateway with one next hop; `config` is laid over the base configuration.

        `rules`: (verb, action) for the next hop from the start on, for the gateway greets it at once to
        learn its capabilities, and keeps that connection."""
        hop = hop or self.next_hop(**hop_options)
        for verb, action in rules:
            hop.on(verb, action)
        site = Site(self, config or {}, hop, environment, wrapper, arguments)
        self.sites.append(site)
        if start:
            site.gateway.start()
        return site

    def finish_site(self, site):
        """A case of many sites: each is judged and ended before the next begins."""
        site.finish()
        self.sites.remove(site)

    def finish(self):
        for site in self.sites:
            site.finish()
        self.stop_peers()
        for client in self.clients:
            check(not client.complaints, f"replies: {client.complaints}")
        for hop in self.hops:
            check(not hop.faults, f"at the next hop: {hop.faults}")

    def abandon(self):
        """After a failure: nothing of ours may stay behind."""
        for site in self.sites:
            if site.gateway.alive():
                site.gateway.kill()
        self.stop_peers()

    def stop_peers(self):
        while self.peers:
            self.peers.pop().stop()

    def context(self):
        """What a reader of a failure wants to see."""
        parts = []
        for number, client in enumerate(self.clients[-6:]):
            parts.append(f"-- client {client.local}\n" + "\n".join(client.transcript[-60:]))
        for hop in self.hops:
            parts.append(f"-- next hop {hop.host}\n" + "\n".join(hop.transcript()[-60:]))
        for site in self.sites:
            parts.append("-- events\n" + "\n".join(str(event) for event in site.gateway.events[-25:]))
            parts.append("-- other output\n" + "\n".join(site.gateway.other_output[-20:]))
            parts.append("-- stderr\n" + "\n".join(site.gateway.errors[-60:]))
        return "\n".join(parts)


class Site:
    """A gateway, its next hop, and the account of what the next hop must hold."""

    def __init__(self, case, config, hop, environment, wrapper, arguments):
        self.case, self.hop = case, hop
        directory = case.path(f"gateway-{next(case.numbers)}")
        os.makedirs(os.path.join(directory, "tmp"))
        self.port = free_port()
        self.config = merged(base_config(directory, hop.host, self.port), config)
        self.gateway = Gateway(case.binary, directory, self.config, environment, wrapper, arguments)
        self.expected = []  # contents that were answered 250, in any order
        self.exact = True  # False: the test itself judges what the next hop holds
        self.control = True  # False: the test leaves nothing that could take a control mail
        self.count_sessions = True
        self.check_descriptors = True
        self.clients = []

    # -- clients ----------------------------------------------------------------------------------

    def connect(self, listener="mx", **options):
        """A raw connection; `listener` may be one that the test added."""
        client = Client(self.address(listener), **options)
        self.clients.append(client)
        self.case.clients.append(client)
        return client

    def address(self, listener="mx"):
        bind = self.config["listeners"][listener]["bind"][0]
        host, _, port = bind.rpartition(":")
        return host.strip("[]"), int(port)

    def client(self, **options):
        """Connected, greeted, and after EHLO."""
        return self.connect(**options).hello()

    def deliver(self, content=None, *recipients, client=None, sender="sender@example.net"):
        """A whole transaction that must be answered 250; returns the content."""
        content = content or message()
        with client or self.client() as session:
            session.envelope(*recipients, sender=sender)
            session.data(content)
            if not client:
                session.quit()
        self.expected.append(content)
        return content

    def expect_delivered(self, *contents):
        """The gateway said 250 to these, by other means than deliver()."""
        self.expected += contents

    def spare_listener(self):
        return f"127.0.0.1:{free_port()}"

    # -- the end ----------------------------------------------------------------------------------

    def finish(self):
        gateway = self.gateway
        if gateway.process is None:
            return
        for client in self.clients:
            client.close()
        if gateway.alive():
            self.judge_running()
            gateway.terminate()
        gateway.check_sanitizers()
        if self.exact:
            self.judge_messages()

    def judge_running(self):
        self.hop.heal()
        if self.control:
            self.control_mail()
        if self.check_descriptors:
            self.gateway.await_descriptors_back()
        if self.count_sessions:
            self.judge_sessions()
            self.judge_refusals()

    def control_mail(self):
        began = time.monotonic()
        content = message("Control.\r\n..dots\r\n.\r\n \r\n", subject=f"control of {self.case.name}")
        self.deliver(content, client=self.connect(source=CONTROL_SOURCE).hello())
        took = time.monotonic() - began
        check(took < CONTROL_SECONDS * patience(), f"the control mail took {took:.1f} s")

    def judge_sessions(self):
        """One event a session that said anything or was refused; none for a probe that only connects."""
        spoke = sum(1 for client in self.clients if client.spoke)
        events = self.gateway.await_events("session", spoke) if spoke else []
        events = [event for event in events if not event["end"].startswith("too many")]
        check(
            len(events) <= len(self.clients), f"{len(events)} session events for {len(self.clients)} sessions"
        )
        if self.exact and self.expected:
            self.gateway.await_events(
                "message", len(self.expected), lambda event: event["fate"] == "delivered"
            )
        for kind in ("session", "message"):
            ids = [event.get("id") for event in self.gateway.of_type(kind)]
            doubled = [id for id, count in collections.Counter(ids).items() if count > 1]
            check(all(ids) and not doubled, f"{kind} events doubled or without id: {doubled or ids}")

    def judge_refusals(self):
        """The id of each refusal leads to an event that has it (promise P8)."""
        if len(self.gateway.of_type("start")) > 1:  # who was killed recorded nothing
            return
        crowd = ("421 4.7.0 Sorry, too many", "421 4.7.0 Too many connections:")  # ten a second are recorded
        all_told = [reply for client in self.clients for reply in client.refusals]
        told = [reply for reply in all_told if reply.id and not any(map(reply.matches, crowd))]
        poll(lambda: not self.unrecorded(told), 10, lambda: f"refusals on record: {self.unrecorded(told)[:3]}")

    def unrecorded(self, told):
        events = collections.defaultdict(list)
        for kind in ("session", "message"):
            for event in self.gateway.of_type(kind):
                events[event["id"]].append(event)
        return [reply for reply in told if not any(holds(event, reply) for event in events[reply.id])]

    def judge_messages(self):
        """One message in, one out, unaltered; nothing acknowledged is lost, nothing comes from nowhere."""
        held = [stored.own_content for stored in self.hop.messages]
        wanted = collections.Counter(self.expected)
        have = collections.Counter(held)
        if wanted == have:
            return
        lost = list((wanted - have).elements())
        extra = list((have - wanted).elements())
        raise Failure(
            f"next hop: {len(lost)} lost {[text[:300] for text in lost[:3]]}, "
            f"{len(extra)} unexpected {[text[:300] for text in extra[:3]]}"
        )


def holds(event, reply):
    """... or has more of them than it lists."""
    if "refusals" in event or "recipients" in event:
        return True
    told = [event, *event.get("refused", []), *event.get("to", [])]
    return any((one.get("code"), one.get("enhanced", "")) == (reply.code, reply.enhanced) for one in told)
