"""X09: the wall clock jumps under a running gateway. Time-outs, ids and what is remembered go on as before."""

from harness.client import message
from harness.outcome import check
from harness.wall_clock import WallClock

HOUR, YEAR = 3600, 365 * 86400
LEAP = 1483228799  # 2016-12-31T23:59:59Z, and a leap second behind it
JUMPS = (
    ("by an hour", lambda clock: clock.jump(HOUR)),
    ("back by an hour", lambda clock: clock.jump(-HOUR)),
    ("by a year", lambda clock: clock.jump(YEAR)),
    ("back by a year", lambda clock: clock.jump(-YEAR)),
    ("by ten years", lambda clock: clock.jump(10 * YEAR)),
    ("to 1970", lambda clock: clock.set(0)),
    ("to a leap second", lambda clock: clock.set(LEAP)),
    ("to the right time", lambda clock: clock.jump(0)),
)


def test_X09_clock_jumps_while_running(case):
    clock = WallClock(case.directory)
    site = case.site(environment=clock.environment)
    waiting = site.client()
    waiting.mail()
    ids, years = [], set()
    for words, jump in JUMPS:
        jump(clock)
        since = site.gateway.mark()
        check(waiting.command("NOOP").code == 250, f"the clock jumped {words}: a session that waited ended")
        site.deliver(message(f"The clock jumped {words}.\r\n"))
        event = site.gateway.await_event("message", since=since)
        check(event["fate"] == "delivered" and event["ms"] < 300_000, f"{words}: {event}")
        ids.append(event["id"])
        years.add(event["time"][:4])
    check("1970" in years and len(years) >= 5, f"the clock did not jump: {years}")
    check(len(set(ids)) == len(ids), f"an id came twice: {ids}")
    # Asked for at the first delivery, and named in each.
    named = [line for line in site.hop.commands("RCPT") if "anna@" in line]
    check(len(named) == 1 + len(JUMPS), f"that the recipient exists was forgotten: {named}")
    waiting.rcpt("anna@example.test", "250")
    waiting.quit()
