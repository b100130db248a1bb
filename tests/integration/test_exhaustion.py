"""Group E: slow clients, many clients, no descriptors, no disk."""

import contextlib
import ctypes
import itertools
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

from harness.client import Client, message, stuffed
from harness.next_hop import hold
from harness.outcome import Failure, Skip, check, poll
from harness.setups import implicit_tls, need_program, need_root, with_tls

NO_LEAK_CHECK = {"ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1:quarantine_size_mb=32"}  # ptrace is taken by strace


# -- slow clients ------------------------------------------------------------------------------------

SHORT = {"timeouts": {"command": "1s", "tls_handshake": "1s", "data": "1s", "data_total": "5s", "write": "2s"}}


def drip(client, data, every=0.2):
    """An octet now and then until the gateway has had enough; returns the seconds that took and its words."""
    began = time.monotonic()
    client.socket.settimeout(every)
    heard = b""
    for octet in itertools.cycle(data):
        with contextlib.suppress(TimeoutError):
            piece = client.socket.recv(65536)
            heard += piece
            if not piece:
                break
        if time.monotonic() - began > 15:
            raise Failure(f"still open after 15 s of one octet every {every} s: {heard!r}")
        try:
            client.socket.sendall(bytes([octet]))
        except OSError:
            break
    client.note("S:", heard)
    return time.monotonic() - began, heard.decode(errors="replace")







def stage(site, name):
    """A client brought to a stage, and what it drips there."""
    client = site.connect()
    if name == "greeting":
        return client, b"N"  # never reads on purpose, but the banner is there to be read
    client.greet()
    if name == "HELO":
        return client, b"E"
    client.ehlo()
    if name == "MAIL":
        return client, b"M"
    if name == "TLS hello":
        client.command("STARTTLS", "220")
        return client, b"\x16"
    client.mail()
    if name == "RCPT":
        return client, b"R"
    client.rcpt("anna@example.test")
    if name == "DATA":
        client.command("DATA", "354")
        return client, b"x"
    if name == "BDAT":
        client.send(b"BDAT 100000 LAST\r\n")
        return client, b"y"
    client.data(message(f"before {name}\r\n"))
    site.expect_delivered(message(f"before {name}\r\n"))
    return client, b"Q"  # after the dot, QUIT


def test_E01_slow_loris_in_each_stage(case):
    """One total deadline a stage: an octet now and then does not keep a session alive."""
    site = case.site({**with_tls(), **SHORT, "limits": {"sessions_per_address": 100}})
    results = {}

    def play(name):
        client, octet = stage(site, name)
        results[name] = drip(client, octet)

    names = ["greeting", "HELO", "MAIL", "TLS hello", "RCPT", "DATA", "BDAT", "after the dot"]
    threads = [threading.Thread(target=play, args=(name,)) for name in names]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for name in names:
        check(name in results, f"{name}: no end")
        seconds, heard = results[name]
        check(seconds < 5, f"{name}: {seconds:.1f} s")
        if name != "TLS hello":
            check("421 4.4.2" in heard, f"{name}: {heard!r}")


def test_E01_slow_loris_in_auth_and_implicit_tls(case):
    from harness.setups import users_file
    config = {**with_tls(auth="required"), **SHORT, "users": users_file(case, boss="secret")}
    site = case.site(config)
    client = site.client()
    client.starttls()
    client.ehlo()
    client.command("AUTH PLAIN", "334")
    began = time.monotonic()
    reply = client.expect("421 4.4.2")
    check(time.monotonic() - began < 4, f"{reply}")
    other = case.site({**implicit_tls(), **SHORT})
    seconds, heard = drip(other.connect(), b"\x16\x03")
    check(seconds < 4, f"{seconds} s")
    site.control = other.control = False


def test_E01_after_quit(case):
    """A client that never closes its side is not waited for."""
    site = case.site()
    client = site.client()
    client.command("QUIT", "221")
    site.gateway.await_event("session")
    poll(lambda: len(site.gateway.descriptors()) <= len(site.gateway.baseline), 5, "our socket is closed")


def test_E01_session_has_an_end(case):
    """A session that always does something still ends: `timeouts.session`."""
    site = case.site({"timeouts": {"session": "2s"}, "limits": {"junk_commands": 10000}})
    client = site.client()
    began = time.monotonic()
    last = None
    while time.monotonic() - began < 10:
        client.line("NOOP")
        last = client.read_reply()
        client.is_silent(0.01)
        if last.code == 421:
            break
    check(last.matches("421 4."), f"{last}")
    check(time.monotonic() - began < 6, "too late")


def send_at_rate(client, rate, octets):
    """Content at so many octets a second; returns what the gateway said."""
    client.command("DATA", "354")
    line = b"x" * 98 + b"\r\n"
    data = b"Subject: rate\r\n\r\n" + line * (octets // len(line)) + b".\r\n"
    began, sent, step = time.monotonic(), 0, max(1, rate // 20)
    try:
        while sent < len(data):
            client.socket.sendall(data[sent:sent + step])
            sent += step
            wait = began + sent / rate - time.monotonic()
            if wait > 0 and not client.is_silent(wait):
                break
    except OSError:
        pass
    return client.read_to_end(8) if sent < len(data) else [client.read_reply().last]


def test_E02_minimum_rate(case):
    """500 B/s, scaled by 100 so that the test is short: below it is cut off, above it completes."""
    site = case.site({"timeouts": {"data": "1s", "data_rate": 50_000}})
    lines = {}

    def play(rate, octets):
        lines[rate] = send_at_rate(site.client().envelope(), rate, octets)

    plays = [(100, 100_000), (10_000, 200_000), (40_000, 400_000), (80_000, 400_000)]
    threads = [threading.Thread(target=play, args=play_) for play_ in plays]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for rate, _ in plays[:3]:
        check(lines[rate] and lines[rate][-1].startswith("421 4.4.2"), f"{rate} B/s: {lines[rate]}")
    check(lines[80_000][-1].startswith("250"), f"80,000 B/s: {lines[80_000]}")
    site.expect_delivered(b"Subject: rate\r\n\r\n" + (b"x" * 98 + b"\r\n") * 4000)


def test_E02_total_time(case):
    site = case.site({"timeouts": {"data": "1s", "data_rate": 1000, "data_total": "2s"}})
    began = time.monotonic()
    lines = send_at_rate(site.client().envelope(), 20_000, 400_000)
    check(lines[-1].startswith("421 4.4.2") and time.monotonic() - began < 6, f"{lines}")


# -- many clients ------------------------------------------------------------------------------------


def test_E04_sessions_of_one_address_and_network(case):
    site = case.site({"limits": {"sessions_per_address": 3, "sessions_per_network": 5}})
    site.count_sessions = False
    held = [site.connect(source="127.0.1.1").hello() for _ in range(3)]
    refused = site.connect(source="127.0.1.1")
    refused.expect("421 4.7.0")
    refused.expect_closed()
    held += [site.connect(source=f"127.0.1.{number}").hello() for number in (2, 3)]
    site.connect(source="127.0.1.4").expect("421 4.7.0")
    site.connect(source="127.0.2.1").hello()
    held[0].quit()
    poll(lambda: site.connect(source="127.0.1.1").read_reply().code == 220, 5, "room for one more again")


def test_E04_sessions_in_all(case):
    site = case.site({"limits": {"sessions": 4}})
    site.count_sessions = False
    held = [site.connect(source=f"127.1.{number}.1").hello() for number in range(4)]
    site.connect(source="127.1.9.1").expect("421 4.")
    [client.command("QUIT", "221") for client in held]
    site.gateway.await_events("session", 4)


def test_E04_trusted_networks_and_upstream_are_exempt(case):
    site = case.site({"limits": {"sessions_per_address": 2, "sessions_per_network": 3}, "trusted_networks": ["127.0.1.1"], "upstream": ["127.0.2.1"]})
    for source in ("127.0.1.1", "127.0.2.1"):
        held = [site.connect(source=source).hello() for _ in range(6)]
        check(len(held) == 6, source)


def private_network():
    """This test's process gets a loopback of its own, where any IPv6 address can be a client's."""
    CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
    ip = need_program("ip")
    flags = CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWNET | CLONE_NEWUSER
    if ctypes.CDLL(None, use_errno=True).unshare(flags) != 0:
        raise Skip("no network namespace can be made here")
    for command in ("link set lo up", "-6 route add local fd00:1::/32 dev lo", "-6 route add local fd00:2::/32 dev lo"):
        subprocess.run([ip, *command.split()], check=True)


def freebind(source):
    client = socket.socket(socket.AF_INET6)
    client.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND
    client.bind((source, 0))
    return client


def test_E04_ipv6_prefixes(case):
    """A /64 counts as one address, a /48 as one network."""
    private_network()
    from harness.ports import free_port
    port = free_port("::1")
    site = case.site({"limits": {"sessions_per_address": 3, "sessions_per_network": 5},
                      "listeners": {"six": {"bind": [f"[::1]:{port}"], "tls": "none"}}})
    site.count_sessions = False

    def first_words(source):
        client = freebind(source)
        client.settimeout(5)
        client.connect(("::1", port))
        words = client.recv(512).decode()
        held.append(client)
        return words

    held = []
    for number in range(3):
        check(first_words(f"fd00:1:1:1::{number + 1:x}").startswith("220"), f"session {number}")
    for number in range(1000, 1020):
        check(first_words(f"fd00:1:1:1::{number:x}").startswith("421 4.7.0"), "1000 addresses of one /64")
    check(first_words("fd00:1:1:2::1").startswith("220") and first_words("fd00:1:1:3::1").startswith("220"), "another /64")
    check(first_words("fd00:1:1:4::1").startswith("421 4.7.0"), "the /48 is full")
    check(first_words("fd00:1:2:1::1").startswith("220"), "another /48")
    [client.close() for client in held]


def test_E05_connect_rate(case):
    site = case.site({"limits": {"connects_per_network": 50, "sessions_per_address": 10000, "sessions_per_network": 10000}})
    before = site.gateway.cpu_seconds()
    began = time.monotonic()
    words = []
    for _ in range(500):
        client = Client(site.address(), source="127.3.0.1")
        words.append(client.read_reply().code)
        client.close()
    took = time.monotonic() - began
    check(words[:50] == [220] * 50 and set(words[50:]) == {421}, f"{words.count(220)} admitted")
    check(site.gateway.cpu_seconds() - before < max(2.0, took), "CPU")
    check(len(site.gateway.events) < 30, f"log flood: {len(site.gateway.events)} events")


def test_E06_peer_that_never_reads(case):
    """Small socket buffers: what is not taken is not produced either, and after `timeouts.write` it is over."""
    private_network()
    with open("/proc/sys/net/ipv4/tcp_wmem", "w") as file:
        file.write("4096 8192 16384")
    site = case.site({"timeouts": {"write": "2s"}, "limits": {"junk_commands": 10000}})
    before = site.gateway.resident()
    client = site.connect(receive_buffer=4096).hello()
    began = time.monotonic()
    client.socket.settimeout(1)
    with contextlib.suppress(OSError):
        while time.monotonic() - began < 20:
            with contextlib.suppress(TimeoutError):
                client.send(b"HELP\r\n" * 1000)
    check(time.monotonic() - began < 15, "still open after 15 s")
    event = site.gateway.await_event("session")
    check(event["end"] == "client does not read" and event["commands"] < 9000, f"{event}")
    check(site.gateway.resident() - before < 40 << 20, "output grows without bound")  # 32 MiB are the sanitizer's quarantine


def test_E07_many_large_messages_and_a_slow_next_hop(case):
    """What waits for the next hop waits in files: 16 messages of 8 MiB do not live in memory."""
    taken = threading.Event()
    site = case.site()
    before = site.gateway.resident()
    site.hop.on("DATA", hold(taken))
    contents = [message(f"{number}\r\n" + ("y" * 76 + "\r\n") * 108000) for number in range(16)]
    replies = []

    def play(content):
        client = site.connect(source=f"127.4.0.{len(replies) % 200 + 1}", timeout=50).hello()
        client.envelope()
        client.command("DATA", "354")
        client.send(stuffed(content))
        replies.append(client.expect("250"))

    threads = [threading.Thread(target=play, args=(content,)) for content in contents]
    [thread.start() for thread in threads]
    site.hop.await_command("DATA", 10, timeout=40)
    grown = site.gateway.resident() - before
    client = site.client()  # others progress meanwhile
    client.command("NOOP", "250")
    taken.set()
    [thread.join() for thread in threads]
    check(len(replies) == 16, f"{len(replies)} answered")
    check(grown < 100 << 20, f"memory grew by {grown >> 20} MiB for {sum(map(len, contents)) >> 20} MiB of mail")
    site.expect_delivered(*contents)
test_E07_many_large_messages_and_a_slow_next_hop.limit = 120


# -- descriptors -------------------------------------------------------------------------------------


def cpu_while(gateway, seconds):
    before = gateway.cpu_seconds()
    time.sleep(seconds)  # the claim is about a span of time
    return (gateway.cpu_seconds() - before) / seconds


def test_E08_out_of_descriptors(case):
    """64 descriptors, 100 clients: no spinning, and back to work once there are some again."""
    site = case.site({"limits": {"sessions_per_address": 1000, "sessions_per_network": 1000}},
                     wrapper=[need_program("prlimit"), "--nofile=64:64"])
    site.count_sessions = False
    clients = []
    for _ in range(100):
        client = Client(site.address(), source="127.5.0.1", timeout=3)
        client.spoke = False
        clients.append(client)
    load = cpu_while(site.gateway, 2)
    check(load < 0.3, f"CPU {load:.0%} while out of descriptors")
    [client.close() for client in clients]
    began = time.monotonic()
    client = site.connect(timeout=5)
    client.hello()
    check(time.monotonic() - began < 3, "slow to recover")
    client.command("QUIT", "221")


def test_E10_accepting_stops_before_next_hops_starve(case):
    site = case.site({"limits": {"sessions_per_address": 1000, "sessions_per_network": 1000}},
                     wrapper=[need_program("prlimit"), "--nofile=80:80"])
    site.count_sessions = False
    first = site.client()
    clients = [Client(site.address(), source="127.5.0.1", timeout=3) for _ in range(120)]
    content = message("there is a descriptor left for the next hop\r\n")
    first.envelope()
    first.data(content)
    site.expect_delivered(content)
    [client.close() for client in clients]


def accept_under(case, error):
    strace = need_program("strace")
    site = case.site(wrapper=[strace, "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=accept,accept4",
                              "-e", f"inject=accept,accept4:error={error}:when=1..4"], environment=NO_LEAK_CHECK)
    site.deliver(message(f"after {error}\r\n"))
    site.check_descriptors = False
    site.case = case
    site.finish()
    case.sites.remove(site)


def test_E09_accept_fails(case):
    for error in ("ECONNABORTED", "EMFILE", "ENFILE", "ENOBUFS", "EPERM"):
        accept_under(case, error)


# -- disk --------------------------------------------------------------------------------------------


def site_on_small_disk(case, options, config=None):
    """temp_directory is a tmpfs of the gateway's own mount namespace."""
    unshare = need_program("unshare")
    if subprocess.run([unshare, "-rm", "true"], capture_output=True).returncode != 0:
        raise Skip("no mount namespace can be made here")
    disk = case.path("disk")
    os.makedirs(disk)
    mount = f'mount -t tmpfs -o {options} none {disk} && exec "$@"'
    return case.site({"temp_directory": disk, **(config or {})}, wrapper=[unshare, "-rm", "sh", "-c", mount, "sh"])


def inside(site, *parts):
    return os.path.join(f"/proc/{site.gateway.pid}/root", site.config["temp_directory"].lstrip("/"), *parts)


LARGE = message(("z" * 76 + "\r\n") * 40000)


def test_E11_disk_full(case):
    site = site_on_small_disk(case, "size=4m")
    with open(inside(site, "ballast"), "wb") as file:
        file.write(b"x" * (3 << 20))
    with site.client() as client:
        client.envelope()
        client.command("DATA", "354")
        client.send(stuffed(LARGE))
        client.expect("452 4.3.1")
        small = message("small\r\n")
        client.envelope()
        client.data(small)
    site.expect_delivered(small)
    check(os.listdir(inside(site)) == ["ballast"], f"partial files: {os.listdir(inside(site))}")
    os.remove(inside(site, "ballast"))
    site.deliver(LARGE)


def test_E11_disk_full_by_bdat(case):
    site = site_on_small_disk(case, "size=1m")
    with site.client() as client:
        client.envelope()
        wanted = ("250", "452 4.3.1", "503 5.5.1")
        for start in range(0, len(LARGE), 500_000):
            client.bdat(LARGE[start:start + 500_000], False, *wanted)
        client.bdat("", True, "452 4.3.1", "503 5.5.1")
        client.command("RSET", "250")
        client.envelope()
        client.data(message("goes on\r\n"))
    site.expect_delivered(message("goes on\r\n"))


def test_E12_no_inodes_left(case):
    site = site_on_small_disk(case, "size=20m,nr_inodes=4")
    made = []
    try:
        for number in range(10):
            open(inside(site, f"inode{number}"), "w").close()
            made.append(inside(site, f"inode{number}"))
    except OSError:
        pass
    with site.client() as client:
        client.envelope()
        client.command("DATA", "354")
        client.send(stuffed(LARGE))
        client.expect("452 4.3.1")
    [os.remove(path) for path in made]
    site.deliver(LARGE)


def test_E13_failing_calls_on_the_temp_file(case):
    """EIO, EDQUOT and EROFS: 451 4.3.0 (or 452 for no room), and the service goes on."""
    strace = need_program("strace")
    wanted = {"EIO": ("451 4.3.0",), "EDQUOT": ("451 4.3.0", "452 4.3.1"), "EROFS": ("451 4.3.0",)}
    for error, replies in wanted.items():
        directory = case.path(f"temp-{error}")
        os.makedirs(directory)
        calls = "write,pwrite64,pwritev,writev"
        site = case.site({"temp_directory": directory}, environment=NO_LEAK_CHECK, wrapper=[
            strace, "-D", "-f", "-qq", "-o", "/dev/null", "-P", directory, "-e", f"trace={calls},openat,open",
            "-e", f"inject=openat:error={error}:when=2"])
        site.check_descriptors = False
        with site.client() as client:
            client.envelope()
            client.command("DATA", "354")
            client.send(stuffed(LARGE))
            reply = client.expect("250", *replies)
        if reply.code == 250:
            site.expect_delivered(LARGE)


def test_E13_failing_writes(case):
    strace = need_program("strace")
    for error, replies in {"EIO": ("451 4.3.0",), "ENOSPC": ("452 4.3.1",), "EDQUOT": ("451 4.3.0", "452 4.3.1")}.items():
        site = case.site({"state": {"sqlite": ""}}, environment=NO_LEAK_CHECK, wrapper=[
            strace, "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64,pwritev,pwritev2",
            "-e", f"inject=pwrite64,pwritev,pwritev2:error={error}:when=1"])
        site.check_descriptors = False
        with site.client() as client:
            answers = [answer_to_large(client) for _ in range(6)]  # each thread of the pool fails once
        check(any(answer.matches(reply) for answer in answers for reply in replies), f"{answers}")
        check(all(answer.code == 250 or any(map(answer.matches, replies)) for answer in answers), f"{answers}")
        check(answers[-1].code == 250, f"the service does not go on: {answers}")
        site.expect_delivered(*[LARGE for answer in answers if answer.code == 250])


def answer_to_large(client):
    client.envelope()
    client.command("DATA", "354")
    client.send(stuffed(LARGE))
    return client.read_reply()


def test_E13_state_database_cannot_sync(case):
    """fsync of the state fails: a logged degradation, mail flows."""
    strace = need_program("strace")
    site = case.site(environment=NO_LEAK_CHECK, wrapper=[
        strace, "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=3+"])
    site.check_descriptors = False
    for number in range(3):
        site.deliver(message(f"{number}\r\n"))


def test_E14_bad_temp_directory(case):
    """Refused at start with the path in the text; at run time 451."""
    need_root()
    site = case.site(start=False)
    link, foreign, file = case.path("link"), case.path("foreign"), case.path("file")
    os.symlink(site.config["temp_directory"], link)
    os.makedirs(foreign)
    os.chown(foreign, 12345, 12345)
    open(file, "w").close()
    for path in (case.path("missing"), link, foreign, file):
        site.gateway.write_config(dict(site.config, temp_directory=path))
        result = site.gateway.run("serve", "-c", site.gateway.conf, timeout=20)
        text = result.stdout + result.stderr
        check(result.returncode in (73, 77, 78) and path in text, f"{path}: {result.returncode} {text}")
    check(re.search(r"uid|owner|owned", text) or "directory" in text, text)


def test_E14_temp_directory_vanishes(case):
    import shutil
    site = case.site()
    shutil.rmtree(site.config["temp_directory"])
    with site.client() as client:
        client.envelope()
        client.command("DATA", "354")
        client.send(stuffed(LARGE))
        client.expect("451 4.3.0", "451 4.3.5")
        client.envelope()
        client.data(message("small\r\n"))
    site.expect_delivered(message("small\r\n"))
    os.makedirs(site.config["temp_directory"])
    site.deliver(LARGE)
