"""E22: mixed traffic for a long time; descriptors, threads, memory and latency are flat.

Every few minutes traffic pauses until no session is left, and rest is compared with rest: what a session
needs while it lives says nothing about what it leaves behind. Flat means: a straight line through the memory
at rest, after the warm-up, rises by less than its own uncertainty (two standard errors), or by less than
1 % of the memory in all. What an hour can show of "1 % a day" is that uncertainty, so it is printed too.
"""

import math
import statistics
import time

from gateway import Measured, check
from hop import Hop
from traffic import Traffic

WARM_UP = 0.25  # of the rests


def line_through(points):
    """Slope a second, and its standard error."""
    n = len(points)
    mean_x, mean_y = (sum(axis) / n for axis in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    return slope, math.sqrt(rest / (n - 2) / spread)


class Soak:
    def __init__(self, directory, minutes, rate, every, strangers=False):
        self.minutes, self.rate, self.every = minutes, rate, every
        self.strangers = strangers
        self.hop = Hop()
        self.gateway = Measured(directory, {"limits": {"message_size": 256 * 1024}})
        self.samples = []
        self.lost = self.doubled = 0

    async def run(self):
        await self.hop.start(self.gateway.hop_port)
        self.gateway.start()
        self.traffic = Traffic(self.gateway.port, self.hop, strangers=self.strangers)
        print(" min  sessions  fd  threads  RSS KiB  PSS KiB  CPU s  p50 ms  p99 ms  state records", flush=True)
        began = time.monotonic()
        await self.traffic.run(self.rate, 20)
        await self.sample(began)
        while time.monotonic() - began < self.minutes * 60:
            left = self.minutes * 60 - (time.monotonic() - began)
            await self.traffic.run(self.rate, min(self.every, left))
            await self.sample(began)
        self.gateway.terminate()
        self.judge()

    async def sample(self, began):
        await self.traffic.rest()
        await self.gateway.await_rest()
        lost, doubled = self.traffic.judge()
        self.lost, self.doubled = self.lost + len(lost), self.doubled + len(doubled)
        p50, p99 = self.traffic.take_latencies()
        rss, pss = self.gateway.memory()
        sample = {
            "at": time.monotonic() - began,
            "fd": self.gateway.open_descriptors() - len(self.hop.open),
            "threads": self.gateway.threads(),
            "rss": rss,
            "p99": p99,
        }
        self.samples.append(sample)
        print(
            f"{sample['at'] / 60:4.1f} {self.traffic.sessions:9} {sample['fd']:3} {sample['threads']:8} "
            f"{rss:8} {pss:8} {self.gateway.cpu_seconds():6.0f} {p50 * 1e3:7.1f} {p99 * 1e3:7.1f}  "
            f"{self.gateway.state_records()}",
            flush=True,
        )

    def judge(self):
        print("parts:", dict(sorted(self.traffic.outcomes.items())))
        print("surprises:", dict(self.traffic.surprises.most_common(20)))
        print("events:", dict(self.gateway.counts))
        print(f"lost {self.lost}, doubled {self.doubled} of what was answered 250")
        check(self.lost == 0, "mail was lost")
        warm = self.samples[int(len(self.samples) * WARM_UP) :]
        check(len(warm) >= 4, "too short to judge: at least four rests after the warm-up are needed")
        for what in ("fd", "threads"):
            check(warm[-1][what] <= warm[0][what], f"{what}: {[one[what] for one in warm]}")
        # Of a machine that does much else one rest may be slow; the middle of the second half is the gateway's.
        half = len(warm) // 2
        early, late = (statistics.median(one["p99"] for one in part) for part in (warm[:half], warm[half:]))
        print(f"p99 after the warm-up: {early * 1e3:.1f} ms, later {late * 1e3:.1f} ms")
        check(late <= 1.5 * early, "latency grows")
        slope, error = line_through([(one["at"], one["rss"]) for one in warm])
        growth = slope * (warm[-1]["at"] - warm[0]["at"])
        share = growth / warm[0]["rss"]
        print(
            f"memory at rest after the warm-up: {slope * 3600:+.0f} ± {error * 3600:.0f} KiB an hour, "
            f"{growth:+.0f} KiB in all ({share:+.1%})"
        )
        check(slope <= 2 * error or share < 0.01, "memory at rest grows")
        surprises = self.traffic.surprises.total()
        check(surprises < self.traffic.sessions / 1000, f"{surprises} sessions went otherwise than they should")


async def run(options, directory):
    minutes = options.minutes or 60
    every = min(300, max(20, minutes * 60 / 12))
    await Soak(directory, minutes, options.rate or 200, every, options.strangers).run()
