"""A gateway that kills itself at a crash point (base/faults.h), and what must hold afterwards.

It died there and nowhere else; it starts again without a hand; a client that retries gets its 250; nothing is
lost; a second copy comes only where an event explains it.
"""

import contextlib
import signal
import subprocess
import time

from .client import message, stuffed
from .gateway import Gateway
from .outcome import Failure, check, patience
from .scenes import ask

ANNA = "anna@example.test"
SIGKILL_ENDS = 15  # seconds until the death that a scene must bring about
START_WITHIN = 10  # promised are 2, but tests run on machines that do much else

# What was delivered is on disk: a kill is no reason for a second copy.
REMEMBERED = {"session.remembered", "relay.split", "relay.spared"}


class Mail:
    """One message of a client that keeps it until every recipient was answered 250."""

    def __init__(self, *recipients, body="text\r\n"):
        self.recipients = list(recipients or (ANNA,))
        self.content = message(body, Message_ID="<mail@client.example.net>")
        self.pending = list(self.recipients)

    def offer(self, client):
        """One try, up to the reply to the dot."""
        client.mail()
        taken = [recipient for recipient in self.pending if ask(client, recipient).code == 250]
        if not taken:
            return None
        client.command("DATA", "354")
        client.send(stuffed(self.content))
        reply = client.read_reply()
        if reply.code == 250:
            self.pending = [recipient for recipient in self.pending if recipient not in taken]
        return reply

    def retry(self, site, tries=6):
        for _ in range(tries):
            if not self.pending:
                return
            with site.client() as client:
                last = self.offer(client)
        check(not self.pending, f"after {tries} tries {self.pending} are without 250: {last}")

    def copies(self, hop):
        """(recipient, message) of all that the next hop holds, answered or not."""
        held = [one for one in hop.messages + hop.unanswered if one.own_content == self.content]
        return [(to, one) for one in held for to in (one.taken if hop.lmtp else one.to)]


class Walk:
    """One site after the other, each killed at another crash point."""

    def __init__(self, case):
        self.case, self.restarts = case, []

    def kill_at(self, point, scene, config=None, mail=None, prepare=None, passes=1, **options):
        site = self.case.site(config, start=False, **options)
        site.exact = site.control = site.count_sessions = site.check_descriptors = False
        mail = mail() if mail else Mail()
        if prepare:
            prepare(site)
        try:
            dead = self.die(site, f"{point}:{passes}", scene, mail)
            self.start_again(site)
            mail.retry(site)
            Mail(body="afterwards\r\n").retry(site)
            self.judge(site, point, mail, dead.events + site.gateway.events)
        except Failure as failure:
            raise Failure(f"crash point {point}: {failure}") from None
        site.gateway.terminate()
        site.hop.stop()
        self.case.sites.remove(site)

    def die(self, site, crash, scene, mail):
        gateway = site.gateway
        gateway.environment["SALLYPORT_CRASH"] = crash
        gateway.launch()
        gateway.await_true(lambda: gateway.of_type("start") or not gateway.alive(), 20, "the start")
        with contextlib.suppress(Failure, OSError):  # it dies in the middle of whatever it is asked
            if gateway.alive():
                scene(site, mail)
        try:
            status = gateway.process.wait(SIGKILL_ENDS * patience())
        except subprocess.TimeoutExpired:
            raise Failure("its scene does not come there") from None
        check(status == -signal.SIGKILL, f"status {status}: {gateway.error_text()}")
        return gateway

    def start_again(self, site):
        site.hop.heal()
        site.gateway = Gateway(self.case.binary, site.gateway.directory, site.config)
        began = time.monotonic()
        site.gateway.start()
        self.restarts.append(time.monotonic() - began)
        check(self.restarts[-1] < START_WITHIN * patience(), f"{self.restarts[-1]:.1f} s to start again")

    def judge(self, site, point, mail, events):
        told = [event["id"] for event in events if event["type"] in ("ambiguous", "ack_unconfirmed")]
        copies = mail.copies(site.hop)
        for recipient in mail.recipients:
            own = [one for to, one in copies if to == recipient]
            check(own, f"lost: {recipient} was answered 250 and has nothing")
            explained = any(id in one.trace for one in own for id in told) and point not in REMEMBERED
            check(len(own) == 1 or explained, f"{len(own)} copies for {recipient}, unexplained")

    def report(self):
        slowest = max(self.restarts, default=0)
        print(f"         {len(self.restarts)} crash points, started again in {slowest:.2f} s at most", flush=True)
