"""A next hop that comes and goes (attack B22): mail at a steady rate, and nothing else goes wrong."""

import asyncio

from faults import Healthy
from mail import Mail
from random_run import counts, last_life
from stage import Stage

NORMAL = 1.0  # seconds from a message's first try to its end, with the next hop up
BACK = 10.0  # seconds after which latency has to be normal again


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
        """Seconds after `up` from which on every message put is settled in normal time."""
        slow = [
            mail.put_at
            for mail in self.stage.mails
            if mail.put_at and up <= mail.put_at < down - NORMAL
            and not (mail.settled_at and mail.settled_at - mail.put_at < NORMAL)
        ]
        return max(slow, default=up) - up

    def recoveries(self):
        return [round(self.recovery(*phase), 1) for phase in self.phases[-10:]]

    def report(self, done):
        verdict = self.stage.judge(self.program.events())
        if not done:
            print("\n".join(self.stage.unsettled()))
        worst = max((self.recovery(*phase) for phase in self.phases[1:]), default=0.0)
        print(f"latency under {NORMAL} s again after {worst:.1f} s at most")
        print(f"faults of the sink: {counts(self.stage.sink.counts)}")
        print(verdict.summary())
        for line in [*verdict.details(), *self.problems]:
            print(line)
        return done and verdict.good and not self.problems and worst < BACK
