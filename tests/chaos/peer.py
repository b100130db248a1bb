"""Postfix in the gateway's place (smtpd_proxy_filter): the same clients, sink and faults, killed alike.

It writes no events that could explain a second copy; they are counted. It needs root (harness/postfix.py).
"""

import asyncio
import os
import signal
import time

from program import certificates
from harness.postfix import before_queue
from harness.server import Server


class Process:
    """The master, with the two things that asyncio's processes are asked for."""

    def __init__(self, server):
        self.server = server

    @property
    def returncode(self):
        return self.server.process.poll()

    async def wait(self):
        while self.returncode is None:
            await asyncio.sleep(0.05)
        return self.returncode


class Peer:
    """What program.Program is for the gateway, as far as a Disturber asks a peer for it."""

    good_ends = (0, -signal.SIGTERM)
    disturbances = {"kill -9": 50, "SIGTERM": 10, "SIGSTOP": 10}

    def __init__(self, stage):
        self.stage, self.postfix, self.process, self.starts = stage, None, None, []

    async def start(self, _binary, _environment=None):
        began = time.monotonic()
        await asyncio.to_thread(self.launch)
        self.process = Process(self.postfix.server)
        self.starts.append(time.monotonic() - began)
        return True

    def launch(self):
        if self.postfix:
            self.postfix.server = Server(self.postfix.server.command, self.postfix.port)
            return
        pair = certificates.self_signed("mx.example.test")
        settings = {
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": pair.certificate,
            "smtpd_tls_key_file": pair.key,
            "smtpd_error_sleep_time": "0",
            "smtpd_hard_error_limit": "1000",
            "smtpd_client_connection_rate_limit": "0",
        }
        directory = os.path.join(self.stage.directory, "postfix")
        sink_port = self.stage.sink.ports[0]
        self.postfix = before_queue(directory, sink_port, settings=settings, port=self.stage.port)

    @property
    def alive(self):
        return self.process is not None and self.process.returncode is None

    def signal(self, number):
        """To the master and all its daemons."""
        if self.alive:
            os.killpg(self.postfix.pid, number)

    async def kill(self):
        self.signal(signal.SIGKILL)
        status = await self.process.wait()
        await asyncio.to_thread(self.postfix.server.stop)  # and whoever guards it
        return status

    async def stop(self):
        await asyncio.to_thread(self.postfix.stop)
        return 0

    def events(self):
        return None
