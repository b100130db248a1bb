"""Somebody else's program as a peer: started, awaited, and ended with all its children."""

import contextlib
import os
import signal
import stat
import subprocess
import tempfile

from .network import connects
from .outcome import check, poll

START_TIMEOUT = 20


def guard_of(group):
    """Ends the group when we die before it. (PR_SET_PDEATHSIG is undone when a server changes its user.)"""
    return subprocess.Popen(
        ["/bin/sh", "-c", f"read _; kill -s KILL -- -{group}"], stdin=subprocess.PIPE, start_new_session=True
    )


def open_the_way(directory):
    """For daemons that are not root: the temporary folders above have to let them through."""
    folder = os.path.abspath(directory)
    while folder.startswith(tempfile.gettempdir() + os.sep):
        os.chmod(folder, stat.S_IMODE(os.stat(folder).st_mode) | 0o011)
        folder = os.path.dirname(folder)


class Server:
    """Runs `command` in a process group of its own until stop(); `port` is where it must listen, or `ready()`
    says that it serves."""

    def __init__(self, command, port, timeout=START_TIMEOUT, ready=None, **options):
        self.command, self.port = list(command), port
        ready = ready or (lambda: connects(port))
        self.output = tempfile.TemporaryFile()  # a pipe that nobody reads would stop a talkative server
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            process_group=0,
            **options,
        )
        self.guard = guard_of(self.pid)
        try:
            poll(lambda: ready() or not self.alive(), timeout, self.silence)
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
        self.guard.kill()
        self.guard.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
