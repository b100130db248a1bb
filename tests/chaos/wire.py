"""One SMTP connection, either side of it, over asyncio.

Closing is always at once: `close` leaves the kernel to send FIN, `reset` sends RST. Under TLS neither says
close_notify, and nothing is ever sent in clear on a connection that was encrypted.
"""

import asyncio
import contextlib
import re
import socket
import ssl
import struct

MOST = 64 * 1024 * 1024  # octets of a message that one read may hold
PATIENCE = 300  # seconds: longer than any answer may take, so that what hangs is named and not waited for
ID = re.compile(r"; id ([0-9A-Za-z.-]+)$")
GONE = (OSError, EOFError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError)


class Gone(Exception):
    """The other side is not there any more; the text says what was waited for."""


class Reply:
    def __init__(self, lines):
        self.code, self.text = int(lines[0][:3]), " ".join(line[4:] for line in lines)
        self.words = {line[4:].split(" ")[0].upper() for line in lines}

    def __str__(self):
        return f"{self.code} {self.text}"


class Wire:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.socket = writer.get_extra_info("socket")
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.encrypted = False

    async def awaited(self, action, what):
        try:
            async with asyncio.timeout(PATIENCE):
                return await action
        except TimeoutError:
            raise Gone(f"nothing for {PATIENCE} s: {what}") from None
        except GONE as error:
            raise Gone(f"{type(error).__name__}: {what}") from None

    async def line(self, what="a line"):
        line = await self.awaited(self.reader.readuntil(b"\r\n"), what)
        return line[:-2].decode("utf-8", "surrogateescape")

    async def reply(self, what):
        lines = [await self.line(what)]
        while lines[-1][3:4] == "-":
            lines.append(await self.line(what))
        return Reply(lines)

    async def octets(self, count, what):
        return await self.awaited(self.reader.readexactly(count), what)

    async def content(self):
        """Everything up to CRLF.CRLF, dots undone."""
        stuffed = await self.awaited(self.reader.readuntil(b"\r\n.\r\n"), "the end of data")
        return (b"\r\n" + stuffed[:-3]).replace(b"\r\n.", b"\r\n")[2:]

    async def send(self, data, what="a write"):
        if isinstance(data, str):
            data = data.encode() + b"\r\n"
        try:
            self.writer.write(data)
        except GONE as error:
            raise Gone(f"{type(error).__name__}: {what}") from None
        await self.awaited(self.writer.drain(), what)

    async def command(self, text):
        await self.send(text, text)
        return await self.reply(f"the answer to {text[:40]}")

    async def start_tls(self, context, name=None):
        await self.awaited(self.writer.start_tls(context, server_hostname=name), "the TLS handshake")
        self.encrypted = True

    def close(self):
        self.writer.transport.abort()

    def reset(self):
        with contextlib.suppress(OSError):  # it is closed already
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def reset_now(self):
        """Returns once the kernel has sent it."""
        self.reset()
        with contextlib.suppress(*GONE):
            await self.writer.wait_closed()


def stuffed(content):
    return (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
