"""deploy/systemd/sallyport.service: how much it exposes, and that the gateway can live under it."""

import os
import re
import subprocess

from harness.outcome import Skip, check
from harness.scenes import TRACED
from harness.setups import need_program, with_tls

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNIT = os.path.join(ROOT, "deploy", "systemd", "sallyport.service")


def analyze(*arguments):
    result = subprocess.run(
        [need_program("systemd-analyze"), "--no-pager", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "err"},
    )
    if "unrecognized option" in result.stderr:
        raise Skip("systemd-analyze is too old")
    return result.stdout


def settings():
    with open(UNIT) as file:
        return [line.strip().partition("=")[::2] for line in file if "=" in line and line[0] != "#"]


def test_unit_exposure(case):
    """As systemd itself counts it: at most 2.0 of 10."""
    report = analyze("security", "--offline=true", UNIT)
    level = re.search(r"exposure level for sallyport.service: ([\d.]+)", report)
    check(level and float(level.group(1)) <= 2.0, report)


def test_unit_restarts_what_hangs_or_crashes(case):
    values = dict(settings())
    check(values.get("WatchdogSec") == "30", "WatchdogSec")
    check(values.get("Restart") == "on-failure", "Restart")


def calls_of(name, seen):
    """The calls of a filter's group; a group may hold others."""
    if not name.startswith("@"):
        return {name}
    if name in seen:
        return set()
    seen.add(name)
    names = [line.strip() for line in analyze("syscall-filter", name).splitlines()[1:]]
    members = [call for call in names if call and not call.startswith("#")]
    return set().union(*(calls_of(member, seen) for member in members))


def allowed_calls():
    allowed = set()
    for name, value in settings():
        if name != "SystemCallFilter":
            continue
        groups = set().union(*(calls_of(group, set()) for group in value.lstrip("~").split()))
        allowed = allowed - groups if value.startswith("~") else allowed | groups
    return allowed


def test_unit_system_calls(case):
    """Whatever the gateway asks of the kernel in a life with TLS, mail, state and a reload, the filter lets pass."""
    allowed = allowed_calls()
    check("accept4" in allowed and "reboot" not in allowed, f"{len(allowed)} calls allowed")
    trace = case.path("calls")
    strace = need_program("strace")
    site = case.site(with_tls(), wrapper=[strace, "-D", "-f", "-qq", "-o", trace], environment=TRACED)
    with site.client() as client:
        client.starttls()
    site.deliver()
    site.gateway.reload()
    site.deliver()
    case.finish_site(site)
    with open(trace) as file:
        used = set(re.findall(r"^\d+ +(\w+)\(", file.read(), re.MULTILINE))
    elsewhere = {"ptrace", "personality", "fchown"}  # by the sanitizers; by SQLite, as root alone
    check(not used - allowed - elsewhere, f"not allowed: {used - allowed}")
