"""The next hop of both: takes any syntax, knows some mailboxes, and writes down what arrives.

It must not judge what it is here to compare: whatever reaches it gets the same answer from whomever.
"""

import re
import socket
import threading

from harness.ports import free_port

KNOWN = {"anna", "bob", "it", "postmaster", "abuse"}
CAPABILITIES = ["PIPELINING", "8BITMIME", "SIZE 100000000", "ENHANCEDSTATUSCODES"]


def address_of(argument):
    """Of `<path> parameters` in any form; without the source route, and quoted only where it must be."""
    match = re.match(r'\s*<((?:"(?:[^"\\]|\\.)*"|[^">])*)>|\s*(\S*)', argument)
    path = match.group(1) if match.group(1) is not None else match.group(2)
    path = re.sub(r"^@[^:]*:", "", path)
    local, _, domain = path.rpartition("@")
    if re.fullmatch(r'"[A-Za-z0-9._+-]+"', local):
        local = local[1:-1]
    return f"{local}@{domain}" if domain and local else path


class Message:
    def __init__(self, sender):
        self.sender, self.recipients, self.content = sender, [], b""


class Sink:
    def __init__(self, capabilities=()):
        self.capabilities = [*CAPABILITIES, *capabilities]
        self.messages = []
        self.port = free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=200)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(accepted,), daemon=True).start()

    def serve(self, accepted):
        with accepted:
            try:
                Dialogue(self, accepted).run()
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Dialogue:
    def __init__(self, sink, accepted):
        self.sink, self.socket = sink, accepted
        self.buffer, self.message = b"", None

    def until(self, end):
        """What comes before `end`; None at the end of the connection."""
        searched = 0
        while (at := self.buffer.find(end, searched)) < 0:
            searched = max(0, len(self.buffer) - len(end))
            piece = self.socket.recv(1 << 20)
            if not piece:
                return None
            self.buffer += piece
        found, self.buffer = self.buffer[:at], self.buffer[at + len(end) :]
        return found

    def say(self, *lines):
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def run(self):
        self.say("220 sink.example.test ESMTP")
        while (line := self.until(b"\r\n")) is not None:
            verb, _, rest = line.decode("utf-8", "surrogateescape").partition(" ")
            if verb.upper() == "QUIT":
                return self.say("221 2.0.0 bye")
            handler = getattr(self, "do_" + verb.lower(), None)
            handler(rest) if handler else self.say("500 5.5.1 what?")
        return None

    def do_ehlo(self, rest):
        lines = ["sink.example.test", *self.sink.capabilities]
        self.say(*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}")

    def do_helo(self, rest):
        self.say("250 sink.example.test")

    def do_mail(self, rest):
        self.message = Message(address_of(rest.partition(":")[2]))
        self.say("250 2.1.0 ok")

    def do_rcpt(self, rest):
        address = address_of(rest.partition(":")[2])
        if address.rpartition("@")[0].lower() not in KNOWN and address.lower() not in KNOWN:
            return self.say("550 5.1.1 No such mailbox")
        self.message.recipients.append(address)
        return self.say("250 2.1.5 ok")

    def do_rset(self, rest):
        self.message = None
        self.say("250 2.0.0 ok")

    def do_noop(self, rest):
        self.say("250 2.0.0 ok")

    def do_data(self, rest):
        if not self.message or not self.message.recipients:
            return self.say("503 5.5.1 no recipient")
        self.say("354 go ahead")
        self.buffer = b"\r\n" + self.buffer
        content = self.until(b"\r\n.\r\n")
        if content is None:
            return None
        content = content + b"\r\n" if content else b"\r\n"
        self.message.content = content.replace(b"\r\n.", b"\r\n")[2:]
        self.sink.messages.append(self.message)
        self.message = None
        return self.say("250 2.0.0 taken")
