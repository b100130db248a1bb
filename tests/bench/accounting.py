"""What a program costs: CPU seconds and memory of all its processes, and how busy the machine was with others.

CPU groups count in nanoseconds, and what has ended counts too. Where none can be made (no root), the processes of
the program's process group are added up, in hundredths of a second.
"""

import contextlib
import os
import re
import time

TICKS = os.sysconf("SC_CLK_TCK")


def read(path, default=""):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return default


class CpuGroup:
    def __init__(self, path):
        self.path = path
        os.makedirs(path, exist_ok=True)

    @property
    def wrapper(self):
        """Put in front of a command, it runs in the group."""
        return ["/bin/sh", "-c", 'echo $$ >"$0" && exec "$@"', os.path.join(self.path, "cgroup.procs")]

    def join(self):
        with open(os.path.join(self.path, "cgroup.procs"), "w") as file:
            file.write(str(os.getpid()))

    def seconds(self):
        usage = read(os.path.join(self.path, "cpuacct.usage"))
        if usage:
            return int(usage) / 1e9
        return int(re.search(r"usage_usec (\d+)", read(os.path.join(self.path, "cpu.stat")))[1]) / 1e6

    def pids(self):
        return [int(pid) for pid in read(os.path.join(self.path, "cgroup.procs")).split()]

    def remove(self):
        with contextlib.suppress(OSError):
            os.rmdir(self.path)


class ProcessGroup:
    """Without CPU groups: `leader` is told once the program runs."""

    wrapper = ()
    leader = None

    def members(self):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            fields = read(f"/proc/{pid}/stat").rpartition(") ")[2].split()
            if fields and int(fields[2]) == self.leader:
                yield int(pid), sum(map(int, fields[11:15])) / TICKS

    def seconds(self):
        return sum(seconds for _, seconds in self.members())

    def pids(self):
        return [pid for pid, _ in self.members()]

    def remove(self):
        pass


def groups_root():
    """The folder that CPU groups of ours can be made in, or None."""
    for root in ("/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(f"{root}/cgroup.procs") and os.access(root, os.W_OK) and os.geteuid() == 0:
            return root
    return None


class Accounts:
    """One group a program; what is in none of them is the others."""

    def __init__(self):
        root = groups_root()
        self.path = os.path.join(root, f"sallyport-bench-{os.getpid()}") if root else None
        self.groups = []
        if self.path:
            os.makedirs(self.path)

    def group(self, name):
        group = CpuGroup(os.path.join(self.path, name)) if self.path else ProcessGroup()
        self.groups.append(group)
        return group

    def seconds(self):
        return sum(group.seconds() for group in self.groups)

    def close(self):
        for group in self.groups:
            group.remove()
        if self.path:
            with contextlib.suppress(OSError):
                os.rmdir(self.path)


def machine_seconds():
    """CPU seconds that anybody used, the host's other guests included."""
    fields = [int(field) for field in read("/proc/stat").split("\n")[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


class Others:
    """The share of the machine's CPU time that others use, from begin() to share()."""

    def __init__(self, accounts):
        self.accounts = accounts
        self.begin()

    def begin(self):
        self.then = time.monotonic(), machine_seconds(), self.accounts.seconds()

    def share(self):
        elapsed = time.monotonic() - self.then[0]
        others = machine_seconds() - self.then[1] - (self.accounts.seconds() - self.then[2])
        return max(0.0, others) / (elapsed * os.cpu_count())


def memory_kib(pids):
    """Proportional set size: what is shared counts once."""
    sizes = [re.search(r"^Pss:\s+(\d+)", read(f"/proc/{pid}/smaps_rollup"), re.M) for pid in pids]
    return sum(int(size[1]) for size in sizes if size)


def machine():
    model = re.search(r"model name\s*:\s*(.+)", read("/proc/cpuinfo"))
    system = re.search(r'PRETTY_NAME="(.+)"', read("/etc/os-release"))
    return {
        "cpu": model[1] if model else "unknown",
        "cores": os.cpu_count(),
        "memory_gib": round(int(re.search(r"MemTotal:\s+(\d+)", read("/proc/meminfo"))[1]) / 2**20),
        "kernel": os.uname().release,
        "system": system[1] if system else "unknown",
    }
