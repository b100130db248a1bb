"""Allow and block lists: by file and by command, at once, for everybody or for one recipient.

NSD answers. `good.test` publishes SPF, `plain.test` does not; the lists' client LISTED is refused by a DNS list."""

import calendar
import json
import os
import pwd
import re
import subprocess
import time

from harness.dns_server import DnsServer, failing
from harness.outcome import check, poll
from harness.scenes import TRACED
from harness.setups import need_root
from harness.strangers import FORGER, GOOD, LISTED, answered_site, merge, stranger, strangers_site
from test_state_disk import disk_that, silent_disk, stored

MORE = {
    "plain.test": "@ IN MX 10 mx\nmx IN A 198.51.100.7\n",
    "bl.test": "99.113.0.203 IN A 127.0.0.4\n",
}
BLOCKED = "550 5.7.1"


def site_of(case, config=None, **options):
    return answered_site(case, config, MORE, **options)


def command(site, *arguments, status=0):
    result = site.gateway.run(*arguments, "-c", site.gateway.conf)
    check(result.returncode == status, f"{arguments}: {result}")
    return result


def entries(site, kind):
    return [json.loads(line) for line in command(site, kind, "list", "--json").stdout.splitlines()]


def ask(site, client, wanted, sender="anna@good.test", recipient="anna@example.test"):
    """One RCPT; the recipient as the event has it. Nobody's mail to postmaster is ever refused."""
    since = site.gateway.mark()
    session = stranger(site, client)
    session.mail(sender)
    session.rcpt(recipient, wanted)
    session.rcpt("postmaster@example.test")
    session.quit()
    event = site.gateway.await_event("message", since=since)
    return event["to"][0]


def test_lists_a_command_counts_at_once_and_survives_a_kill(case):
    site = site_of(case)
    ask(site, GOOD, "250")
    command(site, "block", "add", "good.test", "--reason", "spam", "--owner", "anna", "--expires", "30d")
    refused = ask(site, GOOD, BLOCKED)
    check(refused["why"] == "blocked-sender" and refused["rule"] == "block good.test", f"{refused}")
    site.gateway.kill()
    site.gateway.start()
    ask(site, GOOD, BLOCKED)
    entry = entries(site, "block")[0]
    check(entry["reason"] == "spam" and entry["owner"] == "anna" and entry["hits"] >= 1, f"{entry}")
    command(site, "block", "remove", "good.test")
    ask(site, GOOD, "250")
    check(entries(site, "block") == [], "the entry is still there")
    command(site, "block", "remove", "good.test", status=66)


def test_lists_an_entry_that_is_over_is_refused(case):
    site = site_of(case)
    command(site, "allow", "add", "good.test", "--expires", "2020-01-31", status=64)
    hours = site.gateway.run("allow", "add", "good.test", "--expires", "12h", "-c", site.gateway.conf)
    check(hours.returncode == 64 and "write 2027-01-31, or 30d" in hours.stderr, f"{hours}")
    check(entries(site, "allow") == [], "it was added")


def test_lists_without_a_gateway_the_state_itself_is_asked(case):
    site = site_of(case)
    site.gateway.terminate()
    command(site, "block", "add", "203.0.113.0/24")
    check([entry["pattern"] for entry in entries(site, "block")] == ["203.0.113.0/24"], "not added")
    site.gateway.start()
    ask(site, GOOD, BLOCKED)
    ask(site, GOOD, BLOCKED, sender="")


def test_lists_an_allowed_sender_is_spared_evidence_and_blocking(case):
    site = site_of(case)
    ask(site, LISTED, "550 5.7.1")
    command(site, "allow", "add", "good.test")
    allowed = ask(site, LISTED, "250")
    check(allowed["rule"] == "allow good.test", f"{allowed}")
    command(site, "block", "add", LISTED)
    ask(site, LISTED, "250")
    # What anybody can write in MAIL FROM opens nothing: SPF fails.
    check(ask(site, FORGER, "550 5.7.1").get("rule") is None, "a forger was allowed")
    # Nor relay.
    ask(site, LISTED, "550 5.7.1", recipient="anna@foreign.test")


def test_lists_an_allowed_sender_is_spared_its_barring_line(case):
    """Where SPF vouches for it."""
    file = case.path("bar-senders")
    with open(file, "w") as out:
        out.write("*@good.test\n*@plain.test\n")
    site = site_of(case, {"barring": {"senders": file, "reply": "Address barred"}})
    check(ask(site, GOOD, "550 5.7.1 Address barred")["why"] == "barred-sender", "another reason")
    command(site, "allow", "add", "anna@good.test")
    check(ask(site, GOOD, "250")["rule"] == "allow anna@good.test", "not by the entry")
    ask(site, FORGER, "550 5.7.1 Address barred")
    ask(site, GOOD, "550 5.7.1 Address barred", sender="bert@plain.test")


def test_lists_a_sender_whose_domain_publishes_no_spf(case):
    site = site_of(case)
    command(site, "allow", "add", "plain.test", "--authenticated")
    ask(site, LISTED, "550 5.7.1", sender="anna@plain.test")
    command(site, "allow", "add", "plain.test")
    ask(site, LISTED, "250", sender="anna@plain.test")


def test_lists_a_pass_for_anybody_is_no_proof(case):
    """SPF of open.test passes whoever sends; what then vouches for it is nothing."""
    records = {
        "open.test": {"MX": ["10 mx.good.test"], "TXT": ["v=spf1 include:all.test -all"]},
        "all.test": {"TXT": ["v=spf1 +all"]},
        "mx.good.test": {"A": [GOOD]},
        "2.0.0.127.bl.test": {"A": ["127.0.0.2"]},
        "99.113.0.203.bl.test": {"A": ["127.0.0.4"]},
    }
    server = case.peer(DnsServer(records))
    zones = {"bl.test": {"codes": {"127.0.0.2-127.0.0.11": 5}}}
    site = strangers_site(case, [server.port], {"checks": {"dnsbl": {"zones": zones}}})
    command(site, "allow", "add", "open.test")
    refused = ask(site, FORGER, "550 5.7.1", sender="anna@open.test")
    check("rule" not in refused, f"{refused}")


def failing_records():
    """bl.test lists 203.0.113.31 and .32, whose reverse name is out.part.test."""
    records = {
        "out.part.test": {"A": ["203.0.113.31", "203.0.113.32"]},
        "part.test": {"MX": ["10 out.part.test"], "TXT": ["v=spf1 include:inc.part.test -all"]},
        "inc.part.test": {"TXT": ["v=spf1 ip4:203.0.113.0/24 -all"]},
        "plain.test": {"MX": ["10 out.part.test"]},
        "2.0.0.127.bl.test": {"A": ["127.0.0.2"]},
    }
    for host in ("31", "32"):
        records[f"{host}.113.0.203.in-addr.arpa"] = {"PTR": ["out.part.test"]}
        records[f"{host}.113.0.203.bl.test"] = {"A": ["127.0.0.4"]}
    return records


LISTS = {"checks": {"dnsbl": {"zones": {"bl.test": {"codes": {"127.0.0.4": 5}}}}}}


def test_lists_what_fails_for_now_refuses_nobody_for_good(case):
    server = case.peer(DnsServer(failing_records()))
    site = strangers_site(case, [server.port], LISTS)
    server.on("32.113.0.203.in-addr.arpa", failing("SERVFAIL"))
    ask(site, "203.0.113.32", "550 5.7.1", sender="x@plain.test")
    command(site, "allow", "add", "rdns:out.part.test")
    ask(site, "203.0.113.31", "250", sender="x@plain.test")
    told = ask(site, "203.0.113.32", "451 4.4.3", sender="x@plain.test")
    check("the reverse name of [203.0.113.32]" in told["reply"] and told["why"] == "dns-trouble", f"{told}")
    site.gateway.reload(merge(site.config, {"lists": {"allow_mode": "observe"}}))
    ask(site, "203.0.113.32", "550 5.7.1", sender="x@plain.test")


def test_lists_by_reverse_name_for_one_recipient(case):
    site = site_of(case)
    command(site, "block", "add", "rdns:*.good.test", "--for", "Anna@example.test")
    ask(site, GOOD, BLOCKED)
    ask(site, GOOD, "250", recipient="bert@example.test")
    command(site, "block", "add", "good.test", "--for", "postmaster@example.test", status=65)


def test_lists_files_and_observing(case):
    file = case.path("block")
    with open(file, "w") as out:
        out.write("# nobody yet\ngood.test owner=anna # spam\n")
    site = site_of(case, {"lists": {"block": file, "block_mode": "observe"}})
    watched = ask(site, GOOD, "250")
    check(watched["would_be"] == f"blocked-sender {file}:2", f"{watched}")
    check(entries(site, "block")[0]["where"] == f"{file}:2", "not listed")
    site.gateway.reload(merge(site.config, {"lists": {"block_mode": "enforce"}}))
    check(ask(site, GOOD, BLOCKED)["rule"] == f"{file}:2", "another rule")


def test_lists_say_what_their_operator_wrote(case):
    """Each its own text, with the id or without."""
    senders, recipients = case.path("senders"), case.path("recipients")
    for file, line in ((senders, "*@plain.test\n"), (recipients, "gone@example.test\n")):
        with open(file, "w") as out:
            out.write(line)
    config = {
        "lists": {"block_reply": "Write to postmaster@example.test", "block_reply_id": False},
        "barring": {"senders": senders, "recipients": recipients, "senders_reply": "Go away", "reply": "Nobody lives here"},
    }
    site = site_of(case, config)
    command(site, "block", "add", "good.test")
    session = stranger(site, GOOD)
    session.needs_id = False
    session.mail("anna@good.test")
    blocked = session.rcpt("anna@example.test", BLOCKED)
    check(blocked.lines == ["550 5.7.1 Write to postmaster@example.test"], f"{blocked}")
    session.quit()
    session = stranger(site, GOOD)
    session.mail("anna@plain.test")
    session.rcpt("anna@example.test", "550 5.7.1 Go away; id ")
    session.rcpt("gone@example.test", "550 5.7.1 Nobody lives here; id ")
    session.quit()


def test_lists_of_one_recipient_by_rules(case):
    file = case.path("allow-anna")
    with open(file, "w") as out:
        out.write("good.test\n")
    blocked = case.path("block-bert")
    with open(blocked, "w") as out:
        out.write("plain.test\n")
    allow = {"rules": [{"to": "anna@example.test", "use": file}, {"use": ""}]}
    observed = {"rules": [{"to": "bert@example.test", "mode": "observe", "use": blocked}, {"use": ""}]}
    site = site_of(case, {"lists": {"allow": allow, "block": observed}})
    since = site.gateway.mark()
    session = stranger(site, LISTED)
    session.mail("anna@good.test")
    session.rcpt("anna@example.test", "250")
    session.rcpt("bert@example.test", "550 5.7.1")
    session.quit()
    anna, bert = site.gateway.await_event("message", since=since)["to"]
    check(anna["rule"] == f"{file}:1" and anna["why"] == "allowed", f"{anna}")
    check("rule" not in bert, f"{bert}")
    check([entry["where"] for entry in entries(site, "allow")] == [f"{file}:1"], "the file of a rule is not shown")
    # A rule on a list that only observes says what it would have done.
    watched = ask(site, GOOD, "250", sender="x@plain.test", recipient="bert@example.test")
    check(watched.get("would_be") == f"blocked-sender {blocked}:1", f"{watched}")


def test_lists_try_knows_what_commands_have_added(case):
    """Of the gateway that runs, of its state where none does; where there is none it makes none."""
    site = site_of(case, start=False)

    def tried(client, wanted):
        arguments = ("--ip", client, "--helo", "mx.good.test", "--from", "anna@good.test", "--json")
        result = command(site, "try", *arguments, status=0 if wanted == "accepted" else 77)
        event = json.loads(result.stdout)
        check(event["verdict"] == wanted and not result.stderr, f"{event} {result.stderr}")
        return event

    tried(LISTED, "refused")
    check(not os.path.exists(site.config["state"]["sqlite"]), "a state was made")
    command(site, "block", "add", "good.test")
    check(tried(GOOD, "refused")["rule"] == "block good.test", "of the state")
    site.gateway.start()
    command(site, "allow", "add", "good.test")
    check(tried(LISTED, "accepted")["rule"] == "allow good.test", "of the gateway that runs")
    check([entry["hits"] for entry in entries(site, "allow")] == [0], "a trial is no hit")


def test_lists_what_the_disk_does_not_have_is_not_said_to_be_done(case):
    """A silent disk and a full one: the change counts, and whoever asked hears that it may be lost."""
    site = site_of(case, environment=TRACED)
    command(site, "block", "add", "before.test")

    def changed(*arguments):
        told = command(site, *arguments, status=74).stderr
        check("it counts from now on" in told and "not on disk yet" in told, told)
        return told

    with silent_disk(site):
        changed("block", "add", "good.test")
        ask(site, GOOD, BLOCKED)
        changed("block", "remove", "before.test")
        check([entry["pattern"] for entry in entries(site, "block")] == ["good.test"], "not removed")
    poll(lambda: stored(site, "block") == 3, 15, "added, added, and one of them removed")
    command(site, "block", "remove", "good.test")
    with disk_that(site, "error=ENOSPC"):
        check("full" in changed("block", "add", "good.test"), "the reason is not told")
        ask(site, GOOD, BLOCKED)
    command(site, "block", "add", "good.test")


def test_lists_commands_without_a_gateway_wait_for_each_other(case):
    site = site_of(case, start=False)
    names = [f"a{number}.test" for number in range(12)]
    adding = [
        subprocess.Popen([case.binary, "block", "add", name, "-c", site.gateway.conf], stderr=subprocess.PIPE)
        for name in names
    ]
    site.gateway.start()  # while they are at it
    for one in adding:
        _, said = one.communicate(timeout=60)
        check(one.returncode == 0, f"{one.returncode} {said}")
    check(sorted(entry["pattern"] for entry in entries(site, "block")) == sorted(names), "one is lost")


def test_lists_an_entry_that_means_the_world_is_warned_of(case):
    site = site_of(case)
    added = command(site, "block", "add", "::/0")
    check(added.stderr.startswith("sallyport block: warning: ::/0: so wide a network refuses"), added.stderr)
    check(not added.stdout, added.stdout)
    ask(site, GOOD, BLOCKED)
    command(site, "block", "remove", "::/0")


def test_lists_a_configuration_that_cannot_be_read_hides_no_entries(case):
    file = case.path("block")
    with open(file, "w") as out:
        out.write("plain.test\n")
    site = site_of(case, {"lists": {"block": file}}, start=False)
    command(site, "block", "add", "good.test")
    check(len(entries(site, "block")) == 2, "both are shown")
    with open(file, "a") as out:
        out.write("no entry\n")
    result = command(site, "block", "list", status=66)
    check("good.test" in result.stdout and "entries of files are not known" in result.stderr, f"{result}")


def test_lists_mean_upstream_mail_by_its_name_alone(case):
    site = site_of(case, {"upstream": [FORGER]})
    command(site, "block", "add", "plain.test")
    ask(site, FORGER, BLOCKED, sender="anna@plain.test")
    command(site, "block", "add", FORGER)
    ask(site, FORGER, BLOCKED)
    # A stranger would have to pass SPF for that.
    command(site, "allow", "add", "good.test")
    check(ask(site, FORGER, "250")["why"] == "allowed", "by its name")
    mode = {"rules": [{"ip": FORGER, "use": "off"}, {"use": "enforce"}]}
    site.gateway.reload(merge(site.config, {"lists": {"block_mode": mode}}))
    ask(site, FORGER, "250", sender="anna@plain.test")
    ask(site, GOOD, BLOCKED, sender="anna@plain.test")


def test_lists_hits_stay_through_a_reload_and_a_restart(case):
    file = case.path("block")
    with open(file, "w") as out:
        out.write("good.test owner=anna expires=2199-01-31 # spam\n")
    site = site_of(case, {"lists": {"block": file}})
    ask(site, GOOD, BLOCKED)
    with open(file, "w") as out:
        out.write("# moved\ngood.test owner=anna expires=2199-01-31 # spam\n")
    site.gateway.reload(site.config)
    ask(site, GOOD, BLOCKED)
    site.gateway.terminate()
    (entry,) = entries(site, "block")
    last = entry.pop("last_hit")
    check(abs(calendar.timegm(time.strptime(last, "%Y-%m-%dT%H:%M:%S.000Z")) - time.time()) < 600, f"{last}")
    check(
        entry
        == {
            "pattern": "good.test",
            "owner": "anna",
            "reason": "spam",
            "expires": "2199-01-31T23:59:59.000Z",
            "where": f"{file}:2",
            "hits": 2,
            "line": "good.test owner=anna expires=2199-01-31 # spam",
        },
        f"{entry}",
    )
    site.gateway.start()
    ask(site, GOOD, BLOCKED)
    shown = command(site, "block", "list").stdout
    check(re.search(rf"^ +3  \d{{4}}-\d\d-\d\d \d\d:\d\d  {re.escape(file)}:2 +good.test", shown, re.MULTILINE), shown)


def test_lists_an_allowed_network_does_not_talk_early(case):
    """Where early_talker is enforced it decides before there is a sender; a rule lets a network talk early."""
    early = {"mode": "enforce"}
    site = site_of(case, {"checks": {"early_talker": early}})
    command(site, "allow", "add", GOOD)

    def talk(wanted):
        client = site.connect("front")
        client.send(f"PROXY TCP4 {GOOD} 192.0.2.25 40000 25\r\nEHLO mx.good.test\r\n".encode())
        client.expect(wanted)
        client.close()

    talk("554")
    early = {"mode": {"rules": [{"ip": GOOD, "use": "off"}, {"use": "enforce"}]}}
    site.gateway.reload(merge(site.config, {"checks": {"early_talker": early}}))
    talk("220")


def test_lists_whoever_added_an_entry_owns_it(case):
    site = site_of(case, start=False)
    plain = {key: value for key, value in os.environ.items() if key != "SUDO_USER"}
    for sender, environment, more in (
        ("a.test", plain, []),
        ("b.test", {**plain, "SUDO_USER": "anna"}, []),
        ("c.test", {**plain, "SUDO_USER": "anna"}, ["--owner", "bert"]),
    ):
        adding = [case.binary, "block", "add", sender, *more, "-c", site.gateway.conf]
        check(subprocess.run(adding, env=environment, timeout=60).returncode == 0, sender)
    owners = [entry["owner"] for entry in entries(site, "block")]
    check(owners == [pwd.getpwuid(os.getuid()).pw_name, "anna", "bert"], f"{owners}")


def test_lists_the_control_socket_hears_nobody_else(case):
    """Not even where its mode lets somebody else connect."""
    need_root()
    site = site_of(case)
    path = site.config["state"]["sqlite"] + ".control"
    for folder in (path, os.path.dirname(path), case.directory, os.path.dirname(case.directory)):
        os.chmod(folder, 0o777)
    ask_version = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
        "s.sendall(b'{\"command\": \"version\"}\\n'); print(s.makefile().read())"
    )

    def said(**options):
        asked = subprocess.run(["python3", "-c", ask_version, path], capture_output=True, text=True, timeout=60, **options)
        check(asked.returncode == 0, f"{asked}")
        return asked.stdout.strip()

    check('"ok"' in said(), "root is not heard")
    check(said(user=65534, group=65534) == "", "somebody else is heard")
