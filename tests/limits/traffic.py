"""Mixed traffic, good and bad: each session plays one part, chosen by weight.

What a part is answered is judged: a good mail must be answered 250, a bad one refused, and every token
that was answered 250 must be at the next hop. A client whose connection is lost after its dot tries the
same message again, as mail servers do, and is answered 250 without a second copy.
"""

import asyncio
import collections
import random
import time

from client import Client, Refused, content, trusting_context

SENDERS, RECIPIENTS, UNKNOWN = 2000, 500, 1000  # like a company's correspondents: a finite number of them


class Traffic:
    def __init__(self, port, hop, seed=1, strangers=False):
        self.port, self.hop = port, hop
        self.strangers = strangers  # every name is a new one
        self.random = random.Random(seed)
        self.tls = trusting_context()
        self.sessions = 0
        self.answered = set()  # tokens
        self.latencies = []  # seconds from connect to the 250 of a plain mail
        self.outcomes = collections.Counter()
        self.surprises = collections.Counter()
        self.running = {}  # each session's task, and the clients that it opened

    # -- names ------------------------------------------------------------------------------------

    def number(self, below):
        return self.sessions if self.strangers else self.random.randrange(below)

    def sender(self):
        return f"sender{self.number(SENDERS)}@example.net"

    def recipient(self):
        return f"user{self.number(RECIPIENTS)}@example.test"

    def token(self):
        return f"t{self.sessions}-{self.random.getrandbits(48):x}"

    async def session(self):
        source = f"127.{self.random.randrange(1, 120)}.{self.random.randrange(256)}.{self.random.randrange(1, 255)}"
        client = await Client.connect(self.port, source)
        self.running[asyncio.current_task()].append(client)
        return client

    async def mail(self, client, octets=1024):
        token = self.token()
        await client.deliver(self.sender(), self.recipient(), content(token, octets))
        self.answered.add(token)

    # -- the parts: good --------------------------------------------------------------------------

    async def plain(self):
        began = time.monotonic()
        client = await self.session()
        await client.hello()
        await self.mail(client)
        self.latencies.append(time.monotonic() - began)
        await client.quit()

    async def several(self):
        client = await self.session()
        await client.hello()
        for _ in range(4):
            await self.mail(client)
        await client.quit()

    async def starttls(self):
        client = await self.session()
        await client.hello()
        await client.start_tls(self.tls)
        await self.mail(client)
        await client.quit()

    async def large(self):
        client = await self.session()
        await client.hello()
        await self.mail(client, 64 * 1024)
        await client.quit()

    async def chunked(self):
        client = await self.session()
        await client.hello()
        token = self.token()
        body = content(token) + b"\r\n"
        await client.command(f"MAIL FROM:<{self.sender()}>")
        await client.command(f"RCPT TO:<{self.recipient()}>")
        client.writer.write(b"BDAT %d\r\n%b" % (len(body) // 2, body[: len(body) // 2]))
        await client.expect("250")
        client.writer.write(b"BDAT %d LAST\r\n%b" % (len(body) - len(body) // 2, body[len(body) // 2 :]))
        await client.expect("250")
        self.answered.add(token)
        await client.quit()

    async def idle(self):
        client = await self.session()
        await client.hello()
        await asyncio.sleep(10 * self.random.random())
        await client.quit()

    async def left_after_dot(self):
        """The same message again until it is answered."""
        token = self.token()
        sender, recipient = f"sender{self.number(20)}@example.net", "user1@example.test"
        client = await self.session()
        await client.hello()
        await client.envelope(sender, recipient)
        client.writer.write(content(token) + b"\r\n.\r\n")
        if self.random.random() < 0.5:
            await asyncio.sleep(0.01 * self.random.random())
        client.abort()
        for _ in range(20):
            await asyncio.sleep(1)  # mail servers wait minutes
            client = await self.session()
            await client.hello()
            try:
                await client.deliver(sender, recipient, content(token))
            except Refused as refused:
                self.outcomes["again: " + refused.reply[:9]] += 1
                client.abort()
                continue
            self.answered.add(token)
            return await client.quit()
        raise Refused("the retries were never answered 250")

    # -- the parts: bad ---------------------------------------------------------------------------

    async def refused(self, recipient, code):
        client = await self.session()
        await client.hello()
        await client.command(f"MAIL FROM:<{self.sender()}>")
        await client.command(f"RCPT TO:<{recipient}>", code)
        await client.quit()

    async def unknown(self):
        await self.refused(f"nobody{self.number(UNKNOWN)}@example.test", "550 5.1.1")

    async def relaying(self):
        await self.refused("user@elsewhere.example", "550 5.7.1")

    async def wrong_line_ends(self):
        client = await self.session()
        await client.hello()
        await client.envelope(self.sender(), self.recipient())
        client.writer.write(b"Subject: bare\n\nLF\r\n.\r\n")
        await client.expect("5")
        client.abort()

    async def oversize(self):
        client = await self.session()
        await client.hello()
        await client.envelope(self.sender(), self.recipient())
        client.writer.write(content("oversize", 300 * 1024) + b"\r\n.\r\n")
        await client.expect("552")
        await client.quit()

    async def garbage(self):
        client = await self.session()
        await client.expect("220")
        client.writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await client.expect("5")
        client.abort()

    async def broken_handshake(self):
        client = await self.session()
        await client.hello()
        await client.command("STARTTLS", "220")
        client.writer.write(b"this is no ClientHello\r\n" * 4)
        await client.reader.read()
        client.abort()

    async def left(self):
        """Gone at any stage, politely or not."""
        client = await self.session()
        stage = self.random.randrange(5)
        if stage > 0:
            await client.hello()
        if stage > 1:
            await client.command(f"MAIL FROM:<{self.sender()}>")
        if stage > 2:
            await client.command(f"RCPT TO:<{self.recipient()}>")
        if stage > 3:
            await client.command("DATA", "354")
            client.writer.write(content("unfinished")[:700])
        await client.close() if self.random.random() < 0.5 else client.abort()

    PARTS = {
        plain: 40, several: 10, starttls: 12, large: 3, chunked: 5, idle: 3, left_after_dot: 2,
        unknown: 8, relaying: 4, wrong_line_ends: 2, oversize: 1, garbage: 2, broken_handshake: 1, left: 7,
    }  # fmt: skip

    # -- running ----------------------------------------------------------------------------------

    async def play(self):
        part = self.random.choices(list(self.PARTS), self.PARTS.values())[0]
        self.sessions += 1
        try:
            await part(self)
            self.outcomes[part.__name__] += 1
        except (OSError, EOFError, TimeoutError, Refused) as problem:
            self.surprises[f"{part.__name__}: {problem!r}"[:160]] += 1
            for client in self.running[asyncio.current_task()]:
                client.abort()

    def start_one(self):
        task = asyncio.get_running_loop().create_task(self.play())
        self.running[task] = []
        task.add_done_callback(self.running.pop)

    async def run(self, rate, seconds=None, sessions=None, most=500):
        """Sessions begin at a steady rate, whatever the others take; at most `most` at once."""
        began = time.monotonic()
        begun = 0
        while (sessions is None or begun < sessions) and (seconds is None or time.monotonic() - began < seconds):
            due = int((time.monotonic() - began) * rate) + 1
            while begun < due and len(self.running) < most and (sessions is None or begun < sessions):
                self.start_one()
                begun += 1
            if len(self.running) >= most:
                began = time.monotonic() - begun / rate  # held up: no burst to make up for it
            await asyncio.sleep(0.01)

    async def rest(self):
        while self.running:
            await asyncio.wait(list(self.running), timeout=120)

    def judge(self):
        """(lost, doubled) among what was answered 250; forgets what was judged."""
        lost = [token for token in self.answered if self.hop.taken[token] == 0]
        doubled = [token for token in self.answered if self.hop.taken[token] > 1]
        self.answered.clear()
        self.hop.taken.clear()
        return lost, doubled

    def take_latencies(self):
        found, self.latencies = sorted(self.latencies), []
        if not found:
            return 0.0, 0.0
        return found[len(found) // 2], found[min(len(found) - 1, len(found) * 99 // 100)]
