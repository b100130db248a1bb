"""An SMTP client that can misbehave: raw bytes at any split, with a transcript of both directions.

Every 4xx and 5xx reply it reads is checked for an enhanced code and an id; what lacks one is kept in
`complaints`, and the case fails at its end.
"""

import base64
import re
import select
import socket
import ssl
import struct
import time

from .outcome import Failure, check, patience

SHOWN = 300  # octets of one write or line that a transcript shows
ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3} ")
ID_AT_END = re.compile(r"; id ([0-9A-Za-z.-]+)$")


class Reply:
    def __init__(self, lines):
        self.lines = lines  # as on the wire, without CRLF
        self.code = int(lines[0][:3])

    @property
    def texts(self):
        return [line[4:] for line in self.lines]

    @property
    def last(self):
        return self.lines[-1]

    @property
    def enhanced(self):
        match = ENHANCED.match(self.last[4:])
        return match.group().strip() if match else ""

    @property
    def id(self):
        match = ID_AT_END.search(self.last)
        return match.group(1) if match else ""

    def matches(self, wanted):
        """`wanted`: the beginning of the reply's last line, as "250", "5" or "550 5.7.1 cannot"."""
        last = self.last[:3] + " " + self.last[4:]
        return last.startswith(wanted)

    def __repr__(self):
        return " | ".join(self.lines)


class Client:
    def __init__(self, address, *, source=None, timeout=20, family=socket.AF_INET, receive_buffer=None):
        self.transcript = []
        self.complaints = []
        self.refusals = []
        self.needs_id = True
        self.spoke = False
        self.timeout = timeout * patience()
        self.buffer = b""
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(self.timeout)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local = self.socket.getsockname()

    # -- bytes ------------------------------------------------------------------------------------

    def note(self, mark, data):
        text = data if isinstance(data, str) else repr(data[:SHOWN])[2:-1]
        more = f" … {len(data)} octets" if len(data) > SHOWN else ""
        self.transcript.append(f"{time.monotonic() % 1000:8.3f} {mark} {text}{more}")

    def send(self, data):
        data = data.encode() if isinstance(data, str) else data
        self.spoke = self.spoke or bool(data)
        self.note("C:", data)
        self.socket.sendall(data)

    def send_split(self, data, at):
        """Two segments: TCP_NODELAY and a turn of the server's loop in between."""
        self.send(data[:at])
        self.send(data[at:])

    def line(self, text):
        self.send((text.encode() if isinstance(text, str) else text) + b"\r\n")

    def fill(self):
        try:
            piece = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError) as error:
            self.note("--", f"{type(error).__name__}: {error}")
            return False
        except TimeoutError:
            raise Failure(f"the gateway was silent for {self.socket.gettimeout()} s") from None
        if not piece:
            self.note("--", "end of stream")
        self.buffer += piece
        return bool(piece)

    def read_line(self):
        while b"\n" not in self.buffer:
            if not self.fill():
                raise Failure(f"connection ended where a reply was due, after {self.buffer!r}")
        line, _, self.buffer = self.buffer.partition(b"\n")
        self.note("S:", line)
        check(line.endswith(b"\r"), f"reply line does not end in CRLF: {line!r}")
        return line[:-1].decode("utf-8", "surrogateescape")

    def read_reply(self):
        lines = [self.read_line()]
        check(re.match(r"[2345]\d\d[ -]", lines[0]), f"not a reply: {lines[0]!r}")
        while lines[-1][3:4] == "-":
            lines.append(self.read_line())
            check(lines[-1][:3] == lines[0][:3], f"codes differ inside one reply: {lines}")
        reply = Reply(lines)
        self.inspect(reply)
        return reply

    def inspect(self, reply):
        if reply.code < 400:
            return
        self.refusals.append(reply)
        if not all(ENHANCED.match(text) for text in reply.texts):
            self.complaints.append(f"no enhanced code: {reply}")
        if self.needs_id and not reply.id:
            self.complaints.append(f"no id: {reply}")
        if any(len(line) > 510 for line in reply.lines):
            self.complaints.append(f"reply line over 512 octets: {reply}")

    def expect(self, *wanted):
        reply = self.read_reply()
        check(any(reply.matches(one) for one in wanted), f"expected {' or '.join(wanted)}, got: {reply}")
        return reply

    def expect_closed(self, timeout=10):
        """The gateway ends the connection, without another octet."""
        self.socket.settimeout(timeout * patience())
        check(not self.buffer, f"unread before the end: {self.buffer!r}")
        check(not self.fill(), f"expected the end, got: {self.buffer!r}")
        self.close()

    def read_to_end(self, timeout=10):
        """All replies up to the end of the connection; a reset counts as its end."""
        self.socket.settimeout(timeout * patience())
        while self.fill():
            pass
        self.close()
        data, self.buffer = self.buffer, b""
        lines = data.decode("utf-8", "surrogateescape").split("\r\n")
        for line in filter(None, lines):
            self.note("S:", line)
            if line[:1] in "45" and line[3:4] == " ":
                self.inspect(Reply([line]))
        return [line for line in lines if line]

    def is_silent(self, seconds):
        """Nothing is readable for so long: used where silence itself is the claim."""
        if self.buffer:
            return False
        readable, _, _ = select.select([self.socket], [], [], seconds)
        return not readable

    # -- commands ---------------------------------------------------------------------------------

    def command(self, line, *wanted):
        self.line(line)
        return self.expect(*(wanted or ("2",)))

    def greet(self):
        return self.expect("220")

    def ehlo(self, name="client.example.net"):
        reply = self.command(f"EHLO {name}", "250")
        self.offers = {text.split(" ")[0].upper(): text for text in reply.texts[1:]}
        return reply

    def hello(self, name="client.example.net"):
        self.greet()
        self.ehlo(name)
        return self

    def starttls(self, context=None, server_name="mx.example.test"):
        self.command("STARTTLS", "220")
        self.handshake(context, server_name)

    def handshake(self, context=None, server_name="mx.example.test"):
        check(not self.buffer, f"octets before the handshake: {self.buffer!r}")
        context = context or trusting_context()
        self.socket = context.wrap_socket(self.socket, server_hostname=server_name)
        self.note("--", f"TLS {self.socket.version()} {self.socket.cipher()[0]}")

    def mail(self, sender="sender@example.net", parameters="", *wanted):
        return self.command(
            f"MAIL FROM:<{sender}>{' ' + parameters if parameters else ''}", *(wanted or ("250",))
        )

    def rcpt(self, recipient, *wanted, parameters=""):
        return self.command(
            f"RCPT TO:<{recipient}>{' ' + parameters if parameters else ''}", *(wanted or ("250",))
        )

    def data(self, content, *wanted):
        self.command("DATA", "354")
        return self.content(content, *wanted)

    def content(self, content, *wanted):
        """`content` is what the next hop should hold, CRLF throughout: dots are stuffed here."""
        self.send(stuffed(content))
        return self.expect(*(wanted or ("250",)))

    def bdat(self, chunk, last=False, *wanted):
        chunk = chunk.encode() if isinstance(chunk, str) else chunk
        self.send(b"BDAT %d%s\r\n" % (len(chunk), b" LAST" if last else b"") + chunk)
        return self.expect(*(wanted or ("250",)))

    def envelope(self, *recipients, sender="sender@example.net"):
        self.mail(sender)
        for recipient in recipients or ("anna@example.test",):
            self.rcpt(recipient)
        return self

    def auth_plain(self, user, password, *wanted):
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        return self.command(f"AUTH PLAIN {token}", *(wanted or ("235",)))

    def quit(self):
        self.command("QUIT", "221")
        self.expect_closed()

    # -- ends -------------------------------------------------------------------------------------

    def shut(self):
        self.note("C:", "-- FIN")
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.note("C:", "-- RST")
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def stuffed(content):
    content = content.encode() if isinstance(content, str) else content
    check(content.endswith(b"\r\n") or not content, "content for DATA must end in CRLF")
    stuffed_lines = content.replace(b"\r\n.", b"\r\n..")
    return (b"." if content.startswith(b".") else b"") + stuffed_lines + b".\r\n"


def trusting_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def message(body="Hello.\r\n", subject="A message", **fields):
    """A plain message, CRLF throughout."""
    lines = [f"Subject: {subject}", "From: <sender@example.net>"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
