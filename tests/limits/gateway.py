"""The gateway under test and what is measured of it from outside."""

import asyncio
import collections
import contextlib
import os
import resource
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))

from harness import certificates  # noqa: E402
from harness.gateway import Gateway, base_config, merged  # noqa: E402
from harness.outcome import Failure, check, patience  # noqa: E402,F401
from harness.parent import die_with_parent  # noqa: E402
from harness.ports import free_port  # noqa: E402
from harness.state_copy import state_rows  # noqa: E402

RELEASE = os.path.join(ROOT, "build", "release", "proxy", "sallyport")
ESTABLISHED = "01"


def allow_descriptors(wanted=32768):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        with contextlib.suppress(ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


class Measured(Gateway):
    """Its events are counted, not kept: an hour of them would be the runner's leak, not the gateway's."""

    def __init__(self, directory, changes=None, **options):
        os.makedirs(os.path.join(directory, "tmp"), exist_ok=True)
        self.port, self.hop_port = free_port(), free_port()
        pair = certificates.self_signed("mx.example.test")
        config = base_config(directory, f"127.0.0.1:{self.hop_port}", self.port)
        config["tls"] = {"certificate": pair.certificate, "key": pair.key}
        config["listeners"]["mx"]["tls"] = "starttls"
        config["limits"] = {"sessions": 20000, "sessions_per_address": 20000, "sessions_per_network": 20000}
        self.counts = collections.Counter()
        self.notes = []
        super().__init__(RELEASE, directory, merged(config, changes or {}), **options)

    def launch(self, **options):
        def prepare():
            die_with_parent()
            self.enter()

        return super().launch(preexec_fn=prepare, **options)

    def enter(self):
        """In the new process: where it shall live."""

    def read_events(self, stream):
        for line in stream:
            kind = line.partition(b'"type":"')[2].partition(b'"')[0].decode()
            with self.changed:
                self.counts[kind] += 1
                if kind in ("start", "stop", "reload", "dropped"):
                    self.events.append({"type": kind})
                elif kind == "note" and len(self.notes) < 1000:
                    self.notes.append(line.decode("utf-8", "replace"))
                self.changed.notify_all()

    # -- from /proc -------------------------------------------------------------------------------

    def memory(self):
        """KiB: resident, and proportional."""
        found = {}
        with open(f"/proc/{self.pid}/smaps_rollup") as file:
            for line in file:
                name, _, rest = line.partition(":")
                if name in ("Rss", "Pss"):
                    found[name] = int(rest.split()[0])
        return found["Rss"], found["Pss"]

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def open_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def connections(self):
        """Established connections of clients."""
        mine = f":{self.port:04X}"
        with open(f"/proc/{self.pid}/net/tcp") as file:
            rows = (line.split() for line in file.readlines()[1:])
            return sum(row[1].endswith(mine) and row[3] == ESTABLISHED for row in rows)

    async def await_rest(self, timeout=60):
        """Until no client is connected and the descriptors have stayed the same for a moment."""
        counts = collections.deque(maxlen=5)
        deadline = time.monotonic() + timeout
        while len(counts) < 5 or len(set(counts)) > 1 or counts[0][0] > 0:
            check(time.monotonic() < deadline, f"no rest within {timeout} s: clients, descriptors {counts}")
            await asyncio.sleep(0.2)
            counts.append((self.connections(), self.open_descriptors()))

    def state_records(self):
        """By kind, as they are on disk."""
        rows = state_rows(self.config["state"]["sqlite"], "SELECT kind, count(DISTINCT key) FROM log GROUP BY kind")
        return {kind.decode(): count for kind, count in rows}
