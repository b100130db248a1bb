"""The parts of a run, put together: a directory, a small disk, the sink, clients, the gateway."""

import asyncio
import os
import shutil
import ssl
import subprocess
import tempfile

import journal
from client import Clients
from program import Program, certificates, free_port
from sink import Sink
from verdict import Verdict

DISK = "96m"  # holds what a dozen clients send at once, and little more


def own_mounts():
    """Whether this process sits in the mount namespace that tests/chaos/run made for it."""
    return os.environ.get("SALLYPORT_CHAOS_MOUNTS") == "yes"


class Stage:
    @property
    def disk_is_ours(self):
        return own_mounts()

    def __init__(self, seed, faults, mails, **clients):
        self.directory = tempfile.mkdtemp(prefix="sallyport-chaos-")
        certificates.DIRECTORY = os.path.join(self.directory, "certificates")
        self.disk = os.path.join(self.directory, "disk")
        os.mkdir(self.disk)
        if own_mounts():
            command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "chaos", self.disk]
            subprocess.run(command, check=True)
        self.journal = journal.Journal(os.path.join(self.directory, "journal"))
        pair = certificates.self_signed("sink.example.test")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        self.sink = Sink(self.journal, faults, [free_port(), free_port()], context)
        self.port = free_port()
        self.mails = mails
        self.clients = Clients(self.port, faults, seed, **clients)

    def program(self, changes=None):
        return Program(self.directory, self.disk, self.port, self.sink.ports, changes)

    def judge(self, events, promised=()):
        self.journal.close()
        records = journal.read(self.journal.path)
        return Verdict(self.mails, records, events, self.clients.complaints, promised)

    def unsettled(self, most=20):
        left = [mail for mail in self.mails if not mail.settled]
        yield f"{len(left)} messages are not settled"
        yield from (mail.where() for mail in left[:most])
        for conversation in list(self.sink.open)[:most]:
            yield f"sink: a connection after {conversation.command!r}, fault {conversation.fault}"

    async def close(self, keep=False):
        await self.sink.stop()
        await asyncio.sleep(0)
        if keep:
            return print(f"kept: {self.directory}")
        if own_mounts():
            subprocess.run(["umount", "-l", self.disk], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
