"""Group E, clients that are slow to talk or to listen (E01, E02, E06)."""

import contextlib
import itertools
import threading
import time

from harness.client import message
from harness.network import private_network
from harness.outcome import Failure, check, patience, poll
from harness.setups import implicit_tls, users_file, with_tls


SHORT = {
    "timeouts": {"command": "1s", "tls_handshake": "1s", "data": "1s", "data_total": "5s", "write": "2s"}
}


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
        if time.monotonic() - began > 15 * patience():
            raise Failure(f"still open, with one octet every {every} s: {heard!r}")
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
        check(seconds < 5 * patience(), f"{name}: {seconds:.1f} s")
        if name != "TLS hello":
            check("421 4.4.2" in heard, f"{name}: {heard!r}")


def test_E01_slow_loris_in_auth_and_implicit_tls(case):
    config = {**with_tls(auth="required"), **SHORT, "users": users_file(case, boss="secret")}
    site = case.site(config)
    client = site.client()
    client.starttls()
    client.ehlo()
    client.command("AUTH PLAIN", "334")
    began = time.monotonic()
    reply = client.expect("421 4.4.2")
    check(time.monotonic() - began < 4 * patience(), f"{reply}")
    other = case.site({**implicit_tls(), **SHORT})
    seconds, heard = drip(other.connect(), b"\x16\x03")
    check(seconds < 4 * patience(), f"{seconds} s")
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
    while time.monotonic() - began < 10 * patience():
        client.line("NOOP")
        last = client.read_reply()
        client.is_silent(0.01)
        if last.code == 421:
            break
    check(last.matches("421 4."), f"{last}")
    check(time.monotonic() - began < 6 * patience(), "too late")


def send_at_rate(client, rate, octets):
    """Content at so many octets a second; returns what the gateway said."""
    client.command("DATA", "354")
    line = b"x" * 98 + b"\r\n"
    data = b"Subject: rate\r\n\r\n" + line * (octets // len(line)) + b".\r\n"
    began, sent, step = time.monotonic(), 0, max(1, rate // 20)
    try:
        while sent < len(data):
            client.socket.sendall(data[sent : sent + step])
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

    plays = [(100, 100_000), (10_000, 200_000), (40_000, 400_000), (400_000, 2_000_000)]
    threads = [threading.Thread(target=play, args=play_) for play_ in plays]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for rate, _ in plays[:3]:
        check(lines[rate] and lines[rate][-1].startswith("421 4.4.2"), f"{rate} B/s: {lines[rate]}")
    check(lines[400_000][-1].startswith("250"), f"400,000 B/s: {lines[400_000]}")
    site.expect_delivered(b"Subject: rate\r\n\r\n" + (b"x" * 98 + b"\r\n") * 20000)


def test_E02_total_time(case):
    site = case.site({"timeouts": {"data": "1s", "data_rate": 1000, "data_total": "2s"}})
    began = time.monotonic()
    lines = send_at_rate(site.client().envelope(), 20_000, 400_000)
    check(lines[-1].startswith("421 4.4.2") and time.monotonic() - began < 6 * patience(), f"{lines}")


def test_E06_peer_that_never_reads(case):
    """Small socket buffers: what is not taken is not produced, and after `timeouts.write` it is over."""
    private_network()
    with open("/proc/sys/net/ipv4/tcp_wmem", "w") as file:
        file.write("4096 8192 16384")
    site = case.site({"timeouts": {"write": "2s"}, "limits": {"junk_commands": 10000}})
    before = site.gateway.resident()
    client = site.connect(receive_buffer=4096).hello()
    began = time.monotonic()
    client.socket.settimeout(1)
    with contextlib.suppress(OSError):
        while time.monotonic() - began < 20 * patience():
            with contextlib.suppress(TimeoutError):
                client.send(b"HELP\r\n" * 1000)
    check(time.monotonic() - began < 15 * patience(), "still open")
    event = site.gateway.await_event("session")
    check(event["end"] == "client does not read" and event["commands"] < 9000, f"{event}")
    check(
        site.gateway.resident() - before < 40 << 20, "output grows without bound"
    )  # 32 MiB are the sanitizer's quarantine
