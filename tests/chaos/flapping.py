"""A next hop that comes and goes (attack B22): mail at a steady rate, and nothing else goes wrong."""

import asyncio

from faults import Healthy
from mail import Mail
from random_run import counts, last_life
from stage import Stage

NORMAL = 1.0  # seconds: a message put so shortly before the next hop goes may have to wait for it
BACK = 10.0  # seconds after which everything that waited has to be through


class Flapping:
    def __init__(self, options):
        up, down = options.flapping.split(",")
        self.up, self.down = float(up), float(down)
        self.options = options
        self.total = int(options.rate * options.minutes * 60)
        mails = [Mail(options.seed, number, size=2000 + number % 3000) for number in range(self.total)]
        self.stage = Stage(options.seed, Healthy(), mails)
        self.stage.clients.left = self.total
        self.program = self.stage.program()
        self.problems = []
        self.phases = []  # (up since, down from) on the loop's clock

    async def run(self):
        """True if everything that must hold did."""
        stage = self.stage
        try:
            await stage.sink.start()
            if not await self.program.start(self.options.binary):
                raise RuntimeError("the gateway does not start")
            tasks = [asyncio.create_task(step) for step in (stage.clients.run(), self.feed(), self.flap())]
            limit = self.options.limit or self.options.minutes * 60 + 600
            done, _ = await asyncio.wait(tasks[:1], timeout=limit)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await last_life(self.program, self.options.binary, self)
            return self.report(bool(done))
        finally:
            if self.program.alive:
                await self.program.kill()
            await stage.close(self.options.keep)

    async def feed(self):
        loop = asyncio.get_running_loop()
        began = loop.time()
        for index, mail in enumerate(self.stage.mails):
            await asyncio.sleep(began + index / self.options.rate - loop.time())
            mail.put_at = loop.time()
            self.stage.clients.queue.put_nowait(mail)

    async def flap(self):
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(self.up)
            self.phases.append((began, loop.time()))
            await self.stage.sink.stop()
            settled = self.total - self.stage.clients.left
            print(f"{settled}/{self.total} settled; recovered within {self.recoveries()} s", flush=True)
            await asyncio.sleep(self.down)
            await self.stage.sink.start()

    def recovery(self, up, down):
        """Seconds after `up` until the last message that had been waiting for it is settled."""
        waited = [mail for mail in self.stage.mails if mail.put_at and mail.put_at < up]
        ends = [mail.settled_at or down for mail in waited]
        return max((end - up for end in ends if end >= up), default=0.0)

    def usual(self):
        """Seconds from put to settled of messages put when the next hop was long back: median and 99 %."""
        calm = sorted(
            mail.settled_at - mail.put_at
            for mail in self.stage.mails
            for up, down in self.phases
            if mail.settled_at and up + BACK <= mail.put_at < down - NORMAL
        )
        return [calm[int(share * (len(calm) - 1))] for share in (0.5, 0.99)] if calm else [0.0, 0.0]

    def recoveries(self):
        return [round(self.recovery(*phase), 1) for phase in self.phases[-10:]]

    def report(self, done):
        verdict = self.stage.judge(self.program.events())
        if not done:
            print("\n".join(self.stage.unsettled()))
        worst = max((self.recovery(*phase) for phase in self.phases[1:]), default=0.0)
        median, most = self.usual()
        print(f"backlog gone after {worst:.1f} s at most; usually {median:.3f} s, 99 % under {most:.3f} s")
        print(f"faults of the sink: {counts(self.stage.sink.counts)}")
        print(verdict.summary())
        for line in [*verdict.details(), *self.problems]:
            print(line)
        return done and verdict.good and not self.problems and worst < BACK
