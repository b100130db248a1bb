"""One client of a scripted next hop: the server's side of SMTP or LMTP, strict about all it reads.

What the gateway must never send is noted as a fault of the hop: bare line ends, NUL, parameters and commands
that were not offered, AUTH in clear, MAIL inside a transaction.
"""

import base64
import collections
import re
import select
import socket
import ssl

from .next_hop_script import Hangup, Message


class Connection:
    """One client of the next hop, in a thread of its own."""

    def __init__(self, hop, accepted, number):
        self.hop, self.socket, self.number = hop, accepted, number
        self.buffer = b""
        self.lines = collections.deque()
        self.message = None
        self.under_tls = None
        self.authenticated = False

    def run(self):
        try:
            if self.hop.implicit_tls:
                self.handshake()
            self.answer("BANNER", "", f"220 {self.hop.name} ESMTP")
            while self.command():
                pass
        except (Hangup, OSError, ssl.SSLError, AssertionError) as error:
            self.hop.note(self.number, "--", f"ended: {type(error).__name__} {error}")
        finally:
            self.abort(clean=True)
            with self.hop.changed:
                self.hop.open.discard(self)
                self.hop.changed.notify_all()

    def abort(self, clean=False):
        try:
            if not clean:
                self.socket.shutdown(socket.SHUT_RDWR)
            else:
                self.socket.close()
        except OSError:
            pass

    def is_established(self):
        """As the kernel sees it: a FIN may be here before our thread has looked (tcp_info.tcpi_state)."""
        ESTABLISHED = 1
        try:
            return self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED
        except OSError:
            return False

    # -- octets -----------------------------------------------------------------------------------

    def receive(self):
        piece = self.socket.recv(65536)
        self.buffer += piece
        return piece

    def write(self, data):
        self.hop.note(self.number, "S:", data)
        self.socket.sendall(data)

    def reply(self, text):
        if text:
            self.write(text.replace("\n", "\r\n").encode("utf-8", "surrogateescape") + b"\r\n")

    def line(self):
        while not self.lines:
            self.split_lines()
        line = self.lines.popleft()
        bare = line[:-1] if line.endswith(b"\r") else line
        if not line.endswith(b"\r") or b"\r" in bare or b"\0" in bare:
            self.hop.fault(self.number, f"bare CR, bare LF or NUL: {line[:200]!r}")
        return bare

    def split_lines(self):
        """Whole lines, cut once: content has many of them."""
        *whole, self.buffer = self.buffer.split(b"\n")
        self.lines.extend(whole)
        if not whole and not self.receive():
            raise Hangup

    def pending(self):
        return b"".join(line + b"\n" for line in self.lines) + self.buffer

    def await_more(self, seconds):
        """Waits for what the client may send without waiting for us."""
        while not self.lines and select.select([self.socket], [], [], seconds)[0] and self.receive():
            *whole, self.buffer = self.buffer.split(b"\n")
            self.lines.extend(whole)

    def must_wait(self, seconds):
        """A client that was not offered PIPELINING waits for our answer."""
        if self.pending() or select.select([self.socket], [], [], seconds)[0]:
            self.hop.fault(self.number, f"not waited for, PIPELINING was not offered: {self.pending()!r}")

    def unread(self):
        """What was received and not consumed, as octets."""
        data = self.pending()
        self.lines.clear()
        return data

    def decide(self, verb, text, usual):
        rule = self.hop.rule_for(verb, text)
        said = rule.action if rule else None
        if callable(said):
            said = said(self)
        return usual if said is None else said

    def answer(self, verb, text, usual):
        """Gives the rule's answer or the usual one; returns what was said."""
        said = self.decide(verb, text, usual)
        self.reply(said)
        return said

    # -- commands ---------------------------------------------------------------------------------

    def command(self):
        line = self.line()
        self.hop.note(self.number, "C:", line)
        text = line.decode("utf-8", "surrogateescape")
        with self.hop.changed:
            self.hop.lines.append(text)
            self.hop.changed.notify_all()
        if len(text) > 2000:
            self.hop.fault(self.number, "command line over 2,000 octets")
        verb, _, argument = text.partition(" ")
        handler = getattr(self, "do_" + verb.lower(), None)
        if not handler:
            self.hop.fault(self.number, f"unknown command {text[:100]!r}")
            self.reply("500 5.5.1 what?")
            return True
        return handler(text, argument) is not False

    def hello(self, verb, text):
        self.message = None
        lines = [f"{self.hop.name} greets you"] + self.offers()
        usual = "\n".join(f"250{'-' if n + 1 < len(lines) else ' '}{line}" for n, line in enumerate(lines))
        self.answer(verb, text, usual)

    def offers(self):
        offers = list(self.hop.capabilities)
        if self.hop.tls and not self.under_tls:
            offers.append("STARTTLS")
        if self.hop.users:
            offers.append("AUTH PLAIN LOGIN")
        return offers

    def do_ehlo(self, text, argument):
        if self.hop.lmtp:
            return self.reply("500 5.5.1 LHLO here")
        return self.hello("EHLO", text)

    def do_lhlo(self, text, argument):
        if not self.hop.lmtp:
            return self.reply("500 5.5.1 EHLO here")
        return self.hello("LHLO", text)

    def do_helo(self, text, argument):
        self.answer("HELO", text, f"250 {self.hop.name}")

    def do_starttls(self, text, argument):
        usual = "220 2.0.0 go ahead" if self.hop.tls else "454 4.7.0 no TLS here"
        if self.answer("STARTTLS", text, usual).startswith("220"):
            self.handshake()

    def handshake(self):
        rule = self.hop.rule_for("HANDSHAKE")
        if rule:
            rule.action(self)
        early = self.unread()
        if early:
            self.hop.fault(self.number, f"octets before the handshake: {early!r}")
        self.socket = self.hop.tls.wrap_socket(self.socket, server_side=True)
        self.under_tls = self.socket.version()
        self.hop.note(self.number, "--", f"TLS {self.under_tls} {self.socket.getpeercert() or ''}")

    def do_auth(self, text, argument):
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() != "PLAIN" or not self.under_tls:
            self.hop.fault(self.number, f"AUTH {mechanism} {'in clear' if not self.under_tls else ''}")
        if not initial:
            self.reply("334 ")
            initial = self.line().decode()
        _, user, password = base64.b64decode(initial).decode().split("\0")
        right = self.hop.users.get(user) == password
        self.authenticated = self.authenticated or right
        self.answer("AUTH", text, "235 2.7.0 welcome" if right else "535 5.7.8 wrong")

    def do_mail(self, text, argument):
        match = re.fullmatch(r"FROM:<(.*)>((?: [^ ]+)*)", argument, re.IGNORECASE)
        if not match:
            self.hop.fault(self.number, f"malformed MAIL {argument!r}")
            return self.reply("501 5.5.4 malformed")
        if self.message:
            self.hop.fault(self.number, "MAIL inside a transaction")
        self.check_parameters(match.group(2).split(), "MAIL")
        said = self.answer("MAIL", text, "250 2.1.0 ok")
        if said.startswith("2"):
            self.message = Message(match.group(1), match.group(2).split())
            self.message.tls, self.message.connection = self.under_tls, self.number
        return None

    def check_parameters(self, parameters, verb):
        """RFC 5321 4.1.1.11: only what was offered in the last EHLO."""
        offered = {offer.split(" ")[0].upper() for offer in self.hop.capabilities}
        needs = {
            "SIZE": "SIZE",
            "BODY": "8BITMIME",
            "SMTPUTF8": "SMTPUTF8",
            "RET": "DSN",
            "ENVID": "DSN",
            "NOTIFY": "DSN",
            "ORCPT": "DSN",
            "AUTH": "AUTH",
        }
        for parameter in parameters:
            need = needs.get(parameter.partition("=")[0].upper(), "?")
            if need not in offered:
                self.hop.fault(self.number, f"{verb} parameter {parameter} was not offered")

    def do_rcpt(self, text, argument):
        match = re.fullmatch(
            r"TO:<((?:[^\"<>]|\"(?:[^\"\\]|\\.)*\")*)>((?: [^ ]+)*)", argument, re.IGNORECASE
        )
        if not match:
            self.hop.fault(self.number, f"malformed RCPT {argument!r}")
            return self.reply("501 5.5.4 malformed")
        if not self.message:
            return self.reply("503 5.5.1 MAIL first")
        self.check_parameters(match.group(2).split(), "RCPT")
        address = match.group(1)
        usual = "250 2.1.5 ok" if self.hop.knows(address) else self.hop.unknown
        if self.answer("RCPT", text, usual).startswith("2"):
            self.message.recipients.append((address, match.group(2).split()))
        return None

    def do_rset(self, text, argument):
        self.message = None
        self.answer("RSET", text, "250 2.0.0 forgotten")

    def do_noop(self, text, argument):
        self.answer("NOOP", text, "250 2.0.0 ok")

    def do_quit(self, text, argument):
        self.answer("QUIT", text, "221 2.0.0 bye")
        return False

    # -- content ----------------------------------------------------------------------------------

    def do_data(self, text, argument):
        ready = self.message and self.message.recipients
        usual = "354 go ahead" if ready else "503 5.5.1 no recipient"
        if not self.answer("DATA", text, usual).startswith("3"):
            return
        lines = []
        while True:
            self.watch_body(self.message.octets)
            line = self.line()
            if line == b".":
                break
            self.message.octets += len(line) + 2
            lines.append(line[1:] if line.startswith(b".") else line)
        self.message.content = b"".join(line + b"\r\n" for line in lines)
        self.hop.note(self.number, "--", f"dot after {self.message.octets} octets")
        self.complete(text)

    def do_bdat(self, text, argument):
        if "CHUNKING" not in map(str.upper, self.hop.capabilities):
            self.hop.fault(self.number, "BDAT was not offered")
        size, _, last = argument.partition(" ")
        wanted = int(size)
        self.buffer = self.unread()
        while len(self.buffer) < wanted:
            if self.message:
                self.watch_body(len(self.message.content) + len(self.buffer))
            if not self.receive():
                raise Hangup
        chunk, self.buffer = self.buffer[:wanted], self.buffer[wanted:]
        if not self.message or not self.message.recipients:
            return self.reply("503 5.5.1 no recipient")
        self.message.chunks.append(len(chunk))
        self.message.content += chunk
        if last.upper() != "LAST":
            return self.answer("BDAT", text, "250 2.0.0 more")
        self.hop.note(self.number, "--", f"last chunk, {len(self.message.content)} octets")
        return self.complete(text)

    def watch_body(self, octets):
        rule = self.hop.body_rule()
        if rule and octets >= rule.at:
            self.hop.rule_for("BODY")
            said = rule.action(self) if callable(rule.action) else rule.action
            self.reply(said)

    def complete(self, text):
        """The end of the content. What is taken is kept before it is answered, as servers do."""
        message, self.message = self.message, None
        if self.hop.lmtp:
            return self.complete_each(message)
        said = self.decide_end(message, text)
        self.keep_as(message, said)
        return self.reply(said)

    def complete_each(self, message):
        for address in message.to:
            said = self.decide_end(message, address)
            if said.startswith("2"):
                message.taken.append(address)
            if said.startswith("2") and len(message.taken) == 1:
                self.keep_as(message, said)
            self.reply(said)
        if not message.taken:
            self.hop.keep(message, self.hop.refused)

    def decide_end(self, message, text):
        try:
            return self.decide("DOT", text, "250 2.0.0 taken")
        except (Hangup, OSError, AssertionError):
            self.hop.keep(message, self.hop.unanswered)
            raise

    def keep_as(self, message, said):
        message.acknowledged = said.startswith("2")
        shelf = (
            self.hop.unanswered
            if not said
            else self.hop.messages
            if message.acknowledged
            else self.hop.refused
        )
        self.hop.keep(message, shelf)
