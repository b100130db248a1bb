"""What is played: the dialogues of tests/dialogue, and the recorded sessions of tests/differential/sessions.

A recorded session begins with `=== name  remark`. Its lines, after the greeting:

    > text      the client sends the line and CRLF, and awaits one reply
    + text      it sends the line and CRLF together with what follows
    ~ text      exactly that, with \\r \\n \\t \\0 \\\\ \\xNN, together with what follows
    * N text    the same N times over
    % N text    the line N times, and each time one reply is awaited
    < N         it sends what it has, and awaits N replies
    tls         the TLS handshake
    closed      the server has to end the connection

A file may begin with `set NAME [VALUE]` lines, as dialogues do; they hold for all its sessions.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))

from test_dialogues import Script, octets_of, scripts  # noqa: E402

FOLDER = os.path.join(HERE, "sessions")
NOT_OF_THE_WIRE = {"whole"}


class Step:
    """Octets and how many replies they bring; or `word` alone: tls, closed."""

    def __init__(self, octets=b"", replies=0, word="send"):
        self.octets, self.replies, self.word = octets, replies, word

    def __str__(self):
        shown = repr(self.octets[-70:])[2:-1]
        return (f"… {shown}" if len(self.octets) > 70 else shown) if self.word == "send" else self.word


class Session:
    """Step 0 is the greeting."""

    def __init__(self, name, settings):
        self.name = name
        self.settings = {key: value for key, value in settings.items() if key not in NOT_OF_THE_WIRE}
        self.steps = [Step(replies=1)]
        self.pending = b""

    @property
    def peers(self):
        """Sessions of equal settings share their servers."""
        return tuple(sorted(self.settings.items()))

    def add(self, octets):
        self.pending += octets

    def await_replies(self, count):
        self.steps.append(Step(self.pending, count))
        self.pending = b""

    def flush(self):
        """What brings no reply of its own."""
        if self.pending:
            self.await_replies(0)

    def word(self, word):
        self.flush()
        self.steps.append(Step(word=word))


def from_dialogue(script):
    """Its client's side; the replies it names are only counted."""
    session = Session(script.name, script.settings)
    steps = script.steps[1:] if script.steps[0][0] == "S:" else script.steps
    if steps is script.steps:
        session.steps[0].replies = 0
    for word, rest in steps:
        if word == "send":
            session.flush()
            session.add(rest)
        elif word == "S:" and session.pending:
            session.await_replies(1)
        elif word == "S:":
            session.steps[-1].replies += 1
        elif word in ("tls", "closed"):
            session.word(word)
    session.flush()
    return session


def dialogues():
    """Those the running program can be put to, without SMTP AUTH: Postfix has none of its own."""
    return [
        from_dialogue(script)
        for script in scripts()
        if not script.why_not() and not {"auth", "auth_required"} & set(script.settings)
    ]


def read_line(session, mark, rest):
    if mark == "<":
        session.await_replies(int(rest))
    elif mark == "%":
        count, _, text = rest.partition(" ")
        for _ in range(int(count)):
            read_line(session, ">", text)
    elif mark == "*":
        count, _, text = rest.partition(" ")
        session.add(octets_of(text) * int(count))
    elif mark == "~":
        session.add(octets_of(rest))
    elif mark in "+>":
        session.add(rest.encode() + b"\r\n")
        if mark == ">":
            session.await_replies(1)
    else:
        raise ValueError(f"{session.name}: what is {mark!r}?")


def read_file(path):
    settings, sessions = {}, []
    with open(path, encoding="utf-8") as file:
        for line in file.read().split("\n"):
            mark, _, rest = line.partition(" ")
            if not line or mark.startswith("#"):
                continue
            if mark == "===":
                sessions.append(Session(rest.split()[0], settings))
            elif mark == "set":
                name, _, value = rest.partition(" ")
                settings[name] = value
            elif mark in ("tls", "closed"):
                sessions[-1].word(mark)
            else:
                read_line(sessions[-1], mark, rest)
    for session in sessions:
        session.flush()
    return sessions


def recorded():
    return [
        session
        for file in sorted(os.listdir(FOLDER))
        if file.endswith(".smtp")
        for session in read_file(os.path.join(FOLDER, file))
    ]


def all_sessions():
    found = dialogues() + recorded()
    names = [session.name for session in found]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise ValueError(f"two sessions of one name: {doubled}")
    return found
