"""What a running program hears from the kernel, as strace injects it."""

import contextlib
import glob
import os
import select
import subprocess

from .outcome import Skip, check
from .setups import need_program

HUNG = 100  # seconds that a call is delayed: longer than any test waits, and the gateway takes for its end


@contextlib.contextmanager
def injected(pid, files, calls, does, log="/dev/null"):
    """`does` happens to each of these calls on these files from now on; `log` has them."""
    paths = [word for name in files for word in ("-P", name)]
    command = [need_program("strace"), "-f", "-o", log, *paths, "-e", f"trace={calls}", "-e", f"inject={calls}:{does}", "-p", str(pid)]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        said = b""
        while b"attached" not in said:
            check(select.select([tracer.stderr], [], [], 30)[0], "strace says nothing")
            more = os.read(tracer.stderr.fileno(), 4096)
            if not more:
                raise Skip(f"strace cannot attach: {said.decode().strip()}")
            said += more
        yield
    finally:
        tracer.kill()  # it would wait for a call that it delays; what it traced runs on
        tracer.wait(30)


def has_ended(pid):
    """But for the thread that strace holds."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"


def threads_of(pid):
    """What /proc says of each."""
    said = []
    for path in glob.glob(f"/proc/{pid}/task/*/status"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(path) as file:  # it has just ended
            said.append(dict(line.rstrip("\n").split(":\t", 1) for line in file))
    return said


def has_taken_its_signals(pid):
    """None is pending or in the hands of strace, which would take them along when it is ended: it holds just the thread that it delays."""
    threads = threads_of(pid)
    pending = any(int(thread["ShdPnd"], 16) for thread in threads)
    return not pending and sorted(thread["State"][0] for thread in threads) == ["S"] * (len(threads) - 1) + ["t"]
