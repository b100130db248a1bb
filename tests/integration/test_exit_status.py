"""What each command ends with: sysexits, as docs/command-line.md has them."""

import os
import re
import shlex

from harness.outcome import check

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "command-line.md")
EXAMPLE = re.compile(r"^\| `sallyport ?([^`]*)` \| (\d+) \| .+ \|$", re.MULTILINE)


def ends(site, status, *arguments):
    result = site.gateway.run(*arguments, "-c", site.gateway.conf)
    check(result.returncode == status, f"{arguments}: {status} expected, {result}")
    return result


def test_exit_status_of_every_kind(case):
    site = case.site({"checks": {"sender_domain": {"mode": "enforce", "temporary": "defer"}}})
    stranger = ("--ip", "203.0.113.9", "--helo", "stranger.test", "--from", "joe@stranger.test")
    zone = case.path("zone")
    with open(zone, "w") as file:
        file.write("stranger.test. A 203.0.113.9\n9.113.0.203.in-addr.arpa. PTR stranger.test.\nslow.test. TIMEOUT\n")
    asked = (*stranger, "--zone", zone)
    for status, arguments in (
        (0, ("allow", "add", "partner.test", "--expires", "30d")),
        (0, ("allow", "list")),
        (0, ("allow", "remove", "partner.test")),
        (0, ("correspondents", "count")),
        (0, ("greylist", "stats")),
        (0, ("log",)),
        (0, ("dns", "spf", "--ip", "203.0.113.9", "--from", "joe@stranger.test", "--zone", zone)),
        (0, ("try", "--ip", "203.0.113.9", "--helo", "stranger.test", "--from", "<>", "--zone", zone)),
        (64, ("allow", "add", "partner.test", "--expires", "soon")),
        (64, ("allow", "add", "partner.test", "--expires", "2020-01-31")),
        (64, ("log", "--since", "soon")),
        (64, ("explain", "nonsense")),
        (64, ("try", "--ip", "nowhere", "--helo", "h", "--from", "<>")),
        (65, ("allow", "add", "no entry")),
        (65, ("block", "add", "partner.test", "--for", "postmaster@example.test")),
        (65, ("correspondents", "check", "a b", "joe@partner.test")),
        (66, ("allow", "remove", "partner.test")),
        (66, ("explain", "0123456789a")),
        (66, ("correspondents", "check", "anna@example.test", "joe@partner.test")),
        (66, ("correspondents", "forget", "anna@example.test", "joe@partner.test")),
        (66, (*("try", *stranger), "--zone", case.path("missing"))),
        (75, ("try", *asked[:4], "--from", "joe@slow.test", "--zone", zone)),
        (77, ("try", *asked, "--rcpt", "anna@elsewhere.test")),
    ):
        ends(site, status, *arguments)


def test_exit_status_of_the_configuration_and_of_its_state(case):
    site = case.site({"state": {"sqlite": "missing/state.db"}}, start=False)
    ends(site, 69, "allow", "list")
    with open(os.path.join(site.gateway.conf, "30-bad.json"), "w") as file:
        file.write('{"no": 1}')
    for arguments in (("check", "--offline"), ("config", "show"), ("allow", "list"), ("serve",), ("log",)):
        ends(site, 78, *arguments)


def test_exit_status_of_every_example(case):
    """The table of docs/command-line.md, line by line, beside a gateway that runs."""
    site = case.site({"domains": {"our.example": {"route": "groupware"}}})
    with open(case.path("torn.zone"), "w") as file:
        file.write("partner.example. MX\n")
    examples = EXAMPLE.findall(open(PAGE).read())
    check(len(examples) > 30, f"{examples}")
    for words, status in examples:
        arguments = shlex.split(words)
        named = arguments and "-c" not in arguments
        done = site.gateway.run(*arguments, *(["-c", site.gateway.conf] if named else []), cwd=case.directory)
        check(done.returncode == int(status), f"sallyport {words}: {done}")
        check(int(status) == 0 or done.stderr + done.stdout, f"sallyport {words}: it says nothing")
