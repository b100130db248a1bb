"""Group E, many clients, many messages, no descriptors (E04, E05, E07 to E10)."""

import threading
import time

from harness.client import Client, message, stuffed
from harness.network import freebind, private_network
from harness.next_hop_script import hold
from harness.outcome import check, patience, poll
from harness.ports import free_port
from harness.scenes import TRACED
from harness.setups import need_program


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
    site = case.site(
        {
            "limits": {"sessions_per_address": 2, "sessions_per_network": 3},
            "trusted_networks": ["127.0.1.1"],
            "upstream": ["127.0.2.1"],
        }
    )
    for source in ("127.0.1.1", "127.0.2.1"):
        held = [site.connect(source=source).hello() for _ in range(6)]
        check(len(held) == 6, source)


def test_E04_ipv6_prefixes(case):
    """A /64 counts as one address, a /48 as one network."""
    private_network()
    port = free_port("::1")
    site = case.site(
        {
            "limits": {"sessions_per_address": 3, "sessions_per_network": 5},
            "listeners": {"six": {"bind": [f"[::1]:{port}"], "tls": "none"}},
        }
    )
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
    check(
        first_words("fd00:1:1:2::1").startswith("220") and first_words("fd00:1:1:3::1").startswith("220"),
        "another /64",
    )
    check(first_words("fd00:1:1:4::1").startswith("421 4.7.0"), "the /48 is full")
    check(first_words("fd00:1:2:1::1").startswith("220"), "another /48")
    [client.close() for client in held]


def test_E05_connect_rate(case):
    site = case.site(
        {"limits": {"connects_per_network": 50, "sessions_per_address": 10000, "sessions_per_network": 10000}}
    )
    site.count_sessions = False
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
    # Ten refusals a second are logged, however many there are.
    logged = len(site.gateway.of_type("session"))
    check(logged < 20 + 10 * took, f"log flood: {logged} events in {took:.1f} s")


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
    check(
        grown < 100 << 20, f"memory grew by {grown >> 20} MiB for {sum(map(len, contents)) >> 20} MiB of mail"
    )
    site.expect_delivered(*contents)


test_E07_many_large_messages_and_a_slow_next_hop.limit = 120


def cpu_while(gateway, seconds):
    before = gateway.cpu_seconds()
    time.sleep(seconds)  # the claim is about a span of time
    return (gateway.cpu_seconds() - before) / seconds


def test_E08_out_of_descriptors(case):
    """64 descriptors, 100 clients: no spinning, and back to work once there are some again."""
    site = case.site(
        {"limits": {"sessions_per_address": 1000, "sessions_per_network": 1000}},
        wrapper=[need_program("prlimit"), "--nofile=64:64"],
    )
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
    check(time.monotonic() - began < 3 * patience(), "slow to recover")
    client.command("QUIT", "221")


def test_E10_accepting_stops_before_next_hops_starve(case):
    site = case.site(
        {"limits": {"sessions_per_address": 1000, "sessions_per_network": 1000}},
        wrapper=[need_program("prlimit"), "--nofile=80:80"],
    )
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
    site = case.site(
        wrapper=[
            strace,
            "-D",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=accept,accept4",
            "-e",
            f"inject=accept,accept4:error={error}:when=1..4",
        ],
        environment=TRACED,
    )
    site.deliver(message(f"after {error}\r\n"))
    site.check_descriptors = False
    case.finish_site(site)


def test_E09_accept_fails(case):
    for error in ("ECONNABORTED", "EMFILE", "ENFILE", "ENOBUFS", "EPERM"):
        accept_under(case, error)
