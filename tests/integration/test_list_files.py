"""Lists that change while the gateway runs: without a signal, whole, and never a broken one in the place of a good one."""

import os
import signal

from harness.client import message
from harness.gateway import merged
from harness.injection import HUNG, has_ended, injected
from harness.outcome import check, poll
from harness.scenes import TRACED
from harness.strangers import GOOD, stranger
from test_lists import BLOCKED, ask, site_of


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def replace(path, text):
    """As editors do."""
    write(path + ".new", text)
    os.replace(path + ".new", path)


def renewed(site, change, path, ok=True):
    """Changes the file; the event of it."""
    since = site.gateway.mark()
    change()
    event = site.gateway.await_event("lists", since=since)
    check(event["ok"] is ok and event["files"] == path, f"{event}")
    return event


def refused(site, sender):
    ask(site, GOOD, BLOCKED, sender=sender)


def test_list_files_count_without_a_signal(case):
    path = case.path("block")
    write(path, "# nobody yet\n")
    site = site_of(case, {"lists": {"block": path}})
    ask(site, GOOD, "250")

    def append():
        with open(path, "a") as file:
            file.write("good.test\n")

    renewed(site, append, path)
    check(ask(site, GOOD, BLOCKED)["rule"] == f"{path}:2", "another line")
    renewed(site, lambda: replace(path, "plain.test\n"), path)
    ask(site, GOOD, "250")
    refused(site, "x@plain.test")
    renewed(site, lambda: write(path, "good.test\n"), path)
    refused(site, "anna@good.test")
    check(not site.gateway.of_type("reload"), "the whole configuration was read again")


def test_list_files_behind_links(case):
    """The link, or the folder that it goes through, points elsewhere."""
    for name, text in (("monday", "# nobody\n"), ("tuesday", "good.test\n")):
        os.mkdir(case.path(name))
        write(case.path(name) + "/block", text)
    current = case.path("current")
    os.symlink(case.path("monday"), current)
    path = current + "/block"
    site = site_of(case, {"lists": {"block": path}})
    ask(site, GOOD, "250")

    def switch():
        os.symlink(case.path("tuesday"), current + ".new")
        os.replace(current + ".new", current)

    renewed(site, switch, path)
    refused(site, "anna@good.test")


def test_list_files_with_errors_change_nothing(case):
    """Nor does one that is gone. Each is told once, and the next good one counts."""
    path = case.path("block")
    write(path, "good.test\n")
    site = site_of(case, {"lists": {"block": path}})
    bad = renewed(site, lambda: write(path, "plain.test\nhalf an\n"), path, ok=False)
    check(bad["detail"] == "the old lists stay", f"{bad}")
    check(any(f"{path}:2:" in note["text"] for note in site.gateway.of_type("note")), "the place is not told")
    refused(site, "anna@good.test")
    renewed(site, lambda: os.remove(path), path, ok=False)
    refused(site, "anna@good.test")
    renewed(site, lambda: write(path, "plain.test\n# half a li"), path, ok=False)
    refused(site, "anna@good.test")
    renewed(site, lambda: write(path, "plain.test\n"), path)
    ask(site, GOOD, "250")
    check(len(site.gateway.of_type("lists")) == 4, "told more than once")


def test_list_files_that_are_emptied_are_being_written(case):
    """`generator > list`: the shell has cut it to nothing before the program says anything."""
    path = case.path("block")
    write(path, "good.test\n")
    site = site_of(case, {"lists": {"block": path}})
    refused(site, "anna@good.test")
    for text in ("", "# made by a program\n\n"):
        renewed(site, lambda text=text: write(path, text), path, ok=False)
        refused(site, "anna@good.test")
    told = [note["text"] for note in site.gateway.of_type("note") if "it has no entry any more" in note["text"]]
    check(len(told) == 2 and path in told[0] and "SIGHUP" in told[0], f"{told}")
    renewed(site, lambda: write(path, "plain.test\n"), path)
    ask(site, GOOD, "250")
    renewed(site, lambda: write(path, ""), path, ok=False)
    refused(site, "x@plain.test")
    site.gateway.reload()
    ask(site, GOOD, "250", sender="x@plain.test")


def test_list_files_count_in_sessions_that_go_on(case):
    """From their next mail on, with rules and without; the mail that has begun goes on as it began."""
    barred, friends = case.path("barred"), case.path("friends")
    write(barred, "# nobody\n")
    write(friends, "nobody.test\n")
    mode = {"rules": [{"from": {"file": friends}, "use": "off"}, {"use": "enforce"}]}
    site = site_of(case, {"barring": {"senders": barred}})

    def begun():
        """A session in its second mail."""
        session = stranger(site, GOOD)
        content = message(f"{site.gateway.mark()}\r\n")
        session.envelope("anna@example.test", sender="anna@good.test")
        session.data(content)
        site.expect_delivered(content)
        session.mail("anna@good.test")
        session.rcpt("anna@example.test")
        return session

    def next_mail(session, wanted):
        session.command("RSET", "250")
        session.mail("anna@good.test")
        session.rcpt("anna@example.test", wanted)

    def goes_on(session):
        renewed(site, lambda: write(barred, "*@good.test\n"), barred)
        session.rcpt("bert@example.test")
        next_mail(session, "550 5.7.1")

    plain = begun()
    goes_on(plain)
    renewed(site, lambda: write(barred, "*@plain.test\n"), barred)
    next_mail(plain, "250")
    site.gateway.reload(merged(site.config, {"barring": {"senders": barred, "mode": mode}}))
    ruled = begun()
    goes_on(ruled)
    next_mail(plain, "250")
    renewed(site, lambda: write(friends, "good.test\n"), friends)
    next_mail(ruled, "250")
    for session in (plain, ruled):
        session.quit()


def test_list_files_that_change_make_nobody_a_stranger(case):
    """Whose mail was taken is greeted at once."""
    path = case.path("block")
    write(path, "# nobody\n")
    site = site_of(case, {"lists": {"block": path}, "checks": {"early_talker": {"wait": "1s"}}})

    def waited():
        since = site.gateway.mark()
        site.deliver(message(f"{since}\r\n"), client=stranger(site, GOOD), sender="anna@good.test")
        evidence = site.gateway.await_event("message", since=since)["evidence"]
        return next(fact["ms"] for fact in evidence if fact["check"] == "early_talker") >= 1000

    check(waited(), "a stranger")
    renewed(site, lambda: write(path, "plain.test\n"), path)
    check(not waited(), "known")


def test_list_files_of_barring_rules_and_recipients(case):
    """And what is being written in conf.d stays there until SIGHUP."""
    barred, friends, known = (case.path(name) for name in ("barred", "friends", "known"))
    write(barred, "")
    write(friends, "nobody.test\n")
    write(known, "anna@example.test\npostmaster@example.test\n")
    barring = {"senders": barred, "mode": {"rules": [{"from": {"file": friends}, "use": "off"}, {"use": "enforce"}]}}
    site = site_of(case, {"barring": barring, "routes": {"groupware": {"recipients": {"list": known}}}})
    ask(site, GOOD, "250")
    with open(site.gateway.conf + "/90-half.json", "w") as file:
        file.write('{ "limits": {')
    renewed(site, lambda: write(barred, "*@good.test\n"), barred)
    ask(site, GOOD, "550 5.7.1")
    renewed(site, lambda: write(friends, "good.test\n"), friends)
    ask(site, GOOD, "250")
    ask(site, GOOD, "550 5.1.1", recipient="bert@example.test")
    everybody = "anna@example.test\nbert@example.test\npostmaster@example.test\n"
    renewed(site, lambda: replace(known, everybody), known)
    ask(site, GOOD, "250", recipient="bert@example.test")
    told = [note["text"] for note in site.gateway.of_type("note") if "10-site.json" in note["text"]]
    check(not told, f"what conf.d says is no news: {told}")


def test_list_files_that_break_a_session_test_change_nothing(case):
    path = case.path("block")
    write(path, "# nobody\n")
    site = site_of(case, {"lists": {"block": path}})
    write(
        site.gateway.conf + "/good.test.json",
        """{ "sessions": [ { "name": "good", "client": "192.0.2.1", "helo": "mx.good.test", "from": "anna@good.test",
        "to": { "anna@example.test": "accept" } } ], "zone": ["good.test. TXT \\"v=spf1 ip4:192.0.2.1 -all\\""] }""",
    )
    renewed(site, lambda: write(path, "good.test\n"), path, ok=False)
    ask(site, GOOD, "250")
    renewed(site, lambda: os.remove(site.gateway.conf + "/good.test.json"), path)
    refused(site, "anna@good.test")


def test_list_files_that_hang_do_not_hold_up_the_end(case):
    path = case.path("block")
    write(path, "# nobody\n")
    site = site_of(case, {"lists": {"block": path}}, environment=TRACED)
    log = case.path("looks")
    with injected(site.gateway.pid, [path], "newfstatat", f"delay_enter={HUNG}s", log):
        poll(lambda: path in open(log).read(), 5, "the list is looked at twice a second")
        site.gateway.signal(signal.SIGTERM)
        poll(lambda: has_ended(site.gateway.pid), 10, "nobody waits for the list")
    site.gateway.await_exit()


def test_list_files_count_after_a_reload_that_failed(case):
    """What was wrong was conf.d, and not the list."""
    path = case.path("block")
    write(path, "# nobody\n")
    site = site_of(case, {"lists": {"block": path}})
    half = site.gateway.conf + "/90-half.json"
    since = site.gateway.mark()
    write(half, "{")
    write(path, "good.test\n")
    site.gateway.reload(ok=False)
    site.gateway.await_event("lists", since=since)
    refused(site, "anna@good.test")
