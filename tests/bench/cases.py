"""What is measured, and how one run of it goes."""

import contextlib
import json
import mmap
import select
import struct
import subprocess
import time

import accounting
from harness.outcome import Failure, check, poll

RUN_TIMEOUT = 300
SETTLED = 0.2  # seconds after a run for what a server does when its clients are gone


class Case:
    """Messages of one size over so many sessions at once."""

    def __init__(self, text, size=4096, sessions=20, keep=False, starttls=False, hold=False):
        self.text, self.size, self.sessions = text, size, sessions
        self.keep, self.starttls, self.hold = keep, starttls, hold

    def suits(self, peer):
        return self.sessions <= peer.sessions and (peer.starttls or not self.starttls)

    def options(self):
        flags = [f"--{name}" for name in ("keep", "starttls", "hold") if getattr(self, name)]
        return ["--sessions", str(self.sessions), "--size", str(self.size), *flags]


LOADS = (10, 100, 1_000, 10_000)
CASES = {
    "4k": Case("4 KiB, one message a connection"),
    "4kd": Case("4 KiB, many messages a connection", keep=True),
    "64k": Case("64 KiB, one message a connection", size=65536),
    "4ktls": Case("4 KiB, STARTTLS, full handshake each", starttls=True),
    "idle": Case("idle session", sessions=2_000, hold=True),
    "idletls": Case("idle session under TLS", sessions=2_000, hold=True, starttls=True),
    **{f"load{n}": Case(f"4 KiB, {n:,} sessions at once, one message a connection", sessions=n) for n in LOADS},
    **{f"load{n}d": Case(f"4 KiB, {n:,} sessions at once, many messages each", sessions=n, keep=True) for n in LOADS},
}
GROUPS = {"load": [name for name in CASES if name.startswith("load")]}
LOAD_PEERS = ("sallyport", "haproxy")  # the others have no room for so many sessions, or take minutes


class Hop:
    """What the next hop has counted."""

    SHAPE = struct.Struct("=QQQ")

    def __init__(self, path):
        with open(path, "rb") as file:
            self.memory = mmap.mmap(file.fileno(), self.SHAPE.size, prot=mmap.PROT_READ)

    def counts(self):
        return self.SHAPE.unpack(self.memory[:])  # messages, connections, too small


class Bench:
    """The client and the next hop around a peer; `measure` is one run."""

    def __init__(self, load, hop, accounts):
        self.load, self.hop, self.accounts = load, hop, accounts
        self.client = accounts.group("client")

    def command(self, peer, case, messages):
        options = [*case.options(), "--messages", str(messages)]
        return [*self.client.wrapper, self.load, "--port", str(peer.port), *options]

    def measure(self, peer, case, messages):
        others = accounting.Others(self.accounts)
        result = self.hold(peer, case) if case.hold else self.send(peer, case, messages)
        return {**result, "others": round(others.share(), 3)}

    def send(self, peer, case, messages):
        before, cpu = self.hop.counts(), peer.setting.group.seconds()
        answer = self.run(peer, case, messages)
        time.sleep(SETTLED)
        arrived, connections, small = (now - then for now, then in zip(self.hop.counts(), before, strict=True))
        check((arrived, small) == (messages, 0), f"{peer.name}: {arrived} of {messages} arrived, {small} of them cut")
        return {
            "cpu_ms": (peer.setting.group.seconds() - cpu) * 1000 / messages,
            "per_second": messages / answer["seconds"],
            "p50_ms": answer["p50"],
            "p99_ms": answer["p99"],
            "hop_connections": connections / messages,
            "messages": messages,
        }

    def run(self, peer, case, messages):
        """What the client says of it."""
        result = subprocess.run(
            self.command(peer, case, messages), capture_output=True, text=True, timeout=RUN_TIMEOUT
        )
        check(result.returncode == 0, f"{peer.name}: {result.stdout}{result.stderr}{peer.server.printed()[-500:]}")
        return json.loads(result.stdout)

    def hold(self, peer, case):
        memory = self.settled_memory(peer)
        with self.holding(peer, case) as answer:
            check(answer["held"] == case.sessions, f"{peer.name}: {answer}")
            kib = (self.settled_memory(peer) - memory) / case.sessions
        return {"kib": kib, "sessions": case.sessions}

    @contextlib.contextmanager
    def holding(self, peer, case):
        command = self.command(peer, case, 0)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            ready = select.select([process.stdout], [], [], RUN_TIMEOUT)[0]
            check(ready, f"{peer.name}: sessions were not open within {RUN_TIMEOUT} s")
            yield json.loads(process.stdout.readline() or '{"held": 0, "error": "the client died"}')
        finally:
            process.stdin.close()
            try:
                process.wait(30)
            finally:
                process.kill()

    @staticmethod
    def settled_memory(peer):
        """Once it no longer changes."""
        seen = []

        def settled():
            seen.append(accounting.memory_kib(peer.setting.group.pids()))
            return len(seen) > 2 and max(seen[-3:]) - min(seen[-3:]) <= 16

        with contextlib.suppress(Failure):  # then what there is counts
            poll(settled, 5, "memory", interval=0.3)
        return seen[-1]

    def sized(self, peer, case, seconds):
        """So many messages as take about so long; warms the peer up, too."""
        if case.hold:
            self.send(peer, Case("", starttls=case.starttls), 200)
            return 0
        rate = self.send(peer, case, max(300, case.sessions))["per_second"]
        return max(200, 3 * case.sessions, 100 * round(rate * seconds / 100))


