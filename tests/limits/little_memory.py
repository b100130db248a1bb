"""E16: 500 messages of 10 MiB at once, and 256 MiB of memory in all (MemoryMax=, a control group).

Nobody is ended by the kernel: what does not fit waits in files, or its client hears 452 or 421 and comes
again. Needs root, for the control group.
"""

import asyncio
import contextlib
import os

from client import Client, Refused, content, control_mail
from gateway import Failure, Measured, check
from hop import Hop

MEMORY = 256 << 20
OCTETS = 10 << 20


class ControlGroup:
    """Of version 1 or 2, whichever counts memory here."""

    def __init__(self):
        with open("/proc/self/cgroup") as file:
            groups = [line.strip().split(":", 2) for line in file]
        first = next((path for _, kinds, path in groups if "memory" in kinds.split(",")), None)
        root, limit = ("/sys/fs/cgroup/memory" + first, "memory.limit_in_bytes") if first else (
            "/sys/fs/cgroup" + next(path for _, kinds, path in groups if kinds == ""), "memory.max"
        )  # fmt: skip
        self.path = os.path.join(root, f"sallyport-limits-{os.getpid()}")
        try:
            os.mkdir(self.path)
            with open(os.path.join(self.path, limit), "w") as file:
                file.write(str(MEMORY))
        except OSError as error:
            raise Failure(f"no control group for memory can be made here: {error}") from None

    def enter(self):
        with open(os.path.join(self.path, "cgroup.procs"), "w") as file:
            file.write(str(os.getpid()))

    def remove(self):
        with contextlib.suppress(OSError):
            os.rmdir(self.path)


async def large(gateway, number, outcomes):
    client = await Client.connect(gateway.port, f"127.50.{number // 200}.{number % 200 + 1}")
    try:
        await client.hello()
        await client.envelope("sender@example.net", "user0@example.test")
        line = content(f"large-{number}", OCTETS)
        for at in range(0, len(line), 1 << 18):
            client.writer.write(line[at : at + (1 << 18)])
            await client.writer.drain()
        client.writer.write(b"\r\n.\r\n")
        outcomes.append((number, await client.expect("250")))
    except Refused as refused:
        outcomes.append((number, refused.reply))
    except (OSError, EOFError) as problem:
        outcomes.append((number, f"closed: {problem!r}"))
    finally:
        client.abort()


async def run(options, directory):
    group = ControlGroup()
    hop = Hop()
    gateway = Measured(directory)
    await hop.start(gateway.hop_port)
    gateway.enter = group.enter
    gateway.start()
    outcomes = []
    try:
        await asyncio.gather(*(large(gateway, number, outcomes) for number in range(options.sessions or 500)))
        check(gateway.alive(), f"the gateway was ended: {gateway.process.poll()}")
        await control_mail(gateway, hop, "control")
        rss, _ = gateway.memory()
        taken = [number for number, reply in outcomes if reply.startswith("250")]
        others = sorted({reply[:9] for _, reply in outcomes if not reply.startswith("250")})
        print(f"{len(taken)} taken, {len(outcomes) - len(taken)} refused with {others}; resident afterwards {rss} KiB")
        check(all(hop.taken[f"large-{number}"] == 1 for number in taken), "answered 250 and not at the next hop")
        check(all(reply.startswith(("452", "421")) for reply in others), f"refused with {others}")
        gateway.terminate()
    finally:
        if gateway.alive():
            gateway.kill()
        group.remove()
