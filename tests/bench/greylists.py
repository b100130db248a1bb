"""What a greylist decision costs, beside postgrey and rspamd with Redis.

Ours is measured inside a program (greylist.cpp), as a session calls it, with ten million triplets stored; the others
as a mail server asks them, eight questions at once, and with so many triplets as can be taught them in a minute, which
favours them. In all, one decision in ten writes for a new triplet or
one that has not been here for long; of the others a new one in twenty.
"""

import collections
import contextlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import accounting
import report
from harness.outcome import Skip, check
from harness.ports import free_port
from harness.server import Server, open_the_way
from harness.setups import need_program

TRIPLETS = 10_000_000
RATE = 100_000  # decisions a second
LIMIT_US = 200  # 99 of 100 take less
TAUGHT = 4_000  # triplets of the others
DECISIONS, CONNECTIONS = 4_000, 8
NEW = 20  # one in so many
DELAY = 1  # seconds, so that what is taught has passed when it is asked for

PROGRAM = "build/bench/tests/bench/greylist"


def triplet(number):
    client = f"{20 + number % 200}.{number // 200 % 250}.{number // 50_000 % 250}.9"
    return client, f"user{number}@domain{number % 100_003}.test", f"someone{number % 5_003}@example.com"


class Connection:
    """One question, one answer; anew where the other end does not keep it open."""

    def __init__(self, port):
        self.port, self.socket = port, None

    def ask(self, text, is_whole, keep=True):
        if not self.socket:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(text.encode())
        answer = b""
        while not is_whole(answer):
            more = self.socket.recv(65536)
            check(more, f"the connection was closed after {answer[-200:]}")
            answer += more
        if not keep:
            self.socket.close()
            self.socket = None
        return answer.decode()


# -- the others ----------------------------------------------------------------------------------------


class Postgrey:
    name = "postgrey"

    def __init__(self, directory, group):
        need_program("postgrey")
        user = pwd.getpwnam("postgrey")
        os.makedirs(directory)
        os.chown(directory, user.pw_uid, user.pw_gid)
        open_the_way(directory)
        self.port, self.group = free_port(), group
        options = [f"--inet=127.0.0.1:{self.port}", f"--dbdir={directory}", f"--delay={DELAY}"]
        self.servers = [Server([*group.wrapper, "postgrey", *options, "--auto-whitelist-clients=0"], self.port)]

    @staticmethod
    def version():
        return "postgrey " + subprocess.run(["postgrey", "--version"], capture_output=True, text=True).stdout.split()[1]

    @staticmethod
    def defers(connection, number):
        client, sender, recipient = triplet(number)
        question = {
            "request": "smtpd_access_policy",
            "protocol_state": "RCPT",
            "client_address": client,
            "client_name": "unknown",
            "helo_name": "mx.test",
            "sender": sender,
            "recipient": recipient,
        }
        text = "".join(f"{name}={value}\n" for name, value in question.items()) + "\n"
        return "DEFER" in connection.ask(text, lambda answer: answer.endswith(b"\n\n")).upper()


RSPAMD = """
options {{ filters = ""; pidfile = "{directory}/pid"; local_addrs = ["192.0.2.255"]; dns {{ nameserver = ["127.0.0.1:9"]; }} }}
logging {{ type = "console"; level = "error"; }}
lua = "{directory}/doubtful.lua";
modules {{ path = "/usr/share/rspamd/plugins/greylist.lua"; }}
greylist {{ servers = "127.0.0.1:{redis}"; timeout = {delay}s; expire = 3110400; }}
actions {{ greylist = 1; reject = 100; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
"""
# Everybody is doubtful: else greylisting is not asked.
DOUBTFUL = "rspamd_config:register_symbol{name='DOUBTFUL', score=5.0, group='bench', callback=function() return true end}"


class Rspamd:
    """With nothing but greylisting; the messages are a line long, and differ."""

    name = "rspamd, Redis"

    def __init__(self, directory, group):
        for program in ("rspamd", "redis-server"):
            need_program(program)
        os.makedirs(directory)
        self.port, self.group, redis = free_port(), group, free_port()
        with open(f"{directory}/rspamd.conf", "w") as file:
            file.write(RSPAMD.format(directory=directory, redis=redis, port=self.port, delay=DELAY))
        with open(f"{directory}/doubtful.lua", "w") as file:
            file.write(DOUBTFUL)
        store = ["redis-server", "--port", str(redis), "--bind", "127.0.0.1", "--dir", directory]
        self.servers = [Server([*group.wrapper, *store, "--appendonly", "yes"], redis)]
        filter_ = ["rspamd", "-f", "-i", "-c", f"{directory}/rspamd.conf"]
        self.servers.append(Server([*group.wrapper, *filter_], self.port, timeout=60))

    @staticmethod
    def version():
        first = subprocess.run(["rspamd", "--version"], capture_output=True, text=True).stdout.split("\n")[0]
        redis = subprocess.run(["redis-server", "--version"], capture_output=True, text=True).stdout.split()[2]
        return f"{first}, Redis {redis.removeprefix('v=')}"

    @staticmethod
    def defers(connection, number):
        client, sender, recipient = triplet(number)
        content = f"Subject: {number}\r\n\r\nline {number}\r\n"
        head = {
            "Host": "localhost",
            "From": sender,
            "Rcpt": recipient,
            "Ip": client,
            "Content-Length": len(content),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        answer = connection.ask(f"POST /checkv2 HTTP/1.1\r\n{lines}\r\n{content}", is_whole_response, keep=False)
        return '"soft reject"' in answer


def is_whole_response(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return bool(lengths) and len(body) >= int(lengths[0])


def over_connections(peer, numbers):
    """Milliseconds of each decision, and how many deferred."""
    times, deferred, numbers = [], [], collections.deque(numbers)

    def work():
        connection = Connection(peer.port)
        with contextlib.suppress(IndexError):  # no number is left
            while True:
                number, began = numbers.popleft(), time.monotonic()
                deferred.append(peer.defers(connection, number))
                times.append(1000 * (time.monotonic() - began))

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for worker in [pool.submit(work) for _ in range(CONNECTIONS)]:
            worker.result()
    return sorted(times), sum(deferred)


def teach(peer):
    over_connections(peer, range(TAUGHT))
    time.sleep(2 * DELAY)
    _, deferred = over_connections(peer, range(TAUGHT))
    check(deferred == 0, f"{peer.name}: {deferred} of {TAUGHT} triplets do not pass after their delay")


def decide(peer, first_new):
    numbers = [first_new + n if n % NEW == 0 else n * 7919 % TAUGHT for n in range(DECISIONS)]
    cpu, began = peer.group.seconds(), time.monotonic()
    times, deferred = over_connections(peer, numbers)
    seconds = time.monotonic() - began
    check(deferred == DECISIONS // NEW, f"{peer.name}: {deferred} of {DECISIONS} decisions deferred")
    return {
        "per_second": len(times) / seconds,
        "cpu_us": 1e6 * (peer.group.seconds() - cpu) / len(times),
        "p50_us": 1000 * times[len(times) // 2],
        "p99_us": 1000 * times[len(times) * 99 // 100],
    }


# -- ours ----------------------------------------------------------------------------------------------


def ours(group, directory, options):
    def program(*words):
        command = [*group.wrapper, PROGRAM, "--directory", directory, "--triplets", str(triplets), *words]
        result = subprocess.run(command, capture_output=True, text=True, timeout=1800)
        check(result.returncode == 0, f"{PROGRAM}: {result.stdout}{result.stderr}")
        return json.loads(result.stdout)

    triplets = 100_000 if options.quick else TRIPLETS
    filled = program("--fill")
    return {**filled, **program("--rate", str(RATE), "--seconds", "2" if options.quick else "20")}


def measure(options, bench, place, running):
    """`running`: what has been started, for the caller to stop."""
    folder = os.path.join(place.directory, "greylist")
    os.makedirs(folder)
    others = accounting.Others(bench.accounts)
    result = ours(bench.accounts.group("sallyport"), folder, options)
    measured = {"ours": {**result, "others": round(others.share(), 3)}}
    shutil.rmtree(folder)
    print("measured greylist: ours", flush=True)
    versions = {}
    for kind in (Postgrey, Rspamd) if options.peers != "none" else ():
        try:
            peer = kind(os.path.join(place.directory, kind.__name__), bench.accounts.group(kind.__name__))
        except Skip as skip:
            print(f"{kind.name} is left out: {skip}", flush=True)
            continue
        running.extend(peer.servers)
        versions[kind.name] = kind.version()
        teach(peer)
        others.begin()
        runs = [decide(peer, TAUGHT * (2 + number)) for number in range(options.rounds)]
        middle = sorted(runs, key=lambda run: run["cpu_us"])[len(runs) // 2]
        measured[kind.name] = {**middle, "others": round(others.share(), 3)}
        print(f"measured greylist: {kind.name}", flush=True)
    return {**place.described(), "versions": versions, "rounds": options.rounds, "results": measured}


# -- the tables ----------------------------------------------------------------------------------------

HEADS = ("server", "triplets", "decisions a second", "CPU µs each", "p50 µs", "p99 µs", "others' CPU")
VERDICT_HEADS = ("sallyport", "target", "measured", "")


def rows(results):
    mine = results["ours"]
    for name, run in (("sallyport, 100,000 a second", mine["paced"]), ("sallyport, as fast as it can", mine["fastest"])):
        figures = f"{run['per_second']:,.0f}", f"{run['cpu_us']:.1f}", f"{run['p50_us']:.1f}", f"{run['p99_us']:.1f}"
        yield name, f"{mine['triplets']:,}", *figures, f"{100 * mine['others']:.0f} %"
    for name, run in results.items():
        if name != "ours":
            figures = f"{run['per_second']:,.0f}", f"{run['cpu_us']:.0f}", f"{run['p50_us']:.0f}", f"{run['p99_us']:.0f}"
            yield name, f"{TAUGHT:,}", *figures, f"{100 * run['others']:.0f} %"


def verdicts(results):
    mine = results["ours"]
    rate, p99 = mine["paced"]["per_second"], mine["paced"]["p99_us"]
    kept = "met" if rate > 0.99 * RATE else f"missed by {100 * (1 - rate / RATE):.0f} %"
    yield "decisions a second", f"{RATE:,}", f"{rate:,.0f}", kept
    yield "99 of 100, while the writer commits", f"≤ {LIMIT_US} µs", f"{p99:.1f} µs", report.judged(p99, LIMIT_US)
    yield "memory for each triplet", "", f"{mine['octets_each']:.0f} octets", ""
    yield "disk for each triplet", "", f"{mine['file_octets_each']:.0f} octets", ""
    yield "start, until it serves", "", f"{mine['open_seconds']:.2f} s", ""
    yield "start, until all is read", "", f"{mine['complete_seconds']:.1f} s", ""


def tables(results, write):
    return "\n\n".join(write(heads, list(each(results))) for heads, each in ((VERDICT_HEADS, verdicts), (HEADS, rows)))
