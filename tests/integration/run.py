#!/usr/bin/python3
"""Runs the integration tests against a built gateway.

    tests/integration/run.py --binary build/test/proxy/sallyport [--build faults] [--only PATTERN] [--jobs N] [--verbose]

A test is a function `test_<id or subject>` of a module test_*.py beside this file, given a Case. Each runs in
a process of its own, once, with a time limit; nothing is retried.
"""

import argparse
import contextlib
import faulthandler
import fnmatch
import importlib
import json
import os
import selectors
import shutil
import signal
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from harness.case import Case  # noqa: E402
from harness.outcome import Skip, patience  # noqa: E402
from harness.parent import die_with_parent  # noqa: E402

LIMIT = 60  # seconds a test may take, unless it says otherwise by an attribute `limit`


def limit_of(function):
    return getattr(function, "limit", LIMIT) * patience()


PASSED, FAILED, SKIPPED = "passed", "FAILED", "skipped"


def all_tests():
    tests = {}
    for file in sorted(os.listdir(HERE)):
        if file.startswith("test_") and file.endswith(".py"):
            module = importlib.import_module(file[:-3])
            tests.update(
                {
                    name: function
                    for name, function in vars(module).items()
                    if name.startswith("test_") and callable(function)
                }
            )
    return tests


def chosen(tests, patterns, build):
    """A pattern is a part of a name, or has wildcards. `build`: what a test may have as an attribute."""
    tests = [name for name, function in tests.items() if getattr(function, "build", "") == build]
    if not patterns:
        return tests
    return [
        name
        for name in tests
        if any(fnmatch.fnmatch(name, pattern) or pattern in name for pattern in patterns)
    ]


# -- in the process of one test -----------------------------------------------------------------------


def attempt(name, function, case):
    try:
        function(case)
        case.finish()
        return PASSED, ""
    except Skip as reason:
        case.abandon()
        return SKIPPED, str(reason)
    except BaseException:
        problem = traceback.format_exc()
        with contextlib.suppress(Exception):
            problem += case.context()
        with contextlib.suppress(Exception):
            case.abandon()
        return FAILED, problem


def run_in_child(name, function, binary, directory, report):
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent()
    faulthandler.enable()
    case = Case(name, binary, directory)

    def dump(*_):
        raise TimeoutError("the test's time is up; where it stood is above")

    signal.signal(signal.SIGALRM, dump)
    signal.alarm(limit_of(function))
    result, text = attempt(name, function, case)
    with open(report, "w", errors="backslashreplace") as file:
        json.dump([result, text], file)
    os._exit(0)


# -- in the runner ------------------------------------------------------------------------------------


class Running:
    """One test under way."""

    def __init__(self, name, function, binary, root):
        self.name, self.began = name, time.monotonic()
        self.limit = limit_of(function) + 20
        self.directory = os.path.join(root, name)
        os.makedirs(self.directory)
        self.report = os.path.join(root, name + ".report")
        self.pid = os.fork()
        if self.pid == 0:
            run_in_child(name, function, binary, self.directory, self.report)
        self.pidfd = os.pidfd_open(self.pid)

    def end(self):
        """Called once the process is gone: ends what it left behind and reads its report."""
        os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        try:
            with open(self.report) as file:
                result, text = json.load(file)
        except (OSError, ValueError):
            result, text = FAILED, "the test's process died without a report" + self.last_sign()
        return result, text, time.monotonic() - self.began

    def last_sign(self):
        seconds = time.monotonic() - self.began
        return f": it hung, and was ended after {seconds:.0f} s" if seconds > self.limit else ""

    def overdue(self):
        if time.monotonic() - self.began > self.limit:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)


class Runner:
    def __init__(self, options, root):
        self.options, self.root = options, root
        self.counts = {PASSED: 0, FAILED: 0, SKIPPED: 0}
        self.failed = []
        self.running = {}  # by the pidfd of its process

    def run(self, tests, names):
        queue, running = list(names), self.running
        with selectors.DefaultSelector() as selector:
            while queue or running:
                while queue and len(running) < self.options.jobs:
                    name = queue.pop(0)
                    test = Running(name, tests[name], self.options.binary, self.root)
                    running[test.pidfd] = test
                    selector.register(test.pidfd, selectors.EVENT_READ)
                for key, _ in selector.select(1):
                    test = running.pop(key.fd)
                    selector.unregister(key.fd)
                    self.tell(test, *test.end())
                for test in running.values():
                    test.overdue()

    def tell(self, test, result, text, seconds):
        self.counts[result] += 1
        print(f"{result:8} {test.name} ({seconds:.1f} s)", end="")
        print(f": {text}" if result == SKIPPED else "", flush=True)
        if result == FAILED:
            self.failed.append(test.name)
            print("    " + text.replace("\n", "\n    "), flush=True)
        if result != FAILED or not self.options.keep:
            shutil.rmtree(test.directory, ignore_errors=True)

    def ended(self, *_):
        """SIGTERM, as from timeout(1): what was under way hung, or was slow."""
        now = time.monotonic()
        under_way = [f"{test.name} ({now - test.began:.0f} s)" for test in self.running.values()]
        print("ended while these ran:", ", ".join(under_way), flush=True)
        sys.exit(143)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", required=True, help="the gateway")
    parser.add_argument(
        "--only", action="append", default=[], metavar="PATTERN", help="tests whose name has it"
    )
    parser.add_argument("--build", default="", help="the tests of this build alone: faults")
    parser.add_argument("--jobs", type=int, default=2 * os.cpu_count(), help="tests at the same time")
    parser.add_argument("--workers", type=int, help="threads of each gateway; else one a core")
    parser.add_argument("--patience", type=int, default=1, help="all time limits so many times longer")
    parser.add_argument("--keep", action="store_true", help="keep the directories of failed tests")
    parser.add_argument("--verbose", action="store_true", help="name each failure once more at the end")
    parser.add_argument("--list", action="store_true", help="name the tests and end")
    return parser.parse_args()


def main():
    options = parse_arguments()
    options.binary = os.path.abspath(options.binary)
    tests = all_tests()
    names = chosen(tests, options.only, options.build)
    if options.list:
        print("\n".join(names))
        return 0
    root = tempfile.mkdtemp(prefix="sallyport-tests-")
    os.environ["SALLYPORT_TEST_PATIENCE"] = str(options.patience)
    if options.workers:
        os.environ["SALLYPORT_TEST_WORKERS"] = str(options.workers)
    os.environ["SALLYPORT_TEST_CERTIFICATES"] = os.path.join(root, "certificates")
    runner = Runner(options, root)
    signal.signal(signal.SIGTERM, runner.ended)
    try:
        runner.run(tests, names)
    finally:
        if not (options.keep and runner.failed):
            shutil.rmtree(root, ignore_errors=True)
    if options.verbose and runner.failed:
        print("failed:", " ".join(runner.failed))
    counts = runner.counts
    print(f"{counts[PASSED]} passed, {counts[FAILED]} failed, {counts[SKIPPED]} skipped")
    return 1 if counts[FAILED] else 0


if __name__ == "__main__":
    sys.exit(main())
