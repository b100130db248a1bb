"""A next hop for heavy load, in the event loop of its client: it knows user0, user1 ..., and remembers what it took.

A message is known by the token in its Subject. Nothing else of it is kept.
"""

import asyncio
import collections
import contextlib
import re

TOKEN = re.compile(rb"^Subject: (\S+)", re.MULTILINE)
KNOWN = re.compile(rb"RCPT TO:<(user\d+|it)@", re.IGNORECASE)
OFFERS = b"250-hop.example.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 100000000\r\n"


class Hop:
    def __init__(self):
        self.taken = collections.Counter()  # by token
        self.connections = 0
        self.most = 0
        self.open = set()
        self.hold = None  # an Event: the answer to a final dot waits for it
        self.server = None

    async def start(self, port, address="127.0.0.1"):
        self.server = await asyncio.start_server(self.serve, address, port, limit=64 << 20, backlog=1024)

    async def stop(self):
        """Refuses connections, and ends those that are open."""
        self.server.close()
        for writer in list(self.open):
            writer.close()

    async def serve(self, reader, writer):
        self.connections += 1
        self.open.add(writer)
        self.most = max(self.most, len(self.open))
        try:
            await self.talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open.discard(writer)
            with contextlib.suppress(Exception):
                writer.close()

    async def talk(self, reader, writer):
        writer.write(b"220 hop.example.test ESMTP\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(OFFERS)
            elif verb == b"RCPT":
                writer.write(self.judge(line))
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                await writer.drain()
                writer.write(await self.take(reader))
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 2.0.0 ok\r\n")

    @staticmethod
    def judge(line):
        known = KNOWN.match(line)
        return b"250 2.1.5 ok\r\n" if known else b"550 5.1.1 no such user\r\n"

    async def take(self, reader):
        content = await reader.readuntil(b"\r\n.\r\n")
        if self.hold:
            await self.hold.wait()
        token = TOKEN.search(content)
        self.taken[token.group(1).decode() if token else "?"] += 1
        return b"250 2.0.0 taken\r\n"
