"""Test suites of others, read in place from ../shared/suites; skipped where that is missing."""

import json
import os
import re

from harness.client import message
from harness.outcome import Failure, Skip, check
from harness.setups import users_file, with_tls
from test_protocol_framing import HEAD, SMUGGLED, refuse_smuggling
from test_relay_right import nothing_foreign


SUITES = os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared", "suites", "smtp"
)


def suite(name):
    path = os.path.join(SUITES, name)
    if not os.path.exists(path):
        raise Skip("../shared/suites is not here")
    with open(path) as file:
        return json.load(file)


def all_ends():
    document = suite("eod-sequences.json")
    ends = list(document["smtpsmug"].values())
    for key, value in document.items():
        if isinstance(value, list) and key != "sources":
            ends += value
    return sorted({end.encode("latin-1") for end in ends})


def test_suite_end_of_data_sequences(case):
    site = case.site()
    for end in all_ends():
        refuse_smuggling(site.client().envelope(), [HEAD + end + SMUGGLED])


def test_suite_relay_probes(case):
    site = case.site()
    for probe in suite("relay-probes.json")["probes"]:
        words = {
            "from": "relaytest",
            "to": "relaytest",
            "domain": "remote.host",
            "srv": "mx.example.test",
            "ip": "127.0.0.1",
        }
        sender, recipient = (probe[key].format(**words) for key in ("mail_from", "rcpt_to"))
        with site.client() as client:
            client.line(f"MAIL FROM:<{sender}>")
            if client.read_reply().code == 250:
                client.line(f"RCPT TO:<{recipient}>")
                check(client.read_reply().code >= 500, f"probe {probe['n']}")
    nothing_foreign(site)


# What that parser takes and we do not: extensions that we never offer, forms that RFC 5321 does not have.
NOT_OURS = re.compile(
    r"^(LHLO|ETRN|ATRN|BURL|AUTH|STARTTLS|EXPN)\b"
    r"|REQUIRETLS|CONPERM|CONNEG|BINARYMIME|\bBY=|HOLD|SOLICIT|TRANSID|MTRK|MT-PRIORITY|RRVS"
    r"|MAIL  ?FROM ?: <|RET=HDRS RET=FULL|RCPT TO:<>$|AUTH=|FROM:<postmaster>",
    re.IGNORECASE,
)


def command_verdict(site, line):
    """Whether the command is taken as well-formed, in the state where it belongs."""
    client = site.client()
    verb = line[:4].upper()
    line = line.replace("RCPT TO:<> ", "RCPT TO:<anna@example.test> ")  # it is about the parameters
    if verb in ("RCPT", "DATA", "BDAT"):
        client.mail("a@example.net", "SMTPUTF8" if not line.isascii() else "")
    if verb in ("DATA", "BDAT"):
        client.rcpt("anna@example.test")
    client.line(line)
    size = re.fullmatch(r"BDAT (\d+)( LAST)?", line)
    if size:
        client.send(b"x" * int(size.group(1)))
    reply = client.read_reply()
    client.close()
    return reply


def test_suite_commands(case):
    hop = case.next_hop(capabilities=["SIZE 100000000", "8BITMIME", "SMTPUTF8", "DSN"])
    site = case.site({"limits": {"message_size": 900_000}}, hop=hop)
    site.deliver(message("learn\r\n"))
    site.exact = False  # two of the commands are whole messages
    wrong = []
    for entry in suite("commands.json")["cases"]:
        line, good = entry["line"], entry["ok"]
        if NOT_OURS.search(line) and good:
            continue
        reply = command_verdict(site, line)
        syntax = reply.code in (500, 501, 502, 503, 504, 553, 555)
        if good == syntax:
            wrong.append(f"{line!r}: {reply}")
    check(not wrong, "\n".join(wrong))


OURS = {"user@testserver": "anna@example.test", "@testserver": "@example.test"}


LENIENT = "127.0.0.5"  # the scripts write addresses without brackets


class Player:
    """One dialogue; replies are held to their first digit, for the words are chasquid's."""

    def __init__(self, sites, dialogue):
        self.sites, self.dialogue = sites, dialogue
        self.client = None
        self.last = None

    def connect(self, how):
        site = self.sites["submission" if how == "tls" else "mx"]
        self.client = site.connect(source=LENIENT)
        self.client.needs_id = False
        if how == "tls":
            self.client.handshake()

    def play(self):
        for number, step in enumerate(self.dialogue["steps"]):
            if "connect" in step:
                self.connect(step["connect"])
            elif "close" in step:
                self.client.close()
            elif "send" in step:
                self.put(mapped(step["send"]).encode() + b"\r\n")
            elif "send_raw" in step:
                self.put(octets(mapped(step["send_raw"])))
            elif "code" in step:
                reply = self.client.read_reply()
                check(
                    str(reply.code)[0] == step["code"][0], f"step {number}: {reply} instead of {step['code']}"
                )

    def put(self, data):
        try:
            self.client.send(data)
        except OSError:
            pass


def octets(text):
    """Two steps of the suite are Python expressions: ('a' * 899 + '\\r\\n') * 1165."""
    match = re.fullmatch(r"\('(.)' \* (\d+) \+ '\\r\\n'\) \* (\d+)", text)
    if match:
        return (match.group(1).encode() * int(match.group(2)) + b"\r\n") * int(match.group(3))
    return text.encode()


def mapped(text):
    for theirs, ours in OURS.items():
        text = text.replace(theirs, ours)
    return text


# Line ends from lenient networks are normalised, not refused: these three are played as by a stranger, with
# the angle brackets that strangers need.
STRICT = {"bad_data_dot", "bad_data_dot_2", "bad_data_dot_on_message_too_big"}


class Stranger(Player):
    def connect(self, how):
        self.client = self.sites["mx"].connect(source="127.0.0.6")

    def put(self, data):
        data = data.replace(b"FROM: <>", b"FROM:<>")
        super().put(data.replace(b"TO: anna@example.test", b"TO:<anna@example.test>"))


def test_suite_chasquid_dialogues(case):
    document = suite("dialogs.json")
    config = with_tls()
    config["lenient_networks"] = [LENIENT]
    config["limits"] = {"message_size": 1 << 20}
    submission = with_tls()
    submission["listeners"]["mx"].update({"tls": "implicit", "auth": "required"})
    submission["users"] = users_file(case, **{"user@testserver": "secretpassword"})
    sites = {"mx": case.site(config), "submission": case.site(submission)}
    problems = []
    for dialogue in document["dialogs"]:
        try:
            (Stranger if dialogue["id"] in STRICT else Player)(sites, dialogue).play()
        except (Failure, OSError) as problem:
            problems.append(f"{dialogue['id']}: {problem}")
    for site in sites.values():
        site.exact = site.control = site.count_sessions = False
    check(not problems, "\n".join(problems))
