"""Group X, the way down, reload, certificates (X03 to X08)."""

import contextlib
import json
import os
import re
import shutil
import signal
import threading
import time

from harness import certificates
from harness.client import message, stuffed
from harness.network import connects, refuses_connections
from harness.next_hop_script import hang, hold
from harness.outcome import Failure, check, patience, poll
from harness.ports import free_port, occupy
from harness.setups import with_tls


def in_all_stages(site, count=200):
    """Sessions that were just greeted, said EHLO, are in an envelope, in DATA, or wait for the next hop."""
    stages = {"greeted": [], "idle": [], "envelope": [], "data": []}
    for number in range(count):
        client = site.connect(source=f"127.6.0.{number % 50 + 1}")
        client.greet()
        name = list(stages)[number % 4]
        if name != "greeted":
            client.ehlo()
        if name in ("envelope", "data"):
            client.envelope()
        if name == "data":
            client.command("DATA", "354")
            client.send(f"Subject: running {number}\r\n\r\n")
        stages[name].append(client)
    return stages


def test_X03_sigterm_with_sessions_in_all_stages(case):
    site = case.site({"timeouts": {"drain": "25s"}})
    stages = in_all_stages(site)
    site.gateway.signal(signal.SIGTERM)
    poll(lambda: refuses_connections(site), 3, "listeners are not closed at once")
    for client in stages["greeted"] + stages["idle"]:
        client.expect("421 4.3.2")
        client.expect_closed()
    for client in stages["envelope"]:
        content = message(f"finished {id(client)}\r\n")
        client.data(content)
        site.expect_delivered(content)
        client.read_to_end()
    for number, client in enumerate(stages["data"]):
        running = 4 * number + 3
        client.send(f"text\r\n.\r\n")
        client.expect("250")
        site.expect_delivered(f"Subject: running {running}\r\n\r\ntext\r\n".encode())
        check(any(line.startswith("421 4.3.2") for line in client.read_to_end()), "no farewell")
    site.gateway.await_exit(30)
    check(site.gateway.of_type("stop"), "no stop event")


def test_X03_drain_has_an_end(case):
    site = case.site({"timeouts": {"drain": "1s"}})
    client = site.client().envelope()
    client.command("DATA", "354")
    began = time.monotonic()
    site.gateway.signal(signal.SIGTERM)
    client.read_to_end(10)
    site.gateway.await_exit(10)
    check(time.monotonic() - began < 6 * patience(), "the drain went on")


def test_X03_what_was_refused_is_on_record(case):
    """Of a message that the end of the drain cuts off, its one event says what its client was told."""
    site = case.site({"timeouts": {"drain": "1s"}})
    asked = threading.Event()

    def silent(connection):
        asked.set()
        return hang(connection)

    site.hop.on("RCPT", silent, match="slow@")
    client = site.client()
    client.mail()
    client.rcpt("joe@foreign.test", "550")
    client.rcpt("not an address", "501")
    client.send("RCPT TO:<slow@example.test>\r\n")
    check(asked.wait(10), "the next hop was asked")
    site.gateway.terminate()
    (event,) = site.gateway.of_type("message")
    check([one["code"] for one in event["to"]] == [550, 501], f"{event}")
    check(event["fate"] == "abandoned", f"{event}")
    (session,) = site.gateway.of_type("session")
    check(session["end"] == "shutdown", f"{session}")


def test_X03_waits_for_the_next_hop(case):
    """A message whose final dot is out is not given up."""
    site = case.site()
    taken = threading.Event()
    site.hop.on("DOT", hold(taken, "250 2.0.0 ok"), times=1)
    client = site.client().envelope()
    client.command("DATA", "354")
    client.send(stuffed(message()))
    site.hop.await_true(site.hop.dots, 10, "our dot")
    site.gateway.signal(signal.SIGTERM)
    poll(lambda: refuses_connections(site), 3, "listeners closed")
    taken.set()
    client.expect("250")
    site.expect_delivered(message())
    site.gateway.await_exit(20)


def test_X04_more_signals_during_the_drain(case):
    """No 250 without delivery, whatever is sent on the way down."""
    for numbers in (
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGTERM, signal.SIGINT),
        (signal.SIGTERM, signal.SIGQUIT),
        (signal.SIGINT,),
        (signal.SIGTERM, signal.SIGHUP),
    ):
        site = case.site({"timeouts": {"drain": "3s"}})
        site.exact = False
        client = site.client().envelope()
        client.command("DATA", "354")
        client.send("Subject: half\r\n\r\n")
        for number in numbers:
            site.gateway.signal(number)
        with contextlib.suppress(OSError):
            client.send("rest\r\n.\r\n")
        lines = client.read_to_end(10)
        site.gateway.await_exit(15, expected=None)
        acknowledged = any(line.startswith("250") for line in lines)
        check(
            acknowledged == bool(site.hop.messages) or not acknowledged,
            f"{numbers}: {lines}, {len(site.hop.messages)}",
        )
        case.finish_site(site)


def test_X04_killed_in_mid_message(case):
    """kill -9: nothing was acknowledged that is not there, and service is back in under 2 s."""
    site = case.site()
    site.count_sessions = False
    taken = threading.Event()
    site.hop.on("DOT", hold(taken, "250 2.0.0 ok"), times=1)
    client = site.client().envelope()
    client.command("DATA", "354")
    client.send(stuffed(message("killed\r\n")))
    site.hop.await_true(site.hop.dots, 10, "our dot")
    site.gateway.kill()
    taken.set()
    check(client.read_to_end() == [], "acknowledged by a dead gateway")
    began = time.monotonic()
    site.gateway.start()
    site.client().command("NOOP", "250")
    check(time.monotonic() - began < 4 * patience(), "restart (2 s without sanitizers)")
    site.hop.messages.clear()


def test_X05_reload_under_load(case):
    """0 dropped sessions; new ones use the new configuration, old ones keep theirs."""
    site = case.site()
    old = site.client()
    stop = threading.Event()
    sent, problems = [], []

    def load(number):
        count = 0
        while not stop.is_set():
            content = message(f"load {number}.{count}\r\n")
            try:
                with site.connect(source=f"127.7.0.{number + 1}") as client:
                    client.hello().envelope()
                    client.data(content)
            except (Failure, OSError) as error:
                problems.append(str(error))
                return
            sent.append(content)
            count += 1

    threads = [threading.Thread(target=load, args=(number,)) for number in range(4)]
    [thread.start() for thread in threads]
    for number in range(5):
        already = len(sent)
        poll(lambda: problems or len(sent) > already, 20, "mail flows between reloads")
        domains = dict(site.config["domains"], **{f"new{number}.example": {"route": "groupware"}})
        site.gateway.reload(dict(site.config, domains=domains))
    stop.set()
    [thread.join() for thread in threads]
    check(not problems and len(sent) > 4, f"{problems} {len(sent)}")
    site.expect_delivered(*sent)
    old.mail()
    old.rcpt("anna@new4.example", "550 5.7.1")
    with site.client() as client:
        client.mail()
        client.rcpt("anna@new4.example", "250")


def test_X05_reload_changes_listeners(case):
    site = case.site()
    port = free_port()
    config = json.loads(json.dumps(site.config))
    config["listeners"]["more"] = {"bind": [f"127.0.0.1:{port}"], "tls": "none"}
    site.gateway.reload(config)
    site.config = config
    more = site.connect("more").hello()
    del config["listeners"]["more"]
    site.gateway.reload(config)
    more.command("NOOP", "250")
    poll(lambda: not connects(port), 3, "the listener is gone")


BAD = {
    "syntax": '{ "hostname": "mx.example.test",, }',
    "half a file": '{ "hostname": "mx.exam',
    "unknown key": '{ "hostnam": "mx.example.test" }',
    "duplicate key": '{ "hostname": "a.example.test", "hostname": "b.example.test" }',
    "wrong type": '{ "limits": { "errors": "many" } }',
    "out of range": '{ "limits": { "errors": 0 } }',
    "unknown route": '{ "domains": { "example.com": { "route": "nowhere" } } }',
    "no hosts": '{ "routes": { "empty": { "hosts": [] } } }',
    "bad host": '{ "routes": { "bad": { "hosts": ["10.0.0.1:99999"] } } }',
    "bad network": '{ "trusted_networks": ["10.0.0.0/33"] }',
    "bad duration": '{ "timeouts": { "command": "5 parsecs" } }',
    "bad size": '{ "limits": { "message_size": "-5MB" } }',
    "missing certificate": '{ "tls": { "certificate": "/nowhere/cert.pem", "key": "/nowhere/key.pem" } }',
    "missing list": '{ "barring": { "recipients": "/nowhere/list" } }',
    "bad listener address": '{ "listeners": { "x": { "bind": ["not an address"] } } }',
    "role mailbox": '{ "role_mailbox": "nobody" }',
    "top level": "[1, 2]",
    "deep": '{ "x": ' + "[" * 100 + "]" * 100 + " }",
    "unknown enum": '{ "routes": { "r": { "hosts": ["10.0.0.1"], "tls": "maybe" } } }',
    "invalid UTF-8": b'{ "hostname": "\xff\xfe" }',
}


def test_X06_bad_configurations(case):
    """The old one stays; `check` exits 78 with file:line:column; the log says ok: false."""
    site = case.site()
    path = os.path.join(site.gateway.conf, "90-bad.json")
    for name, text in BAD.items():
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        result = site.gateway.run("check", "--no-dns", "-c", site.gateway.conf)
        said = result.stdout + result.stderr
        check(result.returncode == 78, f"{name}: {result.returncode} {said}")
        check(re.search(r"90-bad\.json:\d+:\d+: error: ", said), f"{name}: {said}")
        site.gateway.reload(ok=False)
        os.remove(path)
    site.deliver()
    site.gateway.reload(ok=True)


def test_X06_port_clash(case):
    """A listener that cannot be opened changes nothing."""
    port = free_port()
    taken = occupy(port)
    site = case.site()
    config = json.loads(json.dumps(site.config))
    config["listeners"]["clash"] = {"bind": [f"127.0.0.1:{port}"], "tls": "none"}
    config["domains"]["example.com"] = {"route": "groupware"}
    event = site.gateway.reload(config, ok=False)
    check(str(port) in json.dumps(event), f"{event}")
    taken.close()
    with site.client() as client:
        client.mail()
        client.rcpt("anna@example.com", "550 5.7.1")


def test_X06_semantic_errors_come_all_at_once(case):
    site = case.site(start=False)
    config = dict(
        site.config,
        limits={"errors": 0, "junk_commands": "x"},
        domains={"example.com": {"route": "a"}, "example.net": {"route": "b"}},
    )
    site.gateway.write_config(config)
    result = site.gateway.run("check", "--no-dns", "-c", site.gateway.conf)
    errors = re.findall(r": error: ", result.stdout + result.stderr)
    check(result.returncode == 78 and len(errors) >= 4, f"{result.stdout}{result.stderr}")


def test_X08_bad_certificates(case):
    """A pair that is expired, cut off or does not match never replaces a good one."""
    site = case.site(with_tls())
    good = site.config["tls"]
    directory = case.path("tls")
    os.makedirs(directory)
    other = certificates.self_signed("other.example.test")
    cut = os.path.join(directory, "cut.pem")
    with open(good["certificate"]) as whole, open(cut, "w") as half:
        half.write(whole.read()[:200])
    expired = certificates.expired("mx.example.test")
    for name, pair in {
        "mismatch": {"certificate": good["certificate"], "key": other.key},
        "cut off": {"certificate": cut, "key": good["key"]},
        "missing": {"certificate": "/nowhere.pem", "key": good["key"]},
        "expired": {"certificate": expired.certificate, "key": expired.key},
    }.items():
        site.gateway.reload(dict(site.config, tls=pair), ok=False)
        client = site.client()
        client.starttls()
        client.ehlo()
    site.gateway.reload(dict(site.config, tls=good), ok=True)


def test_X08_certificate_replaced_during_handshakes(case):
    directory = case.path("tls")
    os.makedirs(directory)
    paths = {"certificate": os.path.join(directory, "cert.pem"), "key": os.path.join(directory, "key.pem")}
    pairs = [
        certificates.self_signed("mx.example.test"),
        certificates.self_signed("mx.example.test", name="renewed"),
    ]

    def install(pair):
        for kind in paths:
            shutil.copy(getattr(pair, kind), paths[kind] + ".new")
            os.rename(paths[kind] + ".new", paths[kind])

    install(pairs[0])
    site = case.site({"tls": paths, "listeners": {"mx": {"tls": "starttls"}}})
    problems = []
    stop = threading.Event()

    def handshakes():
        while not stop.is_set():
            try:
                with site.client() as client:
                    client.starttls()
                    client.ehlo()
            except (Failure, OSError) as error:
                problems.append(str(error))

    thread = threading.Thread(target=handshakes)
    thread.start()
    for number in range(6):
        install(pairs[number % 2])
        site.gateway.reload()
    stop.set()
    thread.join()
    check(not problems, f"{problems[:3]}")
