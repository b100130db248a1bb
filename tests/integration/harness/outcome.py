"""How a test ends other than well, and the one way of waiting for something."""

import os
import threading
import time


class Failure(AssertionError):
    """The gateway did something else than the test demands."""


class Skip(Exception):
    """The test cannot run here; the text says what is missing."""


def patience():
    """How many times longer than usual everything may take (run.py --patience)."""
    return int(os.environ.get("SALLYPORT_TEST_PATIENCE", "1"))


class Watched:
    """State that several threads change and tests wait on: no sleeping, no polling."""

    def __init__(self):
        self.changed = threading.Condition()

    def await_true(self, predicate, timeout, what):
        """Returns predicate()'s first true value; fails with `what` when it stays false."""
        deadline = time.monotonic() + timeout * patience()
        with self.changed:
            while True:
                value = predicate()
                if value:
                    return value
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Failure(f"not within {timeout} s: {what}")
                self.changed.wait(min(left, 0.5))  # a process's end notifies nobody


def check(condition, text):
    if not condition:
        raise Failure(text)


def poll(predicate, timeout, what, interval=0.02):
    """For what sends no event: files in /proc, a port that must come up. Fails with `what`."""
    deadline = time.monotonic() + timeout * patience()
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"not within {timeout} s: {what() if callable(what) else what}")
        time.sleep(interval)
