"""The gateway as a process of its own: configuration from a dictionary, events as they come."""

import json
import os
import re
import signal
import subprocess
import threading

from .outcome import Failure, Watched, check, patience, poll
from .parent import die_with_parent

SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:halt_on_error=1:quarantine_size_mb=32",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "LSAN_OPTIONS": "report_objects=1",
}
REPORT = re.compile(r"ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer|LeakSanitizer")
START_TIMEOUT = 20


def merged(base, changes):
    """Objects merge, everything else replaces, None removes: as conf.d's own rule has it."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


class Gateway(Watched):
    def __init__(self, binary, directory, config, environment=None, wrapper=(), arguments=()):
        super().__init__()
        self.binary, self.directory = binary, directory
        self.environment = {**os.environ, **SANITIZERS, **(environment or {})}
        self.wrapper, self.arguments = list(wrapper), list(arguments)
        self.events, self.other_output, self.errors = [], [], []
        self.process = None
        self.stopped_well = True
        self.config = config
        self.write_config(config)

    # -- configuration ----------------------------------------------------------------------------

    @property
    def conf(self):
        return os.path.join(self.directory, "conf.d")

    def write_config(self, config):
        os.makedirs(self.conf, exist_ok=True)
        path = os.path.join(self.conf, "10-site.json")
        with open(path + ".new", "w") as file:
            json.dump(config, file, indent=2)
        os.rename(path + ".new", path)
        self.config = config

    def run(self, *arguments, timeout=30, **options):
        """Another command of the program over the same configuration: check, config show ..."""
        return subprocess.run(
            [self.binary, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout * patience(),
            env=self.environment,
            **options,
        )

    # -- life -------------------------------------------------------------------------------------

    def launch(self, **options):
        command = self.wrapper + [self.binary, "serve", "-c", self.conf] + self.arguments
        options = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "stdin": subprocess.DEVNULL,
            "preexec_fn": die_with_parent,
            **options,
        }
        self.process = subprocess.Popen(command, env=self.environment, **options)
        for stream, reader in (
            (self.process.stdout, self.read_events),
            (self.process.stderr, self.read_errors),
        ):
            if stream:
                threading.Thread(target=reader, args=(stream,), daemon=True).start()
        return self

    def start(self, **options):
        began = len(self.events)
        self.launch(**options)
        self.await_true(
            lambda: self.started_since(began) or self.process.poll() is not None,
            START_TIMEOUT,
            "the start event",
        )
        check(
            self.process.poll() is None,
            f"the gateway ended at start: {self.process.poll()} {self.error_text()}",
        )
        self.baseline = self.descriptors()
        return self

    def started_since(self, began):
        return any(event.get("type") == "start" for event in self.events[began:])

    def read_events(self, stream):
        for line in stream:
            text = line.decode("utf-8", "backslashreplace").rstrip("\n")
            with self.changed:
                try:
                    self.events.append(json.loads(text))
                except ValueError:
                    self.other_output.append(text)
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def read_errors(self, stream):
        for line in stream:
            with self.changed:
                self.errors.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))

    def error_text(self):
        with self.changed:
            return "\n".join(self.errors)

    def signal(self, number):
        self.process.send_signal(number)

    def terminate(self, timeout=40, expected=0):
        """SIGTERM, and the end that belongs to it."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.await_exit(timeout, expected)

    def await_exit(self, timeout=40, expected=0):
        try:
            status = self.process.wait(timeout * patience())
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"the gateway did not end within {timeout} s") from None
        self.check_sanitizers()
        check(expected is None or status == expected, f"exit status {status} instead of {expected}")
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()

    def check_sanitizers(self):
        found = REPORT.search(self.error_text())
        check(not found, f"sanitizer report:\n{self.error_text()}")

    def alive(self):
        return self.process is not None and self.process.poll() is None

    # -- events -----------------------------------------------------------------------------------

    def mark(self):
        """Where the log stands now, for `since` of the functions below."""
        with self.changed:
            return len(self.events)

    def of_type(self, kind, predicate=None, since=0):
        with self.changed:
            return [
                event
                for event in self.events[since:]
                if event.get("type") == kind and (not predicate or predicate(event))
            ]

    def await_events(self, kind, count=1, predicate=None, timeout=15, since=0):
        return self.await_true(
            lambda: len(self.of_type(kind, predicate, since)) >= count
            and self.of_type(kind, predicate, since),
            timeout,
            f"{count} event(s) {kind}",
        )

    def await_event(self, kind, predicate=None, timeout=15, since=0):
        return self.await_events(kind, 1, predicate, timeout, since)[0]

    def reload(self, config=None, ok=True):
        if config is not None:
            self.write_config(config)
        since = self.mark()
        self.signal(signal.SIGHUP)
        event = self.await_event("reload", since=since)
        check(event.get("ok") is ok, f"reload: {event}")
        return event

    # -- the process from outside -----------------------------------------------------------------

    @property
    def pid(self):
        return self.process.pid

    def descriptors(self):
        """Open descriptors, those to next hops left out: idle pooled connections may stay."""
        names = []
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            try:
                names.append(os.readlink(f"/proc/{self.pid}/fd/{name}"))
            except OSError:
                continue
        pooled = self.outgoing_inodes()
        return [name for name in names if name not in pooled]

    def outgoing_inodes(self):
        ports = {
            int(port)
            for route in self.config.get("routes", {}).values()
            for host in route.get("hosts", [])
            for port in [host.rpartition(":")[2]]
            if port.isdigit()
        }
        found = set()
        for table in ("tcp", "tcp6"):
            with open(f"/proc/{self.pid}/net/{table}") as file:
                for line in file.readlines()[1:]:
                    fields = line.split()
                    if int(fields[2].rpartition(":")[2], 16) in ports:
                        found.add(f"socket:[{fields[9]}]")
        return found

    def await_descriptors_back(self, slack=4, timeout=10):
        """`slack`: files opened on first use stay open; so do the three of each loop (epoll, eventfd, timerfd)."""
        slack += 3 * self.config.get("workers", 0)
        poll(
            lambda: len(self.descriptors()) <= len(self.baseline) + slack,
            timeout,
            lambda: f"descriptors back at {len(self.baseline)}: {sorted(self.descriptors())}",
        )

    def resident(self):
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def base_config(directory, hop_host, listener_port):
    """A whole small site: two domains, one next hop, one listener; quick where the defaults are slow."""
    workers = os.environ.get("SALLYPORT_TEST_WORKERS")
    return {
        **({"workers": int(workers)} if workers else {}),
        "hostname": "mx.example.test",
        "domains": {"example.test": {"route": "groupware"}, "example.org": {"route": "groupware"}},
        "routes": {"groupware": {"hosts": [hop_host], "tls": "never"}},
        "role_mailbox": "it@example.test",
        "listeners": {"mx": {"bind": [f"127.0.0.1:{listener_port}"], "tls": "none"}},
        "state": {"sqlite": os.path.join(directory, "state.db")},
        "temp_directory": os.path.join(directory, "tmp"),
        # Nobody to ask: a test of strangers brings name servers of its own.
        "dns": {"servers": ["127.0.0.1:1"]},
        "checks": {
            "early_talker": {"wait": "0s"},
            "sender_domain": {"mode": "off"},
            "greylist": {"mode": "off"},
        },
    }
