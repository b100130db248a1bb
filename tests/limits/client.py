"""An SMTP client for heavy load: thousands of them live in one event loop."""

import asyncio
import contextlib
import socket
import ssl
import time

TIME = 60  # seconds for any one answer


def trusting_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Refused(Exception):
    """A reply of another class than was wanted; `reply` has it."""

    def __init__(self, reply):
        super().__init__(reply)
        self.reply = reply


class Client:
    @classmethod
    async def connect(cls, port, source=None):
        self = cls()
        local = (source, 0) if source else None
        self.reader, self.writer = await asyncio.wait_for(
            asyncio.open_connection("127.0.0.1", port, local_addr=local), TIME
        )
        return self

    async def reply(self):
        """The last line of a reply; ConnectionError at the end of the connection."""
        while True:
            line = await asyncio.wait_for(self.reader.readline(), TIME)
            if not line.endswith(b"\n"):
                raise ConnectionResetError("closed instead of a reply")
            if line[3:4] != b"-":
                return line.decode("latin-1").rstrip()

    async def expect(self, wanted):
        reply = await self.reply()
        if not reply.startswith(wanted):
            raise Refused(reply)
        return reply

    async def command(self, line, wanted="250"):
        self.writer.write(line.encode("latin-1") + b"\r\n")
        return await self.expect(wanted)

    async def hello(self, name="client.example.net"):
        await self.expect("220")
        return await self.command(f"EHLO {name}")

    async def start_tls(self, context):
        await self.command("STARTTLS", "220")
        await asyncio.wait_for(self.writer.start_tls(context), TIME)
        await self.command("EHLO client.example.net")

    async def envelope(self, sender, recipient):
        await self.command(f"MAIL FROM:<{sender}>")
        await self.command(f"RCPT TO:<{recipient}>")
        await self.command("DATA", "354")

    async def deliver(self, sender, recipient, content):
        await self.envelope(sender, recipient)
        self.writer.write(content + b"\r\n.\r\n")
        return await self.expect("250")

    async def quit(self):
        await self.command("QUIT", "221")
        await self.close()

    async def close(self):
        self.writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await asyncio.wait_for(self.writer.wait_closed(), TIME)

    def abort(self):
        """As a crashed peer: RST."""
        with contextlib.suppress(OSError, AttributeError):  # a broken TLS transport has no socket any more
            raw = self.writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        with contextlib.suppress(AttributeError):
            self.writer.transport.abort()


def content(token, octets=1024):
    line = b"x" * 76 + b"\r\n"
    head = f"From: <sender@example.net>\r\nSubject: {token}\r\n\r\n".encode()
    return head + line * max(1, (octets - len(head)) // len(line)) + b"end"


async def control_mail(gateway, hop, token):
    """A mail that must pass; returns the seconds it took."""
    began = time.monotonic()
    client = await Client.connect(gateway.port, "127.200.0.1")
    await client.hello()
    await client.deliver("sender@example.net", "user0@example.test", content(token))
    await client.quit()
    if hop.taken[token] != 1:
        raise ConnectionError("the control mail is not at the next hop")
    return time.monotonic() - began
