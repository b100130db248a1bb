"""A wall clock of a gateway's own, which jumps when the test says so; the steady clock goes on."""

import mmap
import os
import shutil
import struct
import subprocess
import time

from .outcome import Skip

SOURCE = os.path.join(os.path.dirname(__file__), "wall_clock.c")


class WallClock:
    def __init__(self, directory):
        compiler = shutil.which("clang-19") or shutil.which("cc")
        if not compiler:
            raise Skip("no C compiler")
        library, self.file = os.path.join(directory, "wall_clock.so"), os.path.join(directory, "wall_clock")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True, timeout=120)
        with open(self.file, "wb") as out:
            out.write(bytes(8))
        self.environment = {"LD_PRELOAD": library, "WALL_CLOCK": self.file}
        with open(self.file, "r+b") as opened:
            self.ahead = mmap.mmap(opened.fileno(), 8)

    def jump(self, seconds):
        """So far ahead of the right time, or behind it."""
        struct.pack_into("q", self.ahead, 0, int(seconds))

    def set(self, seconds_since_1970):
        self.jump(seconds_since_1970 - time.time())
