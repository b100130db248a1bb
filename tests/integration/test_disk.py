"""Group E, no disk, no inodes, failing calls (E11 to E14)."""

import os
import re
import shutil
import subprocess

from harness.client import message, stuffed
from harness.outcome import Skip, check
from harness.scenes import TRACED
from harness.setups import need_program, need_root


def site_on_small_disk(case, options, config=None, **hop):
    """temp_directory is a tmpfs of the gateway's own mount namespace."""
    unshare = need_program("unshare")
    if subprocess.run([unshare, "-rm", "true"], capture_output=True).returncode != 0:
        raise Skip("no mount namespace can be made here")
    disk = case.path("disk")
    os.makedirs(disk)
    mount = f'mount -t tmpfs -o {options} none {disk} && exec "$@"'
    return case.site(
        {"temp_directory": disk, **(config or {})}, wrapper=[unshare, "-rm", "sh", "-c", mount, "sh"], **hop
    )


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
        site.gateway.await_event("message", lambda event: event["fate"] == "deferred" and event["code"] == 452)
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
            client.bdat(LARGE[start : start + 500_000], False, *wanted)
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
        site = case.site(
            {"temp_directory": directory},
            environment=TRACED,
            wrapper=[
                strace,
                "-D",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-P",
                directory,
                "-e",
                f"trace={calls},openat,open",
                "-e",
                f"inject=openat:error={error}:when=2",
            ],
        )
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
    for error, replies in {
        "EIO": ("451 4.3.0",),
        "ENOSPC": ("452 4.3.1",),
        "EDQUOT": ("451 4.3.0", "452 4.3.1"),
    }.items():
        site = case.site(
            {"state": {"sqlite": ""}},
            environment=TRACED,
            wrapper=[
                strace,
                "-D",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                "trace=pwrite64,pwritev,pwritev2",
                "-e",
                f"inject=pwrite64,pwritev,pwritev2:error={error}:when=1",
            ],
        )
        site.check_descriptors = False
        with site.client() as client:
            answers = [answer_to_large(client) for _ in range(6)]  # each thread of the pool fails once
        check(any(answer.matches(reply) for answer in answers for reply in replies), f"{answers}")
        check(
            all(answer.code == 250 or any(map(answer.matches, replies)) for answer in answers), f"{answers}"
        )
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
    site = case.site(
        environment=TRACED,
        wrapper=[
            strace,
            "-D",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            "inject=fsync,fdatasync:error=EIO:when=3+",
        ],
    )
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


def test_events_that_are_not_kept_are_told_of_at_once(case):
    """A full disk, and its end, are in the log without another event to carry them."""
    events = {"events": {"directory": case.path("disk", "events")}}
    site = site_on_small_disk(case, "size=1m", events, known=None)
    with open(inside(site, "ballast"), "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    site.control = False  # a message has no room there
    with site.client() as client:
        client.mail("sender@example.net")
        for number in range(60):  # their event fits in no page that has room left
            client.rcpt(f"recipient{number}@example.test")
        client.command("RSET", "250")
        note = site.gateway.await_event("note", lambda event: "events are not kept" in event["text"])
        check("No space left" in note["text"], note)
        os.remove(inside(site, "ballast"))
        site.gateway.await_event("note", lambda event: "events are kept again" in event["text"])
        check(not site.gateway.of_type("session"), "the session was to say nothing yet")
        client.quit()
