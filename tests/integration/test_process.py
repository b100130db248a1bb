"""Group X and the running of the program: signals, reload, start in bad places, systemd, the commands."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

from harness import certificates
from harness.client import Client, message, stuffed
from harness.gateway import Gateway, base_config
from harness.next_hop import hold
from harness.outcome import Failure, Skip, check, poll
from harness.ports import free_port, occupy
from harness.setups import need_program, need_root, with_tls


# -- the way down --------------------------------------------------------------------------------------


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


def refuses_connections(site):
    try:
        Client(site.address()).close()
        return False
    except ConnectionError:
        return True


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
    check(time.monotonic() - began < 6, "the drain went on")


def test_X03_waits_for_the_next_hop(case):
    """A message whose final dot is out is not given up."""
    site = case.site()
    taken = threading.Event()
    site.hop.on("DOT", hold(taken, "250 2.0.0 ok"), times=1)
    client = site.client().envelope()
    client.command("DATA", "354")
    client.send(stuffed(message()))
    site.hop.await_true(lambda: any("dot after" in text for _, _, text, _ in site.hop.log), 10, "our dot")
    site.gateway.signal(signal.SIGTERM)
    poll(lambda: refuses_connections(site), 3, "listeners closed")
    taken.set()
    client.expect("250")
    site.expect_delivered(message())
    site.gateway.await_exit(20)


def test_X04_more_signals_during_the_drain(case):
    """No 250 without delivery, whatever is sent on the way down."""
    for numbers in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT), (signal.SIGTERM, signal.SIGQUIT),
                    (signal.SIGINT,), (signal.SIGTERM, signal.SIGHUP)):
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
        check(acknowledged == bool(site.hop.messages) or not acknowledged, f"{numbers}: {lines}, {len(site.hop.messages)}")
        case.sites.remove(site)


def test_X04_killed_in_mid_message(case):
    """kill -9: nothing was acknowledged that is not there, and service is back in under 2 s."""
    site = case.site()
    site.count_sessions = False
    taken = threading.Event()
    site.hop.on("DOT", hold(taken, "250 2.0.0 ok"), times=1)
    client = site.client().envelope()
    client.command("DATA", "354")
    client.send(stuffed(message("killed\r\n")))
    site.hop.await_true(lambda: any("dot after" in text for _, _, text, _ in site.hop.log), 10, "our dot")
    site.gateway.kill()
    taken.set()
    check(client.read_to_end() == [], "acknowledged by a dead gateway")
    began = time.monotonic()
    site.gateway.start()
    site.client().command("NOOP", "250")
    check(time.monotonic() - began < 4, "restart (2 s without sanitizers)")
    site.hop.messages.clear()


# -- reload --------------------------------------------------------------------------------------------


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


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


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
    "top level": '[1, 2]',
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
        result = site.gateway.run("check", "-c", site.gateway.conf)
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
    config = dict(site.config, limits={"errors": 0, "junk_commands": "x"}, domains={"example.com": {"route": "a"}, "example.net": {"route": "b"}})
    site.gateway.write_config(config)
    result = site.gateway.run("check", "-c", site.gateway.conf)
    errors = re.findall(r": error: ", result.stdout + result.stderr)
    check(result.returncode == 78 and len(errors) >= 4, f"{result.stdout}{result.stderr}")


# -- certificates --------------------------------------------------------------------------------------


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
    for name, pair in {"mismatch": {"certificate": good["certificate"], "key": other.key}, "cut off": {"certificate": cut, "key": good["key"]},
                       "missing": {"certificate": "/nowhere.pem", "key": good["key"]},
                       "expired": {"certificate": expired.certificate, "key": expired.key}}.items():
        site.gateway.reload(dict(site.config, tls=pair), ok=False)
        client = site.client()
        client.starttls()
        client.command("QUIT", "221") if False else client.ehlo()
    site.gateway.reload(dict(site.config, tls=good), ok=True)


def test_X08_certificate_replaced_during_handshakes(case):
    directory = case.path("tls")
    os.makedirs(directory)
    paths = {"certificate": os.path.join(directory, "cert.pem"), "key": os.path.join(directory, "key.pem")}
    pairs = [certificates.self_signed("mx.example.test"), certificates.self_signed("mx.example.test", name="renewed")]

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


# -- start ---------------------------------------------------------------------------------------------


def refused_start(case, config, *statuses, wanted="", **options):
    """`serve` ends by itself, with one of the statuses and a text that holds `wanted`."""
    directory = case.path(f"refused-{free_port()}")
    os.makedirs(directory)
    gateway = Gateway(case.binary, directory, config, **options)
    gateway.launch()
    status = gateway.await_exit(20, expected=None)
    text = gateway.error_text() + "\n".join(gateway.other_output) + repr(gateway.events)
    check(status in statuses, f"status {status} instead of {statuses}: {text}")
    check(wanted in text, f"{wanted!r} is not in: {text}")
    return text


def test_X13_second_instance(case):
    """Refuses with clear text, 69 or 73; the first is unharmed."""
    site = case.site()
    text = refused_start(case, site.config, 69, 73)
    check(str(site.port) in text or "state" in text, text)
    other_port = dict(site.config, listeners={"mx": {"bind": [f"127.0.0.1:{free_port()}"], "tls": "none"}})
    text = refused_start(case, other_port, 69, 73)
    check("state.db" in text, text)
    other_state = dict(site.config, state={"sqlite": case.path("other.db")})
    text = refused_start(case, other_state, 69, wanted=str(site.port))
    site.deliver()


def test_X16_closed_output(case):
    """stdout closed, or a pipe that nobody reads: mail flows."""
    for streams in ({"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}, "closed", "broken pipe"):
        site = case.site(start=False)
        site.count_sessions = site.check_descriptors = False
        if streams == "closed":
            site.gateway.wrapper = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
            site.gateway.launch(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        elif streams == "broken pipe":
            reader, writer = os.pipe()
            site.gateway.launch(stdout=writer, stderr=subprocess.DEVNULL)
            os.close(writer)
            os.close(reader)
        else:
            site.gateway.launch(**streams)
        poll(lambda: connects(site.port), 15, "listening")
        for number in range(3):
            site.deliver(message(f"{number}\r\n"))
        site.finish()
        case.sites.remove(site)


def test_X16_environments(case):
    """No HOME, an odd TZ, a Turkish locale: case folding does not depend on them."""
    for environment in ({"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"}, {"TZ": "Nowhere/Atlantis"}, {"TZ": "UTC+24:59:59"}, {"LANG": "C", "HOME": ""}):
        site = case.site({"domains": {"MIXED-I.example": {"route": "groupware"}}}, environment=environment)
        with site.client() as client:
            client.mail()
            client.rcpt("ANNA@mixed-i.EXAMPLE", "250")
            client.rcpt("POSTMASTER@MIXED-I.example", "250")
            client.data(message())
        site.expect_delivered(message())
        trace = site.hop.await_messages(1)[0].trace
        check(re.search(r";\s+\w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", trace), trace)
        site.finish()
        case.sites.remove(site)


def test_X17_not_root_and_port_25(case):
    need_root()
    setpriv = need_program("setpriv")
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        if int(file.read()) <= 25:
            raise Skip("everybody may bind port 25 here")
    directory = case.path("open")
    os.makedirs(os.path.join(directory, "tmp"))
    for path in (case.directory, directory, os.path.dirname(case.directory)):
        os.chmod(path, 0o755)
    for path in (directory, os.path.join(directory, "tmp")):
        os.chown(path, 65534, 65534)
    config = base_config(directory, "127.0.0.1:2525", 25)
    text = refused_start(case, config, 69, 71, 73, 77, wrapper=[setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"])
    check(":25" in text and re.search("CAP_NET_BIND_SERVICE|privilege|root|ermission", text), text)


def test_X17_missing_places(case):
    """One line that names the path, and a sysexits code."""
    site = case.site(start=False)
    refused_start(case, dict(site.config, temp_directory="/nowhere/tmp"), 73, 77, 78, wanted="/nowhere/tmp")
    result = site.gateway.run("serve", "-c", "/nowhere/conf.d")
    check(result.returncode == 78 and "/nowhere/conf.d" in result.stderr + result.stdout, f"{result}")
    empty = case.path("empty")
    os.makedirs(empty)
    result = site.gateway.run("check", "-c", empty)
    check(result.returncode in (0, 78), f"{result}")
    site.gateway.write_config(dict(site.config, state={"sqlite": "/nowhere/state.db"}))
    site.gateway.start()  # a store that cannot be opened is a logged degradation, never lost mail
    site.deliver()


def test_X17_unreadable_configuration(case):
    need_root()
    setpriv = need_program("setpriv")
    site = case.site(start=False)
    os.chmod(os.path.join(site.gateway.conf, "10-site.json"), 0o600)
    for path in (site.gateway.conf, site.gateway.directory, case.directory, os.path.dirname(case.directory)):
        os.chmod(path, 0o755)
    result = subprocess.run([setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", case.binary, "check", "-c", site.gateway.conf],
                            capture_output=True, text=True, timeout=20, env=site.gateway.environment)
    text = result.stdout + result.stderr
    check(result.returncode == 78 and "10-site.json" in text, f"{result.returncode} {text}")


# -- systemd -------------------------------------------------------------------------------------------


def test_process_systemd_notify(case):
    path = case.path("notify")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(path)
    manager.settimeout(15)
    site = case.site(environment={"NOTIFY_SOCKET": path})
    check("READY=1" in manager.recv(4096).decode(), "READY=1")
    site.gateway.reload()
    states = manager.recv(4096).decode() + "\n" + manager.recv(4096).decode()
    check("RELOADING=1" in states and "MONOTONIC_USEC=" in states and "READY=1" in states, states)
    site.deliver()
    site.finish()
    check("STOPPING=1" in manager.recv(4096).decode(), "STOPPING=1")


def test_process_socket_activation(case):
    """Sockets passed by systemd are used, by the name in LISTEN_FDNAMES."""
    site = case.site(start=False)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(100)
    passed = listener.getsockname()[1]
    os.set_inheritable(listener.fileno(), True)
    site.gateway.wrapper = ["bash", "-c", 'export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=mx; '
                            f'exec 3<&{listener.fileno()}; exec "$@"', "bash"]
    site.gateway.start(pass_fds=[listener.fileno()])
    listener.close()
    check(site.gateway.of_type("start")[0]["listeners"][0]["address"].endswith(f":{passed}"), f"{site.gateway.events}")
    site.config = json.loads(json.dumps(site.config))
    site.config["listeners"]["mx"]["bind"] = [f"127.0.0.1:{passed}"]
    site.port = passed
    site.deliver()


# -- the commands --------------------------------------------------------------------------------------


def run(case, *arguments, **options):
    return subprocess.run([case.binary, *arguments], capture_output=True, text=True, timeout=60, **options)


def test_process_version_and_usage(case):
    result = run(case, "--version")
    check(result.returncode == 0 and re.match(r"sallyport \d", result.stdout), f"{result}")
    check(run(case, "--nonsense").returncode == 64, "EX_USAGE")
    check(run(case).returncode == 64, "EX_USAGE without a command")


def test_process_config_show_and_schema(case):
    site = case.site(start=False)
    changed = run(case, "config", "show", "--changed", "-c", site.gateway.conf)
    check(changed.returncode == 0 and "mx.example.test" in changed.stdout and "junk_commands" not in changed.stdout, f"{changed}")
    whole = run(case, "config", "show", "-c", site.gateway.conf)
    check("junk_commands" in whole.stdout and len(whole.stdout) > len(changed.stdout), "all values")
    schema = json.loads(run(case, "config", "schema").stdout)
    check("properties" in schema and "routes" in schema["properties"], "a schema")
    # What is shown is a configuration again.
    again = case.path("again")
    os.makedirs(again)
    with open(os.path.join(again, "10-shown.json"), "w") as file:
        file.write(whole.stdout)
    result = run(case, "check", "-c", again)
    check(result.returncode == 0, f"{result.stdout}{result.stderr}")


def test_process_secrets_are_not_shown(case):
    site = case.site({"routes": {"groupware": {"tls": "required", "auth": {"user": "u", "password": "hidden-word"}}}}, start=False)
    result = run(case, "config", "show", "-c", site.gateway.conf)
    check(result.returncode == 0 and "hidden-word" not in result.stdout + result.stderr, "a password is shown")


def test_process_check_warns(case):
    site = case.site(start=False)
    front = {"bind": ["127.0.0.1:2025"], "tls": "none", "proxy_protocol": ["10.1.1.1"]}
    scenes = {
        "tls_required on port 25": ({**with_tls(), "listeners": {"mx": {"bind": ["127.0.0.1:25"], "tls": "starttls", "tls_required": True}}}, "tls_required|25"),
        "front end in a trusted network": ({"trusted_networks": ["10.1.1.1"], "listeners": {"front": front}}, "10.1.1.1"),
        "wide trust": ({"trusted_networks": ["10.0.0.0/16"]}, r"10\.0\.0\.0/16"),
    }
    from harness.gateway import merged
    for name, (changes, wanted) in scenes.items():
        site.gateway.write_config(merged(site.config, changes))
        result = run(case, "check", "-c", site.gateway.conf)
        text = result.stdout + result.stderr
        check(result.returncode == 0 and re.search("warning.*(" + wanted + ")", text, re.DOTALL), f"{name}: {result.returncode} {text}")


def test_process_check_as_json(case):
    site = case.site(start=False)
    site.gateway.write_config(dict(site.config, limits={"errors": 0}))
    result = run(case, "check", "--json", "-c", site.gateway.conf)
    found, = json.loads(result.stdout)
    check(result.returncode == 78 and found["severity"] == "error" and found["line"] > 0 and found["column"] > 0, f"{result}")


def test_process_role_mailbox_is_required(case):
    site = case.site(start=False)
    site.gateway.write_config({key: value for key, value in site.config.items() if key != "role_mailbox"})
    result = run(case, "check", "-c", site.gateway.conf)
    check(result.returncode == 78 and "role_mailbox" in result.stdout + result.stderr, f"{result}")


def test_process_text_log(case):
    """--log-format text: one readable line an event, control characters escaped."""
    site = case.site(start=False, arguments=["--log-format", "text"])
    site.gateway.launch()
    poll(lambda: connects(site.port), 15, "listening")
    site.count_sessions = site.check_descriptors = False
    client = site.connect()
    client.greet()
    client.send(b"EHLO \x1b[31mx\xffy\r\n")
    client.read_reply()
    client.close()
    site.deliver()
    site.gateway.await_true(lambda: any("message" in line for line in site.gateway.other_output), 10, "a line for the message")
    for line in site.gateway.other_output:
        check(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line), f"control characters: {line!r}")


def test_process_log_injection(case):
    """One event is one line of valid JSON, whatever clients write."""
    site = case.site()
    for text in (b"EHLO a\x1b[2Jb\r\n", b"EHLO a\"b\\c\r\n", b"EHLO \xff\xfe\r\n", b"EHLO a\tb\r\n"):
        client = site.connect()
        client.greet()
        client.send(text)
        client.read_reply()
        client.close()
    with site.client() as client:
        client.mail('"a\\"b{}"@example.net')
        client.rcpt("anna@example.test")
        client.data(message())
    site.expect_delivered(message())
    site.gateway.await_events("session", 5)
    check(not site.gateway.other_output, f"not JSON: {site.gateway.other_output}")


def test_process_sink(case):
    """The stand-in for the internal server, alone: SMTP and LMTP into a Maildir."""
    for lmtp in (False, True):
        port, maildir = free_port(), case.path(f"maildir-{lmtp}")
        command = [case.binary, "sink", "--listen", f"127.0.0.1:{port}", "--maildir", maildir, "--known", "anna@example.test"]
        process = subprocess.Popen(command + (["--lmtp"] if lmtp else []), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            poll(lambda: connects(port), 15, "the sink listens")
            client = Client(("127.0.0.1", port))
            client.needs_id = False
            client.greet()
            client.command("LHLO x" if lmtp else "EHLO x", "250")
            client.mail()
            client.rcpt("anna@example.test")
            client.rcpt("nobody@example.test", "550 5.1.1")
            client.data(message("into the sink\r\n"))
            client.command("QUIT", "221")
            stored = os.listdir(os.path.join(maildir, "new"))
            check(len(stored) == 1, f"{stored}")
            with open(os.path.join(maildir, "new", stored[0]), "rb") as file:
                check(b"into the sink" in file.read(), "content")
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=20)
        check(process.returncode == 0 and b"Sanitizer" not in errors, f"{process.returncode} {errors}")


def test_process_sink_behind_the_gateway(case):
    port, maildir = free_port(), case.path("maildir")
    sink = subprocess.Popen([case.binary, "sink", "--listen", f"127.0.0.1:{port}", "--maildir", maildir, "--known", "anna@example.test",
                             "--known", "it@example.test"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        poll(lambda: connects(port), 15, "the sink listens")
        site = case.site({"routes": {"groupware": {"hosts": [f"127.0.0.1:{port}"]}}})
        site.exact = site.control = False
        with site.client() as client:
            client.mail()
            client.rcpt("nobody@example.test", "550 5.1.1")
            client.rcpt("postmaster@example.test", "250")
            client.rcpt("anna@example.test", "250")
            client.data(message("through\r\n"))
        check(len(os.listdir(os.path.join(maildir, "new"))) == 1, "one message")
    finally:
        sink.terminate()
        sink.wait(20)


def test_process_demo_once(case):
    """`sallyport demo --once`: status 0 only if every outcome was the intended one."""
    port = free_port()
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1", "HOME": case.directory, "TMPDIR": case.directory}
    result = run(case, "demo", "--once", "--port", str(port), env=environment)
    check(result.returncode == 0, f"{result.returncode}\n{result.stdout}\n{result.stderr}")
    for word in ("cannot relay for", "percent hack", "STARTTLS", "550", "250"):
        check(word in result.stdout, f"{word} is not shown:\n{result.stdout}")
