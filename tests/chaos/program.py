"""The gateway as something that dies: started, killed, stopped and started again over one configuration,
with one log of events that goes on through all its lives.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

from harness import certificates  # noqa: E402
from harness.gateway import base_config, merged  # noqa: E402
from harness.parent import die_with_parent  # noqa: E402
from harness.ports import free_port  # noqa: E402

START_LIMIT = 60  # seconds: a safety net, not a judgement


class Program:
    """One gateway process at a time. `directory` holds configuration and log, `disk` state and messages."""

    good_ends = (0,)
    disturbances = {  # name: weight
        "kill -9": 50,
        "SIGTERM": 10,
        "SIGSTOP": 10,
        "good reload": 10,
        "bad reload": 10,
        "full disk": 10,
    }

    def __init__(self, directory, disk, port, sink_ports, changes=None):
        self.directory, self.port = directory, port
        self.conf = os.path.join(directory, "conf.d")
        os.makedirs(os.path.join(disk, "tmp"), exist_ok=True)
        os.makedirs(self.conf)
        pair = certificates.self_signed("mx.example.test")
        config = base_config(disk, f"127.0.0.1:{sink_ports[0]}", port)
        tls = {"tls": {"certificate": pair.certificate, "key": pair.key}}
        tls["listeners"] = {"mx": {"tls": "starttls"}}
        tls["routes"] = {
            "groupware": {"tls": "opportunistic", "hosts": [f"127.0.0.1:{one}" for one in sink_ports]}
        }
        self.config = merged(merged(config, tls), changes or {})
        self.write_config(json.dumps(self.config))
        self.events_path = os.path.join(directory, "events.log")
        self.errors_path = os.path.join(directory, "stderr.log")
        self.process, self.pidfd = None, None
        self.starts = []  # seconds that each took

    def write_config(self, text):
        path = os.path.join(self.conf, "10-site.json")
        with open(path + ".new", "w") as file:
            file.write(text)
        os.rename(path + ".new", path)

    # -- life -------------------------------------------------------------------------------------

    async def start(self, binary, environment=None):
        """True once it listens; False if it died before (at a crash point of its start)."""
        began, mark = time.monotonic(), self.mark()
        with open(self.events_path, "ab") as out, open(self.errors_path, "ab") as errors:
            self.process = await asyncio.create_subprocess_exec(
                *[binary, "serve", "-c", self.conf],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                env={**os.environ, **(environment or {})},
                preexec_fn=die_with_parent,
            )
        self.open_pidfd()
        event = await self.event("start", since=mark)
        if event:
            self.starts.append(time.monotonic() - began)
        return bool(event)

    @property
    def alive(self):
        return self.process is not None and self.process.returncode is None

    def open_pidfd(self):
        if self.pidfd is not None:
            os.close(self.pidfd)
            self.pidfd = None
        with contextlib.suppress(ProcessLookupError):  # it may be gone already
            self.pidfd = os.pidfd_open(self.process.pid)

    def signal(self, number):
        """Not by asyncio's process: it would look first whether it has ended, and take its status away."""
        if self.alive and self.pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, number)

    async def kill(self):
        self.signal(signal.SIGKILL)
        return await self.process.wait()

    async def stop(self, limit=START_LIMIT):
        """SIGTERM; the status, or None when it had to be killed."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(limit):
                return await self.process.wait()
        except TimeoutError:
            await self.kill()
            return None

    # -- its log ----------------------------------------------------------------------------------

    def mark(self):
        return os.path.getsize(self.events_path) if os.path.exists(self.events_path) else 0

    def events(self, since=0):
        """Whole lines only: a kill may leave a torn one, and the next life then continues that line."""
        if not os.path.exists(self.events_path):
            return []
        with open(self.events_path, "rb") as file:
            file.seek(since)
            lines = file.read().split(b"\n")
        found = []
        for line in lines:
            try:
                found.append(json.loads(line[max(0, line.rfind(b'{"time"')) :] or b"null"))
            except ValueError:
                continue
        return [event for event in found if isinstance(event, dict)]

    async def event(self, kind, since, wanted=lambda event: True, limit=START_LIMIT):
        """The first such event, or None when the program ends before it."""
        deadline = time.monotonic() + limit
        while True:
            alive = self.alive
            for event in self.events(since):
                if event.get("type") == kind and wanted(event):
                    return event
            if not alive:
                return None
            if time.monotonic() > deadline:
                raise TimeoutError(f"no event {kind} within {limit} s")
            await asyncio.sleep(0.02)
