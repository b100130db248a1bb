"""A million addresses, judged here and by a parser that knows nothing of the program: nobody is relayed for.

Beside the program stands `accepts` (tests/unit/accepts.cpp), the judgement of recipients alone."""

import os
import random
import re
import subprocess

from harness.outcome import Skip, check

COUNT = 1_000_000
ATEXT = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+"
DOT_STRING = rf"{ATEXT}(?:\.{ATEXT})*"
QUOTED = r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"'
LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"  # the underscore is not the RFC's, but the world's
DOMAIN = rf"{LABEL}(?:\.{LABEL})*"
MAILBOX = re.compile(rf"(?P<local>{DOT_STRING}|{QUOTED})@(?P<domain>{DOMAIN})\Z")
ROUTE = re.compile(rf"@{DOMAIN}(?:,@{DOMAIN})*:")


def said(local):
    """What a quoted local part means."""
    return re.sub(r"\\(.)", r"\1", local[1:-1]) if local.startswith('"') else local


def names_another_host(local):
    words = said(local)
    bang = words.find("!", 1)
    return "%" in local or (local.startswith('"') and "@" in words) or (bang > 0 and bang + 1 < len(words))


def too_long(domains):
    return any(len(label) > 63 for label in re.split(r"[@,.:]", domains))


def ours(domain):
    domain = domain.lower()
    return domain == "our.test" or (domain.endswith(".wild.test") and domain.count(".") > 1)


def taken_for(path):
    """By RFC 5321 4.1.2 and 4.1.3, and what a site with our.test and *.wild.test takes from strangers."""
    if path.lower() == "postmaster":
        return "postmaster"
    if len(path) + 2 > 256:
        return "-"
    route = ROUTE.match(path)
    found = MAILBOX.match(path, route.end() if route else 0)
    if not found or too_long(found["domain"]) or (route and too_long(route[0])):
        return "-"
    if not ours(found["domain"]) or names_another_host(found["local"]):
        return "-"
    return found["domain"].lower()


WORDS = ["joe", "a", "postmaster", "Abuse", "x.y", "x..y", ".x", "x.", "a b", "a+b", "u%h.test", "h.test!u", "!", "!u",
         "@", '"', "\\", '\\"', "\\@", '"a@b"', '"a b"', '"a\\"b"', '"a\\\\"', '""', '"a!b"', '"%"', "x" * 64, "y" * 250, "<", ">",
         "(c)", ",", ";", ":", "[", "]", " ", "\t", "\x7f", "\x00", "{}", "é"]  # fmt: skip
HOSTS = ["", "our.test", "OUR.TEST", "a.wild.test", "b.a.wild.test", "wild.test", "our.test.", "other.test", "xour.test", "our.test.other.test",
         ".our.test", "our..test", "-a.wild.test", "a-.wild.test", "a_b.wild.test", "[192.0.2.1]", "[IPv6:::1]", "our.test]", "our", "test",
         "l" * 63 + ".wild.test", "l" * 64 + ".wild.test", "our.test@other.test", "other.test@our.test", "our.test%other.test", "1.wild.test"]  # fmt: skip
ROUTES = ["", "", "", "", "@other.test:", "@our.test:", "@a.test,@b.test:", "@:", "@a.test,b.test:", "@a.test"]


def addresses():
    chance = random.Random(18)
    for _ in range(COUNT):
        local = "".join(chance.choice(WORDS) for _ in range(chance.choice((1, 1, 1, 2, 3))))
        if chance.random() < 0.2:
            local = f'"{local}"'
        path = chance.choice(ROUTES) + local + chance.choice(("@", "@", "@", "@", "", "@@")) + chance.choice(HOSTS)
        if chance.random() < 0.3:
            at = chance.randrange(len(path) + 1)
            path = path[:at] + chance.choice(WORDS) + path[at + chance.choice((0, 0, 1)) :]
        yield path


def test_R18_a_million_addresses(case):
    program = os.path.join(os.path.dirname(case.binary), "..", "tests", "unit", "accepts")
    if not os.path.exists(program):
        raise Skip("this build has no tests/unit/accepts")
    paths = list(addresses())
    asked = subprocess.run([program], input="\n".join(paths) + "\n", capture_output=True, encoding="utf-8", timeout=500)
    check(asked.returncode == 0, asked.stderr)
    answers = asked.stdout.splitlines()
    check(len(answers) == COUNT, f"{len(answers)} answers")
    wrong = [(path, answer, taken_for(path)) for path, answer in zip(paths, answers) if answer != taken_for(path)]
    check(not wrong, f"{len(wrong)}, such as (path, answer, by the reference): {wrong[:20]}")
    taken = [answer for answer in answers if answer != "-"]
    check(len(taken) > COUNT // 50 and set(taken) > {"postmaster", "our.test", "a.wild.test"}, f"{set(taken)}")
