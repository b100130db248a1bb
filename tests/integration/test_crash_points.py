"""Group X01: kill -9 at every crash point of base/faults.h, each reached by one of the scenes below."""

import signal
import subprocess
import threading

from harness import certificates
from harness.killing import ANNA, Mail, Walk
from harness.next_hop_script import close, hold
from harness.outcome import check
from harness.scenes import known_first, route
from harness.setups import with_tls

# -- scenes: what a gateway is put through until it dies -----------------------------------------------


def whole_session(site, mail):
    with site.client() as client:
        client.mail()
        client.command("RSET", "250")
        mail.offer(client)
        client.quit()


def session_under_tls(site, mail):
    with site.connect() as client:
        client.greet()
        client.ehlo()
        client.starttls()
        client.ehlo()
        mail.offer(client)


def large():
    return Mail(body=("w" * 76 + "\r\n") * 40_000)


def unheard(site, mail):
    """The client is gone when our 250 comes."""
    answer = threading.Event()
    site.hop.on("DOT", hold(answer, "250 2.0.0 taken"), times=1)
    offering = threading.Thread(target=offer_until_cut, args=(client := site.client(), mail), daemon=True)
    offering.start()
    site.hop.await_true(lambda: site.hop.dots(), 15, "the dot")
    client.reset()
    answer.set()


def offer_until_cut(client, mail):
    try:
        mail.offer(client)
    except Exception:  # what it was cut off by does not matter
        pass


def unheard_and_retried(site, mail):
    unheard(site, mail)
    site.gateway.await_event("ack_unconfirmed")
    mail.retry(site)


def stale_connection(site, mail):
    """One core, so that the pooled connection is taken, and dies under it."""
    known_first(site)
    site.hop.on("MAIL", close, match="sender@", times=1)
    whole_session(site, mail)


def refused_at_delivery(site, mail):
    known_first(site)
    site.hop.on("RCPT", "550 5.1.1 no longer", times=1)
    whole_session(site, mail)


def broken_after_the_dot(site, mail):
    site.hop.on("DOT", close, times=1)
    whole_session(site, mail)


def split(site, mail):
    site.hop.on("DOT", "452 4.2.2 over quota", match="bert@", times=1)
    whole_session(site, mail)


def nothing(site, mail):
    """It dies at its start, or a moment later of its own."""


def reloaded(site, mail):
    site.gateway.signal(signal.SIGHUP)


def stopped(site, mail):
    mail.retry(site)
    site.gateway.signal(signal.SIGTERM)


def damage_state(site):
    with open(site.config["state"]["sqlite"], "wb") as file:
        file.write(b"this is no database " * 500)


# -- which scene reaches which points ------------------------------------------------------------------


def to_two():
    return Mail(ANNA, "bert@example.test")


def hop_under_tls():
    return {"tls": certificates.self_signed("hop.example.test").server_context()}


SESSION = [
    (
        "session.accepted session.before-greeting session.ehlo session.mail session.reset session.rcpt"
        " session.rcpt-judged session.data session.content session.message session.judged session.recorded"
        " session.replied session.before-end session.ended",
        dict(scene=whole_session),
    ),
    ("session.tls", dict(scene=session_under_tls, config=with_tls)),
    ("session.before-spill session.spilled", dict(scene=whole_session, mail=large)),
    ("session.before-remembering session.remembered", dict(scene=unheard)),
]
NEXT_HOP = [
    (
        "relay.before-connect relay.connected relay.greeted relay.introduced relay.before-asking relay.asked"
        " relay.concluded relay.borrowed relay.before-envelope relay.envelope relay.data relay.before-dot"
        " relay.dot relay.answered relay.delivered relay.handed-back",
        dict(scene=whole_session),
    ),
    ("relay.before-tls relay.tls", dict(scene=whole_session, config=lambda: route(tls="required"), hop=hop_under_tls)),
    ("relay.content", dict(scene=whole_session, mail=large)),
    ("relay.before-another", dict(scene=stale_connection, config=lambda: {"workers": 1})),
    ("relay.refused", dict(scene=refused_at_delivery)),
    ("relay.before-ambiguous relay.ambiguous", dict(scene=broken_after_the_dot)),
    ("relay.before-split relay.split", dict(scene=split, mail=to_two, hop=lambda: {"lmtp": True})),
    ("relay.spared", dict(scene=unheard_and_retried)),
]
DISK = [
    ("state.locked state.created state.loaded", dict(scene=nothing)),
    ("state.submitted state.batch state.before-commit state.committed", dict(scene=whole_session)),
    ("state.before-set-aside state.set-aside", dict(scene=nothing, prepare=damage_state)),
    ("event.before-write event.written", dict(scene=whole_session, passes=3)),
]
PROCESS = [
    ("start.state start.listening start.announced", dict(scene=nothing)),
    ("reload.signal reload.loaded reload.opened reload.adopted reload.done", dict(scene=reloaded)),
    (
        "stop.signal stop.listeners stop.drained stop.idle stop.cores stop.state stop.recorded",
        dict(scene=stopped),
    ),
]


def walk(case, part):
    journey = Walk(case)
    for points, how in part:
        how = dict(how)
        config, hop = how.pop("config", dict), how.pop("hop", dict)
        for point in points.split():
            journey.kill_at(point, config=config(), **how, **hop())
    journey.report()


def test_X01_killed_in_a_session(case):
    walk(case, SESSION)


def test_X01_killed_at_the_next_hop(case):
    walk(case, NEXT_HOP)


def test_X01_killed_at_the_disk(case):
    walk(case, DISK)


def test_X01_killed_on_the_way_up_and_down(case):
    walk(case, PROCESS)


def test_X01_every_crash_point_is_walked(case):
    walked = [point for part in (SESSION, NEXT_HOP, DISK, PROCESS) for points, _ in part for point in points.split()]
    listed = subprocess.run([case.binary, "faults"], capture_output=True, text=True, check=True).stdout.split("\n")
    named = [line.removeprefix("crash ") for line in listed if line.startswith("crash ")]
    check(sorted(walked) == sorted(named), f"not walked or unknown: {set(walked) ^ set(named)}")


for one in [value for name, value in list(globals().items()) if name.startswith("test_")]:
    one.build, one.limit = "faults", 300
