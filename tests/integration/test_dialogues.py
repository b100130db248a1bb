"""The dialogue scripts of tests/dialogue, replayed against the running program.

What a script asks of the machine's owner (`answer`, `discard`), and options that no configuration can give
(a message of 1,000 octets at most, LMTP), stay with the unit tests; such scripts are left out here. One test
plays all scripts of one subject: the first word of their names.
"""

import os
import re

from harness.next_hop import USUAL
from harness.outcome import Failure, check
from harness.setups import users_file, with_tls

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "dialogue")
ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
IN_CONFIGURATION = {
    "lenient",
    "normalize",
    "auth",
    "auth_required",
    "tls_required",
    "implicit_tls",
    "no_starttls",
    "smtputf8",
    "dsn",
    "whole",
    "errors",
    "junk",
    "line_length",
    "message_size",
    "recipients",
}
SMALLEST = {"message_size": 64_000, "recipients": 100, "line_length": 1000}


def unescape(text):
    text = re.sub(r"\\x([0-9A-Fa-f]{2})", lambda match: chr(int(match.group(1), 16)), text)
    return re.sub(r"\\([rnt0\\])", lambda match: ESCAPES[match.group(1)], text).encode("latin-1")


def octets_of(text):
    """Escapes are single octets, everything else is UTF-8."""
    pieces = re.split(r"(\\x[0-9A-Fa-f]{2}|\\[rnt0\\])", text)
    return b"".join(unescape(piece) if piece.startswith("\\") else piece.encode() for piece in pieces)


class Script:
    def __init__(self, name):
        self.name = name
        self.settings, self.steps = {}, []
        with open(os.path.join(FOLDER, name + ".smtp")) as file:
            for line in file.read().split("\n"):
                self.read(line)

    def read(self, line):
        if not line.strip() or line.startswith("#"):
            return
        word, _, rest = line.partition(" ")
        if word == "set":
            name, _, value = rest.partition(" ")
            self.settings[name] = value
        elif word in ("C:", "C~", "C*"):
            self.add_octets(word, rest)
        else:
            self.steps.append((word, rest))

    def add_octets(self, word, rest):
        if word == "C*":
            count, _, text = rest.partition(" ")
            data = octets_of(text) * int(count)
        else:
            data = octets_of(rest) if word == "C~" else rest.encode() + b"\r\n"
        if self.steps and self.steps[-1][0] == "send":
            data = self.steps.pop()[1] + data
        self.steps.append(("send", data))

    def why_not(self):
        """Why the running program cannot be put in the script's place, or None."""
        if any(word in ("answer", "discard") for word, _ in self.steps):
            return "asks the owner of the machine"
        unknown = set(self.settings) - IN_CONFIGURATION
        if unknown:
            return f"option {unknown}"
        for name, smallest in SMALLEST.items():
            if name in self.settings and int(self.settings[name]) < smallest:
                return f"{name} below {smallest}"
        if "auth" in self.settings and "auth_required" not in self.settings and mails_unauthenticated(self):
            return "AUTH offered and not required"
        return None


def mails_unauthenticated(script):
    sent = b"".join(data for word, data in script.steps if word == "send")
    return b"MAIL FROM" in sent


def scripts():
    return [Script(file[:-5]) for file in sorted(os.listdir(FOLDER)) if file.endswith(".smtp")]


def configuration(case, settings):
    config = with_tls()
    listener = config["listeners"]["mx"]
    listener["tls"] = (
        "implicit" if "implicit_tls" in settings else "none" if "no_starttls" in settings else "starttls"
    )
    listener["tls_required"] = "tls_required" in settings
    if "auth" in settings or "auth_required" in settings:
        listener["auth"] = "required"
        config["users"] = users_file(case, anna="secret")
    if "lenient" in settings or "normalize" in settings:
        config["lenient_networks"] = ["127.0.0.1"]
    limits = {"junk": "junk_commands"}
    config["limits"] = {
        limits.get(name, name): int(settings[name])
        for name in ("message_size", "recipients", "errors", "junk", "line_length")
        if name in settings
    }
    return config


def site_for(case, settings):
    capabilities = USUAL + [name.upper() for name in ("smtputf8", "dsn") if name in settings]
    hop = case.next_hop(capabilities=capabilities, known={"anna", "bob", "it"})
    hop.unknown = "550 5.1.1 No such mailbox"
    site = case.site(configuration(case, settings), hop=hop)
    site.exact = False
    site.control = not {
        "implicit_tls",
        "tls_required",
        "auth",
        "auth_required",
        "errors",
        "junk",
        "line_length",
    } & set(settings)
    return site


def play(site, script):
    client = site.connect(timeout=15)
    if "implicit_tls" in script.settings:
        client.handshake()
    before = len(site.hop.messages)
    for word, rest in script.steps:
        if word == "send":
            deliver_octets(client, rest)
        elif word == "S:":
            last = client.read_reply()
            expect(last, rest)
        elif word == "S!":
            check(rest not in shown(last), f"{rest!r} is in {last}")
        elif word == "tls":
            client.handshake()
        elif word == "closed":
            lines = client.read_to_end()
            check(not lines, f"more replies before the end: {lines}")
        elif word == "delivered":
            check(
                len(site.hop.messages) - before == int(rest),
                f"{len(site.hop.messages) - before} delivered instead of {rest}",
            )
        elif word == "content":
            check(
                site.hop.messages[-1].content.endswith(octets_of(rest)), f"{site.hop.messages[-1].content!r}"
            )
        else:
            raise Failure(f"unknown line {word} {rest}")
    client.close()


def deliver_octets(client, data):
    try:
        client.send(data)
    except OSError:
        pass  # the gateway may have closed already; its words are still to be read


def shown(reply):
    """As the scripts name it: all lines, the session's id being sess1."""
    return re.sub(r"; id [0-9a-z]{8,}(\.\d+)?", r"; id sess1\1", "\n".join(reply.lines))


def expect(reply, wanted):
    code, _, text = wanted.partition(" ")
    check(str(reply.code) == code, f"{reply} instead of {wanted}")
    check(text in shown(reply), f"{text!r} is not in {shown(reply)!r}")


def play_all(case, subject):
    sites, problems = {}, []
    for script in scripts():
        if re.split("[-.]", script.name)[0] != subject or script.why_not():
            continue
        key = str(sorted((name, value) for name, value in script.settings.items() if name != "whole"))
        if key not in sites:
            sites[key] = site_for(case, script.settings)
        try:
            play(sites[key], script)
        except (Failure, OSError) as problem:
            problems.append(
                f"{script.name}: {problem}\n    " + "\n    ".join(sites[key].clients[-1].transcript[-15:])
            )
    check(not problems, "\n".join(problems))


def subjects():
    return sorted({re.split("[-.]", script.name)[0] for script in scripts() if not script.why_not()})


def make(subject):
    def test(case):
        play_all(case, subject)

    return test


for _subject in subjects():
    globals()[
        f"test_dialogue_{_subject.upper() if re.fullmatch('[a-z][0-9]+', _subject) else _subject}"
    ] = make(_subject)
