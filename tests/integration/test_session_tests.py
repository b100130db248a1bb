"""Sessions stated in conf.d/*.test.json: `check` runs them, and a reload that breaks one is refused."""

import copy
import json
import os
import subprocess

from harness.outcome import check
from harness.strangers import merge

ZONE = [
    "$ORIGIN good.test.",
    "@    MX 10 mx",
    '@    TXT "v=spf1 mx -all"',
    "mx   A 203.0.113.1",
    "1.113.0.203.in-addr.arpa.  PTR mx",
    "66.113.0.203.bl.test. A 127.0.0.4",
]
HONEST = {"name": "honest", "client": "203.0.113.1", "helo": "mx.good.test", "from": "anna@good.test"}
LISTED = {"name": "listed", "client": "203.0.113.66", "helo": "mx.good.test", "from": "<>"}
CONFIG = {"checks": {"greylist": {"mode": "enforce"}, "dnsbl": {"zones": {"bl.test": {"codes": {"127.0.0.2-127.0.0.11": 5}}}}}}


def with_more(session, **more):
    return {**copy.deepcopy(session), **more}


class Stated:
    def __init__(self, case, **options):
        self.case = case
        self.site = case.site(copy.deepcopy(CONFIG), **options)

    def state(self, *sessions, zone=ZONE, name="20-strangers.test.json"):
        with open(os.path.join(self.site.gateway.conf, name), "w") as file:
            json.dump({"zone": zone, "sessions": sessions}, file, indent=1)

    def state_as_documented(self):
        page = open(os.path.join(os.path.dirname(__file__), "..", "..", "docs", "session-tests.md")).read()
        example = page.split("```jsonc\n")[1].split("```")[0]
        with open(os.path.join(self.site.gateway.conf, "20-strangers.test.json"), "w") as file:
            file.write(example)

    def check(self, status=0):
        command = [self.case.binary, "check", "--no-dns", "-c", self.site.gateway.conf]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        check(result.returncode == status, f"{result}")
        return result.stdout + result.stderr


def test_stated_sessions_hold(case):
    stated = Stated(case, start=False)
    stated.state(
        with_more(HONEST, to={"anna@example.test": "accept", "anna@elsewhere.test": "reject"}),
        with_more(
            LISTED,
            to={
                "postmaster@example.test": "accept",
                "anna@example.test": {"verdict": "reject", "why": "client", "reply": "listed by bl.test", "score": 8},
            },
        ),
        with_more(HONEST, name="early", talks_early=True, to={"anna@example.test": {"verdict": "accept", "score": 3}}),
        with_more(
            HONEST,
            name="doubtful, and large",
            talks_early=True,
            size="1MB",
            to={"anna@example.test": {"verdict": "accept", "greylisted": True}, "postmaster@example.test": {"verdict": "accept", "greylisted": False}},
        ),
        with_more(HONEST, name="own zone", zone=["1.113.0.203.bl.test. A 127.0.0.2"], to={"anna@example.test": "reject"}),
    )
    out = stated.check()
    check("5 sessions of *.test.json end as stated" in out, out)


def test_stated_early_talker_turned_away(case):
    """In place of the greeting: nobody takes anything from it, the role addresses neither."""
    stated = Stated(case, start=False)
    config = stated.site.gateway.config
    stated.site.gateway.write_config(merge(config, {"checks": {"early_talker": {"mode": "enforce"}}}))
    turned_away = {"verdict": "reject", "reply": "554 5.5.1 You talked before the greeting"}
    stated.state(
        with_more(HONEST, talks_early=True, to={"anna@example.test": turned_away, "postmaster@example.test": turned_away}),
        with_more(HONEST, name="waits", to={"anna@example.test": "accept"}),
        with_more(HONEST, name="ours", client="127.0.0.1", talks_early=True, to={"anna@example.test": "accept"}),
    )
    out = stated.check()
    check("3 sessions of *.test.json end as stated" in out, out)


def test_stated_sessions_that_end_otherwise(case):
    stated = Stated(case, start=False)
    stated.state(
        with_more(HONEST, to={"anna@example.test": "reject"}),
        with_more(LISTED, to={"anna@example.test": {"verdict": "reject", "why": "relay"}}),
        with_more(LISTED, to={"anna@example.test": {"verdict": "reject", "reply": "another word"}}),
        with_more(LISTED, to={"anna@example.test": {"verdict": "reject", "score": 1}}),
        with_more(HONEST, name="waits", to={"anna@example.test": {"verdict": "accept", "greylisted": True}}),
        with_more(HONEST, name="waits not", talks_early=True, to={"anna@example.test": {"verdict": "accept", "greylisted": False}}),
        with_more(HONEST, name="comes again", talks_early=True, to={"anna@example.test": "defer"}),
        with_more(HONEST, name="large", size="900GB", to={"anna@example.test": "accept"}),
    )
    out = stated.check(status=78)
    for words in (
        'session "honest", anna@example.test: "reject" is stated, and "accept" becomes of it',
        'session "listed", anna@example.test: the reason is stated to be "relay", and is "client"',
        '"another word" is no part of the reply',
        "the score is stated to be 1, and is 8",
        'session "waits", anna@example.test: it is stated to be greylisted, and need not come again',
        'session "waits not", anna@example.test: it is stated not to be greylisted, and has to come again',
        'session "comes again", anna@example.test: greylisting is stated as {"verdict": "accept", "greylisted": true}',
        'session "large", anna@example.test: "accept" is stated, and "reject" becomes of it',
        "hint: the score is 8: dnsbl listed (+5), rdns missing (+2), helo mismatch (+1); 550 5.7.1 Mail from [203.0.113.66] refused: listed by bl.test",
        '"anna@example.test": "reject"',  # the line itself
    ):
        check(words in out, f"{words}: {out}")


def test_stated_sessions_with_mistakes(case):
    stated = Stated(case, start=False)
    stated.state(
        with_more(HONEST, helo="no one", to={"nobody": "accept"}),
        with_more(HONEST, listener="xm", to={"anna@example.test": "pass"}),
        zone=["mx.good.test. A 203.0.113.300"],
    )
    out = stated.check(status=78)
    check('expected "accept", "defer" or "reject"' in out, out)
    stated.state(
        with_more(HONEST, helo="no one", to={"a b": "accept"}),
        with_more(HONEST, listener="xm", to={"anna@example.test": "accept"}),
        zone=["mx.good.test. A 203.0.113.300"],
    )
    out = stated.check(status=78)
    for words in ("expected what a client can say in HELO, found", '"a b" is no address', 'there is no listener "xm"', "203.0.113.300"):
        check(words in out, f"{words}: {out}")


def test_stated_sessions_of_what_they_cannot_be_told(case):
    stated = Stated(case, start=False)
    for why in ("greylisted", "over-rate", "harvest", "other-route"):
        stated.state(with_more(HONEST, to={"anna@example.test": {"verdict": "defer", "why": why}}))
        out = stated.check(status=78)
        check(f'no session of a test is ever refused as "{why}"' in out, out)
        hint = '{"verdict": "accept", "greylisted": true}: it has to come again before'
        check((hint in out) == (why == "greylisted"), out)


def test_stated_sessions_guard_a_reload(case):
    stated = Stated(case)
    gateway = stated.site.gateway
    stated.state(with_more(LISTED, to={"anna@example.test": "reject"}))
    gateway.reload()
    since = gateway.mark()
    event = gateway.reload(merge(gateway.config, {"thresholds": {"reject": 50}}), ok=False)
    check(event["detail"] == "the old configuration stays", f"{event}")
    note = gateway.await_event("note", since=since)
    check('"reject" is stated, and "accept" becomes of it' in note["text"], f"{note}")
    os.remove(os.path.join(gateway.conf, "20-strangers.test.json"))
    gateway.reload()


def test_stated_sessions_of_the_documentation(case):
    stated = Stated(case, start=False)
    domains = dict(stated.site.config["domains"], **{"example.com": {"route": "groupware"}})
    stated.site.gateway.write_config(dict(stated.site.config, domains=domains))
    stated.state_as_documented()
    out = stated.check()
    check("2 sessions of *.test.json end as stated" in out, out)
