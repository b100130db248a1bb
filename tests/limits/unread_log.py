"""E21: nobody reads the log. Mail flows as fast as ever, and the next reader learns how many lines are missing."""

import threading

from client import control_mail
from gateway import Measured, check
from hop import Hop
from traffic import Traffic


class Unread(Measured):
    """Reads its events up to the start, and then only when it may."""

    def __init__(self, *arguments, **options):
        self.may_read = threading.Event()
        super().__init__(*arguments, **options)

    def read_events(self, stream):
        line = stream.readline()
        while line and b'"type":"start"' not in line:
            line = stream.readline()
        with self.changed:
            self.events.append({"type": "start"})
            self.changed.notify_all()
        self.may_read.wait()
        super().read_events(stream)


async def run(options, directory):
    hop = Hop()
    gateway = Unread(directory, {"limits": {"message_size": 256 * 1024}})
    await hop.start(gateway.hop_port)
    gateway.start()
    traffic = Traffic(gateway.port, hop)
    await control_mail(gateway, hop, "before")
    before, _ = gateway.memory()
    await traffic.run(options.rate or 200, sessions=options.sessions or 10000)
    await traffic.rest()
    took = await control_mail(gateway, hop, "blocked")
    lost, _ = traffic.judge()
    after, _ = gateway.memory()
    print(f"{traffic.sessions} sessions without a reader: lost {len(lost)}, control mail {took * 1e3:.0f} ms,")
    print(f"memory {before} -> {after} KiB, surprises {dict(traffic.surprises)}")
    check(not lost and took < 1, "mail does not flow as it should")
    check(after - before < 24 * 1024, "the log is kept in memory without a bound")
    gateway.may_read.set()
    gateway.await_true(lambda: gateway.counts["message"] > 0, 15, "the events that were kept")
    await control_mail(gateway, hop, "after")
    gateway.await_true(lambda: gateway.counts["dropped"] > 0, 15, "the count of what was dropped")
    print("events:", dict(gateway.counts))
    gateway.terminate()
