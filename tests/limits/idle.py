"""E03: 10,000 idle sessions, then 3,000 under TLS: what one holds, a control mail beside them, and afterwards.

The limits: 8 KiB a plain session and 24 KiB one under TLS, by PSS over the memory before; a control mail in
under a second. When they are gone some of their memory goes back to the system; the rest, at most 70 %, stays
for the next crowd: Asio keeps a small state for each descriptor there ever was at once, and each holds the
page that it lies in. A second crowd takes no more than the first.
"""

import asyncio
import os
import time

from client import Client, control_mail, trusting_context
from gateway import Measured, check, patience
from hop import Hop

AT_ONCE = 100  # clients that connect at the same time
FIXED = 4096  # KiB that do not depend on how many they are
KEPT = 6 * 1024  # KiB: what stays with the allocator and in caches after the first crowd


class Crowd:
    def __init__(self, gateway, count, context=None):
        self.gateway, self.count, self.context = gateway, count, context
        self.clients = []

    async def come(self):
        room = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self.one(room, number) for number in range(self.count)))

    async def one(self, room, number):
        async with room:
            source = f"127.{10 + number // 20000}.{number // 200 % 200}.{number % 200 + 1}"
            client = await Client.connect(self.gateway.port, source)
            await client.hello()
            if self.context:
                await client.start_tls(self.context)
            self.clients.append(client)

    async def go(self):
        for client in self.clients:
            client.abort()
        self.clients.clear()


class Idle:
    def __init__(self, directory):
        self.hop = Hop()
        self.gateway = Measured(directory)

    async def run(self, name, count, context, most):
        await self.hop.start(self.gateway.hop_port)
        self.gateway.start()
        await control_mail(self.gateway, self.hop, "before")
        first = await self.crowd(name, count, context, most)
        second = await self.crowd("again", count, context, most)
        check(second < first * 1.1 + FIXED, f"the second crowd takes {second} KiB, the first took {first}")
        self.gateway.terminate()

    async def crowd(self, name, count, context, most):
        await self.gateway.await_rest()
        before = self.gateway.memory()[1]
        crowd = Crowd(self.gateway, count, context)
        began = time.monotonic()
        await crowd.come()
        came = time.monotonic() - began
        held = self.gateway.memory()[1]
        mails = sorted([await control_mail(self.gateway, self.hop, f"{name}-{number}") for number in range(50)])
        await crowd.go()
        await self.gateway.await_rest(timeout=120)
        after = await self.trimmed(before + KEPT + (held - before) * 7 // 10)
        each = (held - before) / count
        print(
            f"{name}: {count} sessions in {came:.0f} s, {each:.1f} KiB each; control mail p50 {mails[25] * 1e3:.0f} "
            f"p99 {mails[-1] * 1e3:.0f} ms; PSS {before} -> {held} -> {after} KiB"
        )
        check(held - before <= most * count + FIXED, f"{each:.1f} KiB a session, the limit is {most}")
        check(mails[-1] < patience(), f"a control mail took {mails[-1]:.1f} s")
        check(after <= before + KEPT + (held - before) * 7 // 10, f"{after - before} KiB were not given back")
        return held

    async def trimmed(self, enough):
        """It gives memory back every few seconds."""
        for _ in range(60):
            if self.gateway.memory()[1] <= enough:
                break
            await asyncio.sleep(0.5)
        return self.gateway.memory()[1]


async def run(options, directory):
    plain = options.sessions or 10000
    await Idle(os.path.join(directory, "plain")).run("plain", plain, None, 8.0)
    await Idle(os.path.join(directory, "tls")).run("TLS", plain * 3 // 10, trusting_context(), 24.0)
