"""Clients that deliver like an MTA: a message is kept until each of its recipients has a 250 or a 5xx.

A 250 counts when it was read; a client that dies behind it has forgotten it, and comes again.
"""

import asyncio
import contextlib
import itertools
import random
import ssl

from wire import Gone, Wire, stuffed

INSIDE = 60  # messages that are being delivered or wait for their next try
LONGEST_PAUSE = 2.0  # seconds between two tries: an MTA takes minutes, but the way is the same


class Forgotten(Exception):
    """The client ended its own connection, and knows nothing of an answer."""


class Clients:
    """`count` clients at once over one queue of mail. `complaints`: refusals that no reply may be."""

    def __init__(self, port, faults, seed, count=12, tls=True, keep=0.7):
        self.port, self.faults, self.count, self.tls, self.keep = port, faults, count, tls, keep
        self.queue = asyncio.Queue()
        self.rng = random.Random(f"clients {seed}")
        self.complaints = []
        self.outside = iter(())
        self.left = 0
        self.done = asyncio.Event()
        self.replies = 0  # to messages: what a kill may wait for
        self.answered = asyncio.Condition()
        self.gate = asyncio.Event()  # closed: nobody begins a session
        self.gate.set()

    def put(self, mails):
        """A few at a time, so that a message comes again soon and not behind all others."""
        self.left += len(mails)
        self.outside = iter(mails)
        for _ in range(INSIDE):
            self.put_next()

    def put_next(self):
        for mail in itertools.islice(self.outside, 1):
            self.queue.put_nowait(mail)

    async def run(self):
        """Until every message that was put is settled."""
        workers = [asyncio.create_task(self.work()) for _ in range(self.count)]
        waiting = asyncio.create_task(self.done.wait())
        try:
            done, _ = await asyncio.wait([waiting, *workers], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a worker ends by a bug of its own only
        finally:
            for task in [waiting, *workers]:
                task.cancel()
            await asyncio.gather(waiting, *workers, return_exceptions=True)

    async def work(self):
        while True:
            await self.gate.wait()
            mail = await self.queue.get()
            session = Session(self)
            try:
                await session.open()
                while mail:
                    await self.attempt(session, mail)
                    mail = self.next_mail()
                await session.quit()
            except (Gone, Forgotten) as reason:
                if mail:
                    self.put_back(mail, str(reason))
            finally:
                session.close()

    def next_mail(self):
        """Another one for a session that is open."""
        if self.rng.random() < self.keep:
            with contextlib.suppress(asyncio.QueueEmpty):
                return self.queue.get_nowait()
        return None

    async def attempt(self, session, mail):
        mail.attempts += 1
        reason = await session.deliver(mail)
        self.replies += 1
        async with self.answered:
            self.answered.notify_all()
        self.put_back(mail, reason)

    def put_back(self, mail, reason):
        """After a try: to the settled ones, or to those that come again."""
        mail.note(reason)
        if mail.settled:
            return self.settle(mail)
        pause = min(LONGEST_PAUSE, 0.05 * 2 ** min(mail.attempts, 8)) * (0.5 + self.rng.random())
        asyncio.get_running_loop().call_later(pause, self.queue.put_nowait, mail)

    def settle(self, mail):
        mail.settled_at = asyncio.get_running_loop().time()
        self.left -= 1
        self.put_next()
        if self.left == 0:
            self.done.set()

    def complain(self, mail, what, reply):
        self.complaints.append(f"{mail.where() if mail else 'a session'}: {what}: {reply}")


class Session:
    def __init__(self, clients):
        self.clients, self.rng, self.wire = clients, clients.rng, None

    async def open(self):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.clients.port)
        except OSError as error:
            raise Gone(f"cannot connect: {error}") from None
        self.wire = Wire(reader, writer)
        self.demand(None, "greeting", await self.wire.reply("the greeting"))
        await self.hello()
        if self.clients.tls and self.rng.random() < 0.4:
            self.demand(None, "STARTTLS", await self.wire.command("STARTTLS"))
            await self.wire.start_tls(trusting(), "mx.example.test")
            await self.hello()

    async def hello(self):
        reply = await self.wire.command("EHLO client.example.net")
        self.demand(None, "EHLO", reply)
        self.offers = reply.words

    def demand(self, mail, what, reply):
        """Anything but success ends the session; a 5xx here is never true."""
        if reply.code >= 500:
            self.clients.complain(mail, what, reply)
        if reply.code >= 400:
            raise Gone(f"{what}: {reply}")

    async def deliver(self, mail):
        """One try; what became of it is with the mail. Returns a word for those who wait."""
        recipients = list(mail.pending)
        self.rng.shuffle(recipients)
        fault, rng = self.clients.faults.of_client(mail.number, mail.attempts)
        accepted, reason = await self.envelope(mail, recipients)
        if not accepted:
            await self.wire.command("RSET")
            return reason
        reply = await self.content(mail, fault, rng)
        if reply.code == 250:
            if fault in ("close after 250", "reset after 250"):
                self.die(fault)
            mail.acknowledge(accepted)
        elif reply.code >= 500:
            mail.refuse(accepted, str(reply))
        if reply.code != 250:
            await self.wire.command("RSET")  # what comes next on this session begins anew
        return f"{reason}; {reply}"

    async def envelope(self, mail, recipients):
        """MAIL and all RCPT in one write (RFC 2920). Returns who was accepted."""
        lines = [f"MAIL FROM:<{mail.sender}>"] + [f"RCPT TO:<{one}>" for one in recipients]
        await self.wire.send("\r\n".join(lines))
        self.demand(mail, "MAIL", await self.wire.reply("the answer to MAIL"))
        accepted, reason = [], "all recipients accepted"
        for recipient in recipients:
            reply = await self.wire.reply(f"the answer to RCPT {recipient}")
            if reply.code == 250:
                accepted.append(recipient)
            elif reply.code >= 500:
                mail.refuse([recipient], str(reply))
            else:
                reason = f"RCPT {recipient}: {reply}"
        return accepted, reason

    async def content(self, mail, fault, rng):
        content = mail.content()
        if self.rng.random() < 0.4 and "CHUNKING" in self.offers:
            octets = self.chunks(content)
        else:
            reply = await self.wire.command("DATA")
            if reply.code != 354:
                return reply
            octets = [stuffed(content)]
        return await self.last_octets(mail.number, octets, fault, rng)

    def chunks(self, content):
        """BDAT, pipelined: each chunk with its command in front."""
        cuts = sorted(self.rng.randrange(len(content)) for _ in range(self.rng.randrange(3)))
        pieces = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)])]
        last = len(pieces) - 1
        return [
            b"BDAT %d%s\r\n" % (len(piece), b" LAST" if index == last else b"") + piece
            for index, piece in enumerate(pieces)
        ]

    async def last_octets(self, number, octets, fault, rng):
        """Sends the content; the reply is that to its end."""
        *chunks, end = octets
        for chunk in chunks:
            await self.wire.send(chunk)
            reply = await self.wire.reply("the answer to a chunk")
            if reply.code != 250:
                return reply
        if fault == "cut in mid-DATA":
            await self.wire.send(end[: len(end) // 2])
            self.die(fault)
        if fault == "wait before dot":
            await self.wire.send(end[:-3])
            await asyncio.sleep(rng.choice([0.1, 0.5, 1]))
            end = end[-3:]
        await self.wire.send(end)
        if fault in ("close after dot", "reset after dot"):
            await asyncio.sleep(rng.choice([0, 0, 0.005, 0.02, 0.1]))
            self.die(fault)
        if fault == "reset when told":
            await self.clients.faults.may_die()
            await self.wire.reset_now()
            self.clients.faults.is_dead(number)
            self.die(fault)
        return await self.wire.reply("the answer to the content")

    def die(self, fault):
        if fault.startswith("reset"):
            self.wire.reset()
        raise Forgotten(fault)

    async def quit(self):
        with contextlib.suppress(Gone):
            await self.wire.command("QUIT")

    def close(self):
        if self.wire:
            self.wire.close()


def trusting():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
