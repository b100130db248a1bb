"""Somebody else's program as a peer: started, awaited, and ended with all its children."""

import contextlib
import ctypes
import os
import signal
import subprocess
import tempfile

from .network import connects
from .outcome import check, poll

PR_SET_PDEATHSIG = 1
START_TIMEOUT = 20
libc = ctypes.CDLL(None)


def die_with_parent():
    """In the child, before it becomes the program. The thread that starts a server has to outlive it."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """Runs `command` in a process group of its own until stop(); `port` is where it must listen."""

    def __init__(self, command, port, timeout=START_TIMEOUT, **options):
        self.command, self.port = list(command), port
        self.output = tempfile.TemporaryFile()  # a pipe that nobody reads would stop a talkative server
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=die_with_parent,
            **options,
        )
        try:
            poll(lambda: connects(port) or not self.alive(), timeout, self.silence)
            check(self.alive(), f"{self.command} ended at start: {self.printed()}")
        except BaseException:
            self.stop()
            raise

    def silence(self):
        return f"{self.command[0]} listens on {self.port}: {self.printed()}"

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def printed(self):
        self.output.seek(0)
        return self.output.read().decode("utf-8", "backslashreplace")

    def stop(self):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
