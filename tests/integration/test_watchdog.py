"""X14: the beat for systemd's watchdog, which comes only while every event loop answers."""

import contextlib
import ctypes
import os
import socket
import time

from harness.outcome import Skip, check

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000  # __WALL: threads are waited for as well
INTERVAL = 2.0  # seconds, as WatchdogSec= would have it


@contextlib.contextmanager
def stopped(thread):
    """One thread of the gateway stands still; SIGSTOP would stop them all."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(PTRACE_SEIZE, thread, None, None) != 0:
        raise Skip("no thread can be stopped here: ptrace is not allowed")
    check(libc.ptrace(PTRACE_INTERRUPT, thread, None, None) == 0, "PTRACE_INTERRUPT")
    os.waitpid(thread, WALL)
    yield
    check(libc.ptrace(PTRACE_DETACH, thread, None, None) == 0, "PTRACE_DETACH")


def thread_named(gateway, name):
    for thread in os.listdir(f"/proc/{gateway.pid}/task"):
        with open(f"/proc/{gateway.pid}/task/{thread}/comm") as file:
            if file.read().strip() == name:
                return int(thread)
    raise AssertionError(f"no thread {name}")


class Manager:
    """What systemd would hear."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)

    def hear(self, wanted, within=45):
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                if wanted in self.socket.recv(4096).decode():
                    return True
        return False

    def falls_silent(self, seconds, within=45):
        """Nothing for so long; what was said before is let pass."""
        deadline = time.monotonic() + within
        self.socket.settimeout(seconds)
        while time.monotonic() < deadline:
            try:
                self.socket.recv(4096)
            except TimeoutError:
                return True
        return False


def test_X14_watchdog(case):
    """A blocked core stops the beat, and the log says which; once it answers again the beat goes on."""
    manager = Manager(case.path("notify"))
    environment = {"NOTIFY_SOCKET": case.path("notify"), "WATCHDOG_USEC": str(int(INTERVAL * 1e6))}
    site = case.site({"workers": 2}, environment=environment)
    check(manager.hear("WATCHDOG=1") and manager.hear("WATCHDOG=1"), "a beat, and another")
    with stopped(thread_named(site.gateway, "core 1")):
        site.gateway.await_event("note", lambda event: "core 1 does not answer" in event["text"], timeout=45)
        check(manager.falls_silent(2 * INTERVAL), "a beat though core 1 is blocked")
    check(manager.hear("WATCHDOG=1"), "the beat again")


def test_X14_no_watchdog_wanted(case):
    """Not under systemd: no beat, and nothing that waits for one."""
    manager = Manager(case.path("notify"))
    site = case.site(environment={"NOTIFY_SOCKET": case.path("notify")})
    check(manager.hear("READY=1"), "READY=1")
    site.deliver()
    site.finish()
    check(not manager.hear("WATCHDOG=1", within=0.2), "a beat that nobody wants")


test_X14_watchdog.limit = 200
