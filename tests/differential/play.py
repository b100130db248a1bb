"""Plays one session at one server, and records the class of each reply and what arrived behind it.

Replies are counted, never timed: a step waits for as many as it must bring. Only where the list of differences
says that nothing comes is the wait short; whatever came after all would be found in the next step or at the end.
"""

import itertools
import os
import re
import socket
import ssl

from harness.client import trusting_context

PATIENCE = float(os.environ.get("SALLYPORT_DIFFERENTIAL_PATIENCE", 30))  # seconds for a reply that is due
SILENCE = 0.2  # for one that is known not to come


class Record:
    def __init__(self):
        self.steps, self.replies = [], []  # classes as text; the replies themselves, for the reader
        self.arrived = []


class Player:
    def __init__(self, server, session, silent):
        self.server, self.session, self.silent = server, session, silent
        self.socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.ended = b"", False
        self.record = Record()
        if "implicit_tls" in session.settings:
            self.handshake()

    def play(self):
        before = len(self.server.sink.messages)
        with self.socket:
            for number, step in enumerate(self.session.steps):
                self.step(number, step)
                if self.ended:
                    break
            else:
                self.finish()
        self.record.arrived = self.server.sink.messages[before:]
        return self.record

    def step(self, number, step):
        wait = SILENCE if number in self.silent else PATIENCE
        if step.word == "tls":
            return self.note([] if self.handshake() else ["no TLS"])
        if step.word == "closed":
            return self.note(self.replies(None, wait))
        self.send(step.octets)
        return self.note(self.replies(step.replies, wait))

    def note(self, replies):
        self.record.replies.append(replies)
        classes = [reply[:1] if reply[:1].isdigit() else reply for reply in replies]
        runs = [(name, len(list(run))) for name, run in itertools.groupby(classes)]
        self.record.steps.append(" ".join(name if times == 1 else f"{name}*{times}" for name, times in runs))

    def send(self, octets):
        try:
            self.socket.sendall(octets)
        except OSError:
            pass  # its last words are still to be read

    def handshake(self):
        try:
            self.socket = trusting_context().wrap_socket(self.socket, server_hostname="mx.example.test")
            return True
        except (OSError, ssl.SSLError):
            self.ended = True
            return False

    def replies(self, count, wait):
        """So many; with None all up to the end. What cuts them short is the last: `silent`, `closed`."""
        found = []
        while count is None or len(found) < count:
            reply = self.next_reply(wait)
            found.append(reply)
            if reply in ("closed", "silent"):
                break
        return found

    def next_reply(self, wait):
        self.socket.settimeout(wait)
        while not (match := re.match(rb"(?:\d{3}-[^\n]*\n)*\d{3}[^-\n][^\n]*\n|\d{3}\r?\n", self.buffer)):
            try:
                piece = self.socket.recv(65536)
            except TimeoutError:
                return "silent"
            except OSError:  # a reset: what had arrived before it was given to us
                piece = b""
            if not piece:
                self.ended = True
                return "closed"
            self.buffer += piece
        self.buffer = self.buffer[match.end() :]
        return match.group().decode("utf-8", "backslashreplace").strip().split("\n")[-1].strip()

    def finish(self):
        """Nothing more is said; what is read up to the end was one reply too many."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        extra = self.replies(None, PATIENCE)
        self.ended = False
        self.note(extra[:-1] if extra[-1] == "closed" else extra)
