"""E15: one allocation in a hundred fails, in malloc itself, through thousands of sessions of mixed traffic.

What must hold: the process neither aborts nor hangs; nothing that was answered 250 is lost; whoever is
refused for want of memory hears 4xx, or loses the connection; once there is memory again a control mail
takes under two seconds, and the memory at rest is what it was.
"""

import asyncio
import collections
import mmap
import os
import struct
import subprocess

from client import Refused, control_mail
from gateway import HERE, Measured, check, patience
from hop import Hop
from traffic import Traffic

FAILURES = 100  # of 10,000 allocations


class FailingMalloc:
    def __init__(self, directory):
        self.object = os.path.join(directory, "failing_malloc.so")
        self.path = os.path.join(directory, "failing_malloc")
        source = os.path.join(HERE, "failing_malloc.c")
        subprocess.run(["clang-19", "-O1", "-shared", "-fPIC", "-o", self.object, source], check=True)
        with open(self.path, "wb") as file:
            file.truncate(mmap.PAGESIZE)
        self.file = open(self.path, "r+b")  # noqa: SIM115: as long as the map lives
        self.map = mmap.mmap(self.file.fileno(), mmap.PAGESIZE)

    @property
    def environment(self):
        return {"LD_PRELOAD": self.object, "FAILING_MALLOC": self.path}

    def fail(self, of_ten_thousand):
        self.map[0:8] = struct.pack("Q", of_ten_thousand)

    def counts(self):
        """(allocations asked for, allocations that failed)."""
        return struct.unpack("QQ", self.map[8:24])


class Starved(Traffic):
    """Whatever is refused or broken off is judged by its reply: 4xx, or the connection is closed."""

    async def play(self):
        part = self.random.choices(list(self.PARTS), self.PARTS.values())[0]
        self.sessions += 1
        task = asyncio.current_task()
        try:
            await part(self)
            self.outcomes[part.__name__] += 1
        except Refused as refused:
            kind = "temporary" if refused.reply[:1] == "4" else "WRONG"
            self.outcomes[kind] += 1
            self.surprises[f"{part.__name__}: {refused.reply}"[:60]] += 1
            if kind == "WRONG":
                self.wrong.append(f"{part.__name__}: {refused.reply}")
        except TimeoutError:
            self.wrong.append(f"{part.__name__}: no answer")
        except (OSError, EOFError, ValueError):
            self.outcomes["closed"] += 1
        finally:
            for client in self.running[task]:
                client.abort()

    wrong = []


class MemoryFails:
    def __init__(self, directory, sessions, rate):
        self.sessions, self.rate = sessions, rate
        self.malloc = FailingMalloc(directory)
        self.hop = Hop()
        self.gateway = Measured(
            directory, {"limits": {"message_size": 256 * 1024}}, environment=self.malloc.environment
        )

    async def run(self):
        await self.hop.start(self.gateway.hop_port)
        self.gateway.start()
        self.traffic = Starved(self.gateway.port, self.hop)
        await self.warm_up()
        before, _ = self.gateway.memory()
        self.malloc.fail(FAILURES)
        await self.traffic.run(self.rate, sessions=self.sessions, most=100)
        await self.traffic.rest()
        self.malloc.fail(0)
        check(self.gateway.alive(), f"the gateway ended: {self.gateway.process.poll()}\n{self.gateway.error_text()}")
        self.control = await control_mail(self.gateway, self.hop, "control")
        await self.gateway.await_rest()
        after, _ = self.gateway.memory()
        self.tell(before, after)
        self.judge(before, after)
        self.gateway.terminate()

    async def warm_up(self):
        await self.traffic.run(self.rate, sessions=self.sessions // 4)
        await self.traffic.rest()
        await self.gateway.await_rest()
        self.traffic.outcomes.clear()

    def tell(self, before, after):
        asked, failed = self.malloc.counts()
        print(f"{failed} of {asked} allocations failed, in {self.sessions} sessions")
        print("sessions:", dict(self.traffic.outcomes.most_common()))
        replies = collections.Counter(text.partition(": ")[2][:9] for text in self.traffic.surprises.elements())
        print("refused with:", dict(replies.most_common(12)))
        print("events:", dict(self.gateway.counts.most_common()))
        print(f"control mail {self.control * 1e3:.0f} ms, memory at rest {before} -> {after} KiB")

    def judge(self, before, after):
        check(self.malloc.counts()[1] > self.sessions, "hardly an allocation failed: nothing was tried")
        lost, doubled = self.traffic.judge()
        print(f"lost {len(lost)}, doubled {len(doubled)} of what was answered 250")
        check(not lost, f"answered 250 and not at the next hop: {lost[:5]}")
        check(not self.traffic.wrong, f"not temporary: {self.traffic.wrong[:5]}")
        check(self.control < 2 * patience(), f"the control mail took {self.control:.1f} s")
        check(after < before + 8192, f"memory at rest: {before} KiB before, {after} KiB after")


async def run(options, directory):
    await MemoryFails(directory, options.sessions or 10000, options.rate or 200).run()
