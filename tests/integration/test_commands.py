"""The commands of the program and its log: check, config, sink, demo."""

import json
import os
import re
import subprocess

from harness.client import Client, message
from harness.gateway import merged
from harness.network import connects
from harness.outcome import check, poll
from harness.ports import free_port
from harness.setups import with_tls


def run(case, *arguments, **options):
    return subprocess.run([case.binary, *arguments], capture_output=True, text=True, timeout=60, **options)


def test_process_version_and_usage(case):
    result = run(case, "--version")
    check(result.returncode == 0 and re.match(r"sallyport \d", result.stdout), f"{result}")
    check(run(case, "--nonsense").returncode == 64, "EX_USAGE")
    check(run(case).returncode == 64, "EX_USAGE without a command")


def test_process_what_is_not_understood_is_said(case):
    """With what was meant, or what there is."""
    for words, told in (
        ("chek", 'no command "chek": did you mean "check"?'),
        ("greylist frobnicate", "the commands are list, release, forget, stats"),
        ("greylist", "the commands are list, release, forget, stats"),
        (f"check {os.path.dirname(case.binary)}", f"-c {os.path.dirname(case.binary)}"),
        ("check --jsn", 'no option --jsn: did you mean "--json"?'),
        ("correspondents check a b c d", '"c d" was not expected'),
        ("log --limit -1", 'wants 0 or more, not "-1"'),
        ("demo --port 99999", 'wants 1 to 65535, not "99999"'),
        ("log --from [", 'not "["'),
    ):
        result = run(case, *words.split())
        check(result.returncode == 64 and told in result.stderr, f"{words}: {result}")


def test_process_help_and_directories(case):
    conf = case.path("conf.d")
    os.makedirs(conf)

    twice = run(case, "check", "-c", conf, "-c", conf)
    check(twice.returncode == 64 and "-c is given more than once" in twice.stderr, f"{twice}")
    bare = run(case, "check", conf)
    check(bare.returncode == 64 and f"-c {conf}" in bare.stderr, f"{bare}")
    for arguments in (("help",), ("help", "greylist"), ("help", "greylist", "list")):
        words = run(case, *arguments)
        by_option = run(case, *arguments[1:], "--help")
        check(words.returncode == 0 and words.stdout == by_option.stdout, f"{arguments}: {words.stdout}")


def test_process_config_show_and_schema(case):
    site = case.site(start=False)
    changed = run(case, "config", "show", "--changed", "-c", site.gateway.conf)
    check(
        changed.returncode == 0
        and "mx.example.test" in changed.stdout
        and "junk_commands" not in changed.stdout,
        f"{changed}",
    )
    whole = run(case, "config", "show", "-c", site.gateway.conf)
    check("junk_commands" in whole.stdout and len(whole.stdout) > len(changed.stdout), "all values")
    schema = json.loads(run(case, "config", "schema").stdout)
    check("properties" in schema and "routes" in schema["properties"], "a schema")
    # What is shown is a configuration again.
    again = case.path("again")
    os.makedirs(again)
    with open(os.path.join(again, "10-shown.json"), "w") as file:
        file.write(whole.stdout)
    result = run(case, "check", "--no-dns", "-c", again)
    check(result.returncode == 0, f"{result.stdout}{result.stderr}")


def test_process_a_pipe_in_the_configuration_hangs_nothing(case):
    """In the place of a list, a part of the configuration, sessions to be tested, or a key."""
    site = case.site(start=False)
    for name, config in (
        ("allow", {"lists": {"allow": "allow"}}),
        ("bar", {"barring": {"senders": "bar"}}),
        ("30-more.json", {}),
        ("30-more.test.json", {}),
        ("key", {"tls": {"certificate": "key", "key": "key"}}),
    ):
        site.gateway.write_config(merged(site.config, config))
        pipe = os.path.join(site.gateway.conf, name)
        os.mkfifo(pipe)
        for command in ("check",) if name.endswith(".test.json") else ("check", "serve"):
            result = run(case, command, "-c", site.gateway.conf)
            said = result.stdout + result.stderr
            told = re.search(rf"{name}(: | cannot be read: )it is a pipe", said)
            check(result.returncode == 78 and told, f"{name}: {result}")
        os.remove(pipe)


def test_process_secrets_are_not_shown(case):
    site = case.site(
        {"routes": {"groupware": {"tls": "required", "auth": {"user": "u", "password": "hidden-word"}}}},
        start=False,
    )
    result = run(case, "config", "show", "-c", site.gateway.conf)
    check(
        result.returncode == 0 and "hidden-word" not in result.stdout + result.stderr, "a password is shown"
    )


def test_process_check_warns(case):
    site = case.site(start=False)
    front = {"bind": ["127.0.0.1:2025"], "tls": "none", "proxy_protocol": ["10.1.1.1"]}
    scenes = {
        "tls_required on port 25": (
            {
                **with_tls(),
                "listeners": {"mx": {"bind": ["127.0.0.1:25"], "tls": "starttls", "tls_required": True}},
            },
            "tls_required|25",
        ),
        "front end in a trusted network": (
            {"trusted_networks": ["10.1.1.1"], "listeners": {"front": front}},
            "10.1.1.1",
        ),
        "wide trust": ({"trusted_networks": ["10.0.0.0/16"]}, r"10\.0\.0\.0/16"),
    }
    for name, (changes, wanted) in scenes.items():
        site.gateway.write_config(merged(site.config, changes))
        result = run(case, "check", "--no-dns", "-c", site.gateway.conf)
        text = result.stdout + result.stderr
        check(
            result.returncode == 0 and re.search("warning.*(" + wanted + ")", text, re.DOTALL),
            f"{name}: {result.returncode} {text}",
        )


def test_process_check_as_json(case):
    site = case.site(start=False)
    site.gateway.write_config(dict(site.config, limits={"errors": 0}))
    result = run(case, "check", "--no-dns", "--json", "-c", site.gateway.conf)
    (found,) = json.loads(result.stdout)
    check(
        result.returncode == 78
        and found["severity"] == "error"
        and found["line"] > 0
        and found["column"] > 0,
        f"{result}",
    )


def test_process_role_mailbox_is_required(case):
    site = case.site(start=False)
    site.gateway.write_config({key: value for key, value in site.config.items() if key != "role_mailbox"})
    result = run(case, "check", "--no-dns", "-c", site.gateway.conf)
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
    site.gateway.await_true(
        lambda: any("message" in line for line in site.gateway.other_output), 10, "a line for the message"
    )
    for line in site.gateway.other_output:
        check(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line), f"control characters: {line!r}")


def test_process_log_injection(case):
    """One event is one line of valid JSON, whatever clients write."""
    site = case.site()
    for text in (b"EHLO a\x1b[2Jb\r\n", b'EHLO a"b\\c\r\n', b"EHLO \xff\xfe\r\n", b"EHLO a\tb\r\n"):
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
        command = [
            case.binary,
            "sink",
            "--listen",
            f"127.0.0.1:{port}",
            "--maildir",
            maildir,
            "--known",
            "anna@example.test",
        ]
        process = subprocess.Popen(
            command + (["--lmtp"] if lmtp else []), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
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
    sink = subprocess.Popen(
        [
            case.binary,
            "sink",
            "--listen",
            f"127.0.0.1:{port}",
            "--maildir",
            maildir,
            "--known",
            "anna@example.test",
            "--known",
            "it@example.test",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
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
    environment = {
        **os.environ,
        "ASAN_OPTIONS": "detect_leaks=1",
        "HOME": case.directory,
        "TMPDIR": case.directory,
    }
    result = run(case, "demo", "--once", "--port", str(port), env=environment)
    check(result.returncode == 0, f"{result.returncode}\n{result.stdout}\n{result.stderr}")
    for word in ("cannot relay for", "percent hack", "STARTTLS", "550", "250"):
        check(word in result.stdout, f"{word} is not shown:\n{result.stdout}")
