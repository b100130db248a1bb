"""The state's disk falls silent, and the gateway is killed: nobody waits, and what was counted stays (X10)."""

import os
import threading
import time

from harness.dns_server import DnsServer
from harness.injection import injected
from harness.outcome import check, patience, poll
from harness.scenes import TRACED
from harness.state_copy import state_rows
from harness.strangers import stranger, strangers_site
from test_greylist import LATER, RECORDS, asked

SESSIONS = 100
SILENT = 100  # seconds: whoever waits for the disk is still waiting when the test gives up
CALLS = "fsync,fdatasync,pwrite64,pwritev2"


def site_of(case):
    server = case.peer(DnsServer(RECORDS))
    greylist = {"mode": "enforce", "apply": "all", "delay": "1h"}
    return strangers_site(case, [server.port], {"checks": {"greylist": greylist}}, environment=TRACED)


def stored(site, kind):
    """How many records of a kind are on the disk."""
    query = "SELECT count(*) FROM log WHERE kind = ?"
    return state_rows(site.config["state"]["sqlite"], query, (kind.encode(),))[0][0]


def silent_disk(site):
    """Every write to the state and its log takes SILENT seconds, from now on."""
    return disk_that(site, f"delay_enter={SILENT}s")


def disk_that(site, does):
    """What happens to every write to the state and its log from now on."""
    state = site.config["state"]["sqlite"]
    return injected(site.gateway.pid, [state, state + "-wal"], CALLS, does)


def crowd(site, network):
    """A hundred strangers at once, each with a triplet of its own to be remembered; how long the slowest took."""
    replies, took = [], []

    def call(number):
        began = time.monotonic()
        client = stranger(site, f"203.{network}.{number}.1")
        client.mail(f"sender{number}@plain.test")
        replies.append(client.rcpt("anna@example.test", "250", "4"))
        took.append(time.monotonic() - began)
        client.quit()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(SESSIONS)]
    [thread.start() for thread in threads]
    [thread.join(SILENT / 2) for thread in threads]
    check(len(replies) == SESSIONS, f"{len(replies)} of {SESSIONS} sessions were answered")
    check(all(reply.matches(LATER) for reply in replies), f"{[r.last for r in replies][:3]}")
    return max(took)


def test_X10_nobody_waits_for_a_silent_disk(case):
    """A hundred strangers are answered within a second more than on a disk that is as traced, and writes."""
    site = site_of(case)
    with disk_that(site, "delay_enter=1us"):
        good = crowd(site, 1)
        poll(lambda: stored(site, "greylist") == SESSIONS, 15, "all of it is written")
    with silent_disk(site):
        asked(site)  # now the writer has something to write, and hangs
        silent = crowd(site, 2)
        print(f"the slowest of {SESSIONS} sessions took {good:.2f} s, and {silent:.2f} s on a silent disk")
        check(silent < good + patience(), f"{silent:.2f} s, and {good:.2f} s on a good disk")
        asked(site)
        site.gateway.await_event("message", lambda event: event["to"][0].get("greylist") == "waits")
        site.deliver()
        check(stored(site, "greylist") == SESSIONS, "the disk was not silent")
    poll(lambda: stored(site, "greylist") == 2 * SESSIONS + 1, 15, "the disk gets everything when it answers again")


def test_X10_what_a_copy_over_the_running_state_cuts_ends_nobody(case):
    """`cp` of a backup over it cuts each file first, for whoever has mapped it as well."""
    site = site_of(case)
    asked(site)
    state = site.config["state"]["sqlite"]
    poll(lambda: stored(site, "greylist"), 5, "it is written within a second or so")
    for file in sorted(os.listdir(os.path.dirname(state))):
        if file.startswith(os.path.basename(state) + "-") or file.endswith(".inflight"):
            os.truncate(os.path.join(os.path.dirname(state), file), 0)
    site.deliver()
    asked(site)
    site.gateway.terminate()


def test_X10_what_was_counted_a_second_ago_survives_a_kill(case):
    site = site_of(case)
    first = asked(site)[1][0]
    check(first["greylist"] == "begins", f"{first}")
    poll(lambda: stored(site, "greylist"), 5, "it is written within a second or so")
    site.gateway.kill()
    site.gateway.start()
    again = asked(site)[1][0]
    check(again["greylist"] == "waits", f"{again}")
    check(again["first_seen"] == first["first_seen"], f"{first} {again}")
