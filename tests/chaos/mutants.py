"""The harness proves itself: five known bugs, each with a load in which it must show, not may.

Each load is run twice through the build with the bugs in it: with none of them switched on nothing may be
found, with the bug switched on exactly that kind of fault must be.
"""

import asyncio
import contextlib
import random

from faults import Healthy
from mail import DOMAIN, Mail
from stage import Stage

LIMIT = 120  # seconds of one run: a safety net, each takes about one


class Load(Healthy):
    """The simplest: all messages through, `first_fault` at the sink at each one's first try, nothing else."""

    finds = "lost"
    first_fault = None
    clients = {"count": 4}
    messages = 12

    def __init__(self, seed):
        self.seed = seed
        self.rng = random.Random(f"load {seed}")
        self.promised = ()
        self.doing = "not started"

    def of_content(self, number, tries):
        return (self.first_fault if tries == 1 else None), random.Random(f"{self.seed} {number}")

    def mails(self):
        return [self.mail(number) for number in range(self.messages)]

    def mail(self, number):
        """Recipients that no two messages share."""
        names = [f"r{number}-{index}@{DOMAIN}" for index in range(self.rng.randrange(1, 4))]
        return Mail(self.seed, number, names, self.rng.randrange(500, 60000))

    async def drive(self, stage, program, start):
        self.doing = "starting"
        await start()
        self.doing = "sending"
        await stage.clients.run()


class EarlyAnswer(Load):
    """The sink refuses each message once, for a time: who heard 250 before that will not come again."""

    finds, first_fault = "lost", "dot 4xx"


class RetryAfterDot(Load):
    """The sink stores each message, and is gone: its gateway must not try by itself."""

    finds, first_fault = "unexplained", "close after storing"


class RecipientsNotReset(Load):
    """One session carries all messages, and no two have a recipient in common."""

    finds, clients = "invented", {"count": 1, "keep": 1.0}


class TruncatedHeader(Load):
    """Header blocks from a few lines to 100 KB."""

    finds = "altered"

    def mail(self, number):
        return Mail(self.seed, number, header_octets=(0, 2000, 100_000)[number % 3])


class SkippedFsync(Load):
    """Each client dies when the sink has its message and has not answered; once the gateway says that it
    will know the message again, it is killed. The retry must not bring a second copy."""

    finds, messages = "broken", 6
    clients = {"count": 6, "keep": 0}

    def __init__(self, seed):
        super().__init__(seed)
        self.stored, self.all_stored, self.die = set(), asyncio.Event(), asyncio.Event()
        self.dead = {number: asyncio.Event() for number in range(self.messages)}
        self.promised = range(self.messages)

    def of_content(self, number, tries):
        return ("hold after storing" if tries == 1 else None), self.rng

    def of_client(self, number, tries):
        return ("reset when told" if tries == 1 else None), self.rng

    async def held(self, number):
        self.stored.add(number)
        if len(self.stored) == self.messages:
            self.all_stored.set()
        await self.dead[number].wait()

    async def may_die(self):
        await self.die.wait()

    def is_dead(self, number):
        self.dead[number].set()

    async def drive(self, stage, program, start):
        self.doing = "starting"
        await start()
        sending = asyncio.create_task(stage.clients.run())
        try:
            self.doing = "waiting until the sink holds all messages"
            await self.all_stored.wait()
            stage.clients.gate.clear()
            self.die.set()
            self.doing = "waiting for the gateway's promises"
            await asyncio.gather(*(self.promise(program, number) for number in range(self.messages)))
            await program.kill()
            self.doing = "starting again"
            await start()
            stage.clients.gate.set()
            self.doing = "sending again"
            await sending
        finally:
            sending.cancel()

    async def promise(self, program, number):
        sender = f"m{number}@chaos.example.net"
        await program.event("ack_unconfirmed", 0, lambda event: event.get("from") == sender, LIMIT)


LOADS = {
    "early-250": EarlyAnswer,
    "retry-after-dot": RetryAfterDot,
    "skipped-fsync": SkippedFsync,
    "recipients-not-reset": RecipientsNotReset,
    "truncated-header": TruncatedHeader,
}


async def prove(name, binary, seed, keep=False):
    """True if the bug is caught, and nothing is found without it."""
    clean, clean_text = await run_load(name, None, binary, seed, keep)
    if clean is None or not clean.good:
        return tell(name, False, f"without the bug: {clean_text}")
    verdict, text = await run_load(name, name, binary, seed, keep)
    caught = verdict is not None and bool(verdict.problems[LOADS[name].finds])
    return tell(name, caught, text)


def tell(name, good, text):
    print(f"{name}: {'caught' if good else 'NOT caught'}: {text}", flush=True)
    return good


async def run_load(name, mutant, binary, seed, keep):
    """(verdict, what there is to say); no verdict when the run hung."""
    load = LOADS[name](seed)
    stage = Stage(seed, load, load.mails(), **load.clients)
    program = stage.program()

    async def start():
        if not await program.start(binary, {"SALLYPORT_MUTANT": mutant} if mutant else None):
            raise RuntimeError("the gateway does not start")

    try:
        await stage.sink.start()
        stage.clients.put(stage.mails)
        async with asyncio.timeout(LIMIT):
            await load.drive(stage, program, start)
        await program.stop()
        verdict = stage.judge(program.events(), load.promised)
        return verdict, "\n  ".join([verdict.summary(), *verdict.details(2)])
    except TimeoutError:
        return None, "\n  ".join([f"hung for {LIMIT} s: {load.doing}", *stage.unsettled(5)])
    finally:
        with contextlib.suppress(ProcessLookupError):
            if program.alive:
                await program.kill()
        await stage.close(keep)
