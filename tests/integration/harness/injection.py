"""What a running program hears from the kernel, as strace injects it."""

import contextlib
import os
import select
import subprocess

from .outcome import Skip, check
from .setups import need_program


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
