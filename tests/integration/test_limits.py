"""The limits of docs/limits.md in small, as long as they are quick: the large ones are tests/limits/run."""

import os
import subprocess
import threading

from harness.outcome import check, patience, poll

RUN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "limits", "run")


def limits(case, *arguments):
    result = subprocess.run(
        [RUN, *arguments, "--binary", case.binary], capture_output=True, text=True, timeout=200 * patience()
    )
    check(result.returncode == 0, result.stdout + result.stderr)


def test_E03_idle_sessions(case):
    """500 idle sessions and 150 under TLS: what each holds, and a control mail beside them."""
    limits(case, "E03", "--sessions", "500")


def test_E15_allocations_fail(case):
    """One in a hundred, through 300 sessions."""
    limits(case, "E15", "--sessions", "300", "--rate", "50")


# They need a program without sanitizers: those bring an allocator of their own.
test_E03_idle_sessions.build = test_E15_allocations_fail.build = "faults"
test_E03_idle_sessions.limit = test_E15_allocations_fail.limit = 240


def unread(gateway):
    """Nobody reads the events behind the start until the returned event is set."""
    may_read, read = threading.Event(), gateway.read_events

    class Front:
        def __init__(self, stream):
            self.stream = stream

        def __iter__(self):
            for line in self.stream:
                yield line
                if b'"type":"start"' in line:
                    may_read.wait()

    gateway.read_events = lambda stream: read(Front(stream))
    return may_read


def test_E21_nobody_reads_the_log(case):
    """Mail flows; the next reader learns how many lines are missing."""
    site = case.site({"limits": {"errors": 1000}}, start=False)
    may_read = unread(site.gateway)
    site.gateway.start()
    site.count_sessions = False
    domain = b".".join([b"d" * 60] * 3) + b".example"
    refused = b"".join(b"RCPT TO:<somebody-%d@%s>\r\n" % (number, domain) for number in range(200))
    for _ in range(15):
        with site.client() as client:
            for _ in range(4):  # an event of some 100 KiB each, and 4 MiB are kept
                client.mail()
                client.send(refused)
                for _ in range(200):
                    client.read_reply()
                client.command("RSET", "250")
    site.deliver()
    check(site.gateway.resident() < 600 << 20, "memory")
    may_read.set()
    site.gateway.await_event("message", timeout=45)
    poll(lambda: site.deliver() and site.gateway.of_type("dropped"), 45, "the count of what was dropped")
    check(site.gateway.of_type("dropped")[0]["count"] > 0, "the count")


test_E21_nobody_reads_the_log.limit = 150
