"""What happens to the gateway's process during a run: killed, stopped, frozen, reloaded, its disk filled.

Between two disturbances some time passes and a few messages are answered: on a machine that is slow the run
goes on all the same. With a faults build every other life has a crash point.
"""

import asyncio
import collections
import json
import os
import random
import signal
import subprocess

ANSWERED = 3  # messages, at least, in between
ENDS = ("kill -9", "SIGTERM")  # of the program's disturbances
BROKEN = (
    "{",
    '{"hostname": "mx.example.test", "no_such_key": 1}',
    '{"hostname": "mx.example.test", "domains": {"example.test": {"route": "nowhere"}}}',
    '{"tls": {"certificate": "/nonexistent.pem", "key": "/nonexistent.key"}}',
    '{"listeners": {}}',
    "",
)


class Disturber:
    def __init__(self, stage, program, release, seed, every, faults_build=None):
        """`every`: the least and the most seconds from one disturbance to the next."""
        self.stage, self.program, self.release, self.faults_build = stage, program, release, faults_build
        self.every = every
        self.rng = random.Random(f"disturber {seed}")
        self.points = crash_points(faults_build) if faults_build else []
        self.counts = collections.Counter()
        self.crashed_at = collections.Counter()
        self.problems = []
        self.doing = "not started"
        self.killed = False  # by us, in this life

    async def run(self):
        """For ever: the run cancels it when every message is settled."""
        while True:
            await self.live()

    async def live(self):
        crash, binary, environment = None, self.release, {}
        if self.points and self.rng.random() < 0.5:
            crash, binary = self.rng.choice(self.points), self.faults_build
            environment = {"SALLYPORT_CRASH": f"{crash}:{self.rng.choice([1, 1, 2, 3, 10])}"}
        self.doing = f"starting, crash point {crash}"
        if await self.program.start(binary, environment):
            while self.program.alive and await self.disturb():
                pass
        status = await self.program.process.wait()
        if crash and status == -signal.SIGKILL and not self.killed:
            self.crashed_at[crash] += 1
        elif status not in ((-signal.SIGKILL,) if self.killed else self.program.good_ends):
            self.problems.append(f"the gateway ended by itself, status {status}, crash point {crash}")
        self.killed = False

    async def disturb(self):
        """One disturbance; False if it was one that ends the life."""
        self.doing = "waiting"
        if not await self.due():
            return False
        table = dict(self.program.disturbances)
        if not self.stage.disk_is_ours:
            table.pop("full disk", None)
        action = self.rng.choices(list(table), table.values())[0]
        self.counts[action] += 1
        self.doing = action
        await getattr(self, action.replace(" -", "").replace(" ", "_").lower())()
        return action not in ENDS

    async def due(self):
        """False when the process ended meanwhile."""
        clients = self.stage.clients
        enough = clients.replies + ANSWERED
        ended = asyncio.create_task(self.program.process.wait())
        pause = asyncio.create_task(self.pause(clients, enough))
        try:
            await asyncio.wait([ended, pause], return_when=asyncio.FIRST_COMPLETED)
            return not ended.done()
        finally:
            ended.cancel()
            pause.cancel()

    async def pause(self, clients, enough):
        await asyncio.sleep(self.rng.uniform(*self.every))
        async with clients.answered:
            await clients.answered.wait_for(lambda: clients.replies >= enough)

    # -- the disturbances -------------------------------------------------------------------------

    async def kill9(self):
        if self.program.alive:
            self.killed = True
            await self.program.kill()

    async def sigterm(self):
        if await self.program.stop() is None:
            self.killed = True
            self.problems.append("the gateway did not end within a minute after SIGTERM")

    async def sigstop(self):
        self.program.signal(signal.SIGSTOP)
        await asyncio.sleep(self.rng.choice([0.1, 0.5, 2]))
        self.program.signal(signal.SIGCONT)

    async def good_reload(self):
        self.program.config["routes"]["groupware"]["max_connections"] = self.rng.randrange(3, 16)
        await self.reload(json.dumps(self.program.config), True)

    async def bad_reload(self):
        try:
            await self.reload(self.rng.choice(BROKEN), False)
        finally:
            self.program.write_config(json.dumps(self.program.config))

    async def reload(self, text, expected):
        self.program.write_config(text)
        mark = self.program.mark()
        self.program.signal(signal.SIGHUP)
        event = await self.program.event("reload", mark)
        if event and event.get("ok") is not expected:
            self.problems.append(f"a reload with {text[:80]!r}: {event}")

    async def full_disk(self):
        """State and messages have no octet of room."""
        hog = os.path.join(self.stage.disk, "hog")
        descriptor = os.open(hog, os.O_CREAT | os.O_WRONLY)
        try:
            free = os.statvfs(self.stage.disk)
            os.posix_fallocate(descriptor, 0, max(1, free.f_bavail * free.f_frsize))
        except OSError:
            self.counts["full disk, not quite"] += 1  # a message was quicker
        try:
            await asyncio.sleep(self.rng.choice([0.2, 0.5, 1.5]))
        finally:
            os.close(descriptor)
            os.unlink(hog)


def crash_points(binary):
    """The names of that build's table."""
    output = subprocess.run([binary, "faults"], capture_output=True, text=True, timeout=60, check=True).stdout
    lines = [line.split() for line in output.splitlines()]
    return [name for kind, name in lines if kind == "crash"]
