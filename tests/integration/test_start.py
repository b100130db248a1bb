"""Group X, starting in bad places and odd environments; systemd (X13 to X17)."""

import json
import os
import re
import socket
import subprocess

from harness.client import message
from harness.gateway import Gateway, base_config
from harness.network import connects
from harness.outcome import Skip, check, poll
from harness.ports import free_port
from harness.setups import need_program, need_root


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
        case.finish_site(site)


def test_X16_environments(case):
    """No HOME, an odd TZ, a Turkish locale: case folding does not depend on them."""
    for environment in (
        {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"},
        {"TZ": "Nowhere/Atlantis"},
        {"TZ": "UTC+24:59:59"},
        {"LANG": "C", "HOME": ""},
    ):
        site = case.site({"domains": {"MIXED-I.example": {"route": "groupware"}}}, environment=environment)
        with site.client() as client:
            client.mail()
            client.rcpt("ANNA@mixed-i.EXAMPLE", "250")
            client.rcpt("POSTMASTER@MIXED-I.example", "250")
            client.data(message())
        site.expect_delivered(message())
        trace = site.hop.await_messages(1)[0].trace
        check(re.search(r";\s+\w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", trace), trace)
        case.finish_site(site)


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
    text = refused_start(
        case, config, 69, 71, 73, 77, wrapper=[setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"]
    )
    check(":25" in text and re.search("CAP_NET_BIND_SERVICE|privilege|root|ermission", text), text)


def test_X17_missing_places(case):
    """One line that names the path, and a sysexits code."""
    site = case.site(start=False)
    refused_start(case, dict(site.config, temp_directory="/nowhere/tmp"), 73, 77, 78, wanted="/nowhere/tmp")
    result = site.gateway.run("serve", "-c", "/nowhere/conf.d")
    check(result.returncode == 78 and "/nowhere/conf.d" in result.stderr + result.stdout, f"{result}")
    empty = case.path("empty")
    os.makedirs(empty)
    result = site.gateway.run("check", "--no-dns", "-c", empty)
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
    result = subprocess.run(
        [
            setpriv,
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            case.binary,
            "check",
            "--no-dns",
            "-c",
            site.gateway.conf,
        ],
        capture_output=True,
        text=True,
        timeout=20,
        env=site.gateway.environment,
    )
    text = result.stdout + result.stderr
    check(result.returncode == 78 and "10-site.json" in text, f"{result.returncode} {text}")


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
    site.gateway.wrapper = [
        "bash",
        "-c",
        "export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=mx; " f'exec 3<&{listener.fileno()}; exec "$@"',
        "bash",
    ]
    site.gateway.start(pass_fds=[listener.fileno()])
    listener.close()
    check(
        site.gateway.of_type("start")[0]["listeners"][0]["address"].endswith(f":{passed}"),
        f"{site.gateway.events}",
    )
    site.config = json.loads(json.dumps(site.config))
    site.config["listeners"]["mx"]["bind"] = [f"127.0.0.1:{passed}"]
    site.port = passed
    site.deliver()
