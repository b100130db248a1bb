"""What became of a session or a message, told from the event store."""

import json
import os
import re

from harness.client import message
from harness.outcome import check, poll
from harness.strangers import GOOD, LISTED, POOR, answered_site, merge, stranger

MORE = {
    "good.test": 'mx IN TXT "v=spf1 a -all"\n',
    "bl.test": '66.113.0.203 IN TXT "see https://bl.test/203.0.113.66"\n',
}


def site_of(case, **config):
    return answered_site(case, config, MORE)


def refused(site, address, sender="anna@good.test"):
    """A stranger who is refused at RCPT; the id of the refusal."""
    since = site.gateway.mark()
    client = stranger(site, address)
    client.mail(sender)
    reply = str(client.rcpt("anna@example.test", "550"))
    client.quit()
    site.gateway.await_event("session", since=since)
    return re.search(r"id (\S+)$", reply.strip()).group(1)


def events_of(site):
    return os.path.join(site.gateway.directory, "events")


def explain(site, *words, status=0):
    """Events reach the store a moment after the log."""

    def done():
        result = site.gateway.run("explain", *words, "-c", site.gateway.conf)
        return result if result.returncode == status else None

    return poll(done, 10, f"explain {words}")


def says(text, *wanted):
    for words in wanted:
        check(words in text, f"{words!r} is not in:\n{text}")


def test_explain_stranger_refused(case):
    site = site_of(case, events={"record": "all"})  # the list alone would decide before HELO is known
    id = refused(site, LISTED)
    text = explain(site, id).stdout
    says(
        text,
        f"message {id}\n",
        "from <anna@good.test>, brought by 203.0.113.66",
        "listed by bl.test: 127.0.0.4 (see https://bl.test/203.0.113.66)",
        "asked A 66.113.0.203.bl.test -> 127.0.0.4",
        "HELO mx.good.test is its reverse name",
        "score: +5 = 5; mail is refused from 5 on",
        "to <anna@example.test>: refused",
        "550 5.7.1 Mail from [203.0.113.66] refused: listed by bl.test",
        "reason: client",
        "the client went on or away without sending it",
    )
    session = id.split(".")[0]
    says(explain(site, "id", session.upper() + ")").stdout, f"session {session}\n", f"message {id}\n")
    told = json.loads(explain(site, id, "--json").stdout)
    check({event["type"] for event in told} == {"message", "session"}, f"{told}")


def test_explain_message_taken(case):
    site = site_of(case)
    since = site.gateway.mark()
    site.deliver(client=stranger(site, GOOD), sender="anna@good.test")
    id = site.gateway.await_event("message", since=since)["id"]
    text = explain(site, id).stdout
    says(text, "not listed by bl.test", "score: 0; mail is refused from 5 on", "to <anna@example.test>: taken")
    says(text, "the next hop took it", "the next hop 127.0.0.1:", "the client was told 250 2.0.0")


def test_explain_session_without_mail(case):
    site = site_of(case)
    since = site.gateway.mark()
    client = stranger(site, LISTED)
    client.quit()
    id = site.gateway.await_event("session", since=since)["id"]
    says(explain(site, id).stdout, "which called itself mx.good.test", "transactions: 0", "it ended after", "quit")


def test_explain_nothing_kept(case):
    site = site_of(case)
    refused(site, LISTED)
    result = explain(site, "0123456789a.1", status=66)
    says(result.stderr, "no event of 0123456789a.1, which began at 2024-", "events, from 20")
    explain(site, "nonsense", status=64)
    session = site.gateway.of_type("session")[-1]["id"]
    result = explain(site, f"{session}.9", status=66)
    says(result.stderr, "its session is kept, but no message 9 of it")
    says(result.stdout, session)
    result = site.gateway.run("log", "--from", "nobody.test", "-c", site.gateway.conf)
    check(result.returncode == 0 and not result.stdout, f"{result}")
    says(result.stderr, "nothing fits", "events, from 20")
    result = site.gateway.run("explain", "0123456789a", "--events", case.path("nowhere"))
    check(result.returncode == 66 and "No such file" in result.stderr, f"{result}")


def test_explain_after_a_kill(case):
    """What was in the store stays; a torn last line spoils nothing, also not what the next start writes."""
    site = site_of(case)
    id = refused(site, LISTED)
    explain(site, id)
    site.gateway.kill()
    (segment,) = [name for name in os.listdir(events_of(site)) if name.endswith(".log")]
    with open(os.path.join(events_of(site), segment), "a") as file:
        file.write('{"time":"2026-11-28T12:00:00.000Z","type":"mess')
    says(explain(site, id).stdout, "listed by bl.test")
    site.gateway.start()
    later = refused(site, LISTED)
    says(explain(site, later).stdout, f"message {later}\n")
    says(explain(site, id).stdout, f"message {id}\n")


def test_explain_reads_whatever_lies_there(case):
    """An index that is missing or lies, and garbage between the lines."""
    site = site_of(case)
    id = refused(site, LISTED)
    explain(site, id)
    site.gateway.terminate()
    (segment,) = [name for name in os.listdir(events_of(site)) if name.endswith(".log")]
    index = os.path.join(events_of(site), segment.replace(".log", ".index"))
    whole = open(index, "rb").read()
    for content in (b"", whole[:24], whole[:-8] + os.urandom(8), os.urandom(4000)):
        with open(index, "wb") as file:
            file.write(content)
        says(explain(site, id).stdout, f"message {id}\n")
    os.remove(index)
    with open(os.path.join(events_of(site), segment), "ab") as file:
        file.write(os.urandom(100_000))
    says(explain(site, id).stdout, f"message {id}\n")


def test_explain_a_pipe_among_the_events_hangs_nobody(case):
    """Neither who reads them nor a start, and whoever reads hears of it."""
    site = site_of(case)
    id = refused(site, LISTED)
    explain(site, id)
    pipe = os.path.join(events_of(site), "events-20990101000000000.log")
    os.mkfifo(pipe)
    for result in (explain(site, id), site.gateway.run("log", "-c", site.gateway.conf)):
        says(result.stdout, id)
        says(result.stderr, f"{pipe} is no file, so nothing was read of it")
    site.gateway.terminate()
    site.gateway.start()
    site.gateway.await_event("note", lambda note: f"{pipe} is no file" in note["text"])
    says(explain(site, refused(site, LISTED)).stdout, "message")


def taken(site, address):
    since = site.gateway.mark()
    site.deliver(client=stranger(site, address), sender="anna@good.test")
    return site.gateway.await_event("message", since=since)


def log(site, *arguments):
    result = site.gateway.run("log", *arguments, "-c", site.gateway.conf)
    check(result.returncode == 0, f"{result}")
    return result.stdout.splitlines()


def test_log_finds_ids(case):
    site = site_of(case)
    bad, good = refused(site, LISTED), taken(site, GOOD)["id"]
    explain(site, good)
    lines = log(site)
    check([bad in lines[0], good in lines[1], len(lines)] == [True, True, 2], f"{lines}")
    says(lines[0], "reject  203.0.113.66  <anna@good.test> -> <anna@example.test>  550 5.7.1 Mail from")
    for arguments, wanted in (
        (("--verdict", "reject"), [bad]),
        (("--verdict", "accept"), [good]),
        (("--ip", "203.0.113.64/26"), [bad]),
        (("--from", "good.test", "--to", "anna@*"), [bad, good]),
        (("--from", "*.good.test"), []),
        (("--since", "1h"), [bad, good]),
        (("--since", "2099-01-01 10:00"), []),
        (("--limit", "1"), [good]),
        (("--from", "<anna@good.test>", "--to", "<anna@example.test>"), [bad, good]),
        (("--from", ""), []),
        (("--why", "client"), [bad]),
        (("--why", "relay"), []),
        (("--user", "anna"), []),
    ):
        check([line.split()[2] for line in log(site, *arguments)] == wanted, f"{arguments}: {wanted}")
    check([json.loads(line)["id"] for line in log(site, "--json")] == [bad, good], "--json")
    for arguments in (("--since", "yesterday"), ("--ip", "x"), ("--verdict", "x")):
        check(site.gateway.run("log", *arguments, "-c", site.gateway.conf).returncode == 64, f"{arguments}")
    for arguments, words in (
        (("--why", "clint"), '--why wants the name of a reason, not "clint": did you mean "client"?'),
        (("--to", ""), '--to wants an address, a domain, or a pattern with *, not "<>"'),
    ):
        done = site.gateway.run("log", *arguments, "-c", site.gateway.conf)
        check(done.returncode == 64 and words in done.stderr, f"{done}")
    client = stranger(site, GOOD)
    client.mail("")
    client.rcpt("anna@example.test", "250")
    client.quit()
    poll(lambda: len(log(site, "--from", "")) == 1, 10, "the null sender")


def test_explain_what_is_only_observed(case):
    site = site_of(case, checks={"dnsbl": {"mode": "observe"}})
    id = taken(site, LISTED)["id"]
    says(explain(site, id).stdout, "(+5, only observed)", "if all that is only observed counted: reject (score 5)")
    (line,) = log(site, "--verdict", "would-reject")
    says(line, id, "accept (would reject)")


def test_explain_record_of_all(case):
    """What is off is asked all the same, and never judged; without it, nobody asks."""
    site = site_of(case, events={"record": "all"}, checks={"dnsbl": {"mode": "off"}})
    event = taken(site, LISTED)
    (fact,) = [fact for fact in event["evidence"] if fact["check"] == "dnsbl"]
    check(fact["found"] == "listed" and fact["off"] and event["score"] == 0, f"{event}")
    site.gateway.reload(merge(site.gateway.config, {"events": {"record": "needed"}}))
    event = taken(site, LISTED)
    check(all(fact["check"] != "dnsbl" for fact in event["evidence"]), f"{event}")
    check({"check": "dnsbl", "of": "client", "subject": "bl.test", "why": "off"} in event["not_asked"], f"{event}")


def test_explain_each_recipient_by_its_own_values(case):
    reject = {"rules": [{"to": "bert@example.test", "use": 8}, {"use": 5}]}
    site = site_of(case, thresholds={"reject": reject}, events={"record": "all"})
    since = site.gateway.mark()
    client = stranger(site, LISTED)
    client.mail("anna@good.test")
    client.rcpt("anna@example.test", "550 5.7.1")
    client.rcpt("bert@example.test", "250")
    client.rcpt("postmaster@example.test", "250")
    client.quit()
    event = site.gateway.await_event("message", since=since)
    text = explain(site, event["id"]).stdout
    says(text, "and what it counts where no rule holds", "for it counts: +5 listed by bl.test")
    says(text, "its score: 5; its mail is refused from 5 on", "its score: 5; its mail is refused from 8 on")
    check("score" not in event["to"][2], f"of a role address: {event['to'][2]}")
    event = taken(site, GOOD)
    check("score" not in event["to"][0], f"where all are judged by the same: {event['to']}")


def test_explain_every_recipient_is_on_record(case):
    """The 700th of 1000, refused for a reason of its own, and the one too many."""
    with open(case.path("bar"), "w") as file:
        file.write("user700@example.test\n")
    sizes = [{"to": "user650@example.test", "use": "1MB"}, {"use": "50MB"}]
    config = {
        "barring": {"recipients": case.path("bar")},
        "limits": {"recipients": 1000, "message_size": {"rules": sizes}},
    }
    site = case.site(config, known={f"user{n}" for n in range(1, 1003)} | {"anna"})
    since = site.gateway.mark()
    with site.client() as client:
        client.mail("anna@good.test")
        client.send("".join(f"RCPT TO:<user{n}@example.test>\r\n" for n in range(1, 1003)))
        for n in range(1, 1003):
            client.expect("550 5.7.1" if n == 700 else "452 4.5.3" if n == 1002 else "250")
        client.data(message())
    site.expect_delivered(message())
    event = site.gateway.await_event("message", since=since)
    parts = site.gateway.of_type("recipients", since=since)
    sizes = [len(one["to"]) for one in [event, *parts]]
    check(sizes == [201, 200, 200, 200, 200, 1], f"the last was told by its form alone: {sizes}")
    check(event["recipients"] == 1001 and "rule_texts" not in event, f"{event['recipients']}")
    told = explain(site, event["id"]).stdout
    says(told, "to <user700@example.test>: refused\n    550 5.7.1", f"barred: user700@example.test ({case.path('bar')}:1)")
    says(told, "to <user1002@example.test>: deferred\n    452 4.5.3", 'limits.message_size is "1MB" here: rule')
    check("not kept" not in told and told.count("  to <user") == 1002, told[-3000:])

    def log(*choice):
        return site.gateway.run("log", *choice, "-c", site.gateway.conf).stdout

    says(log("--why", "barred-recipient"), f"{event['id']} ", "<user1@example.test> and 1001 more")
    for choice in (("--to", "user700@example.test"), ("--verdict", "defer"), ("--why", "too-many-recipients")):
        check(log(*choice).count(event["id"]) == 1, f"{choice}")
    lines = [json.loads(line) for line in log("--to", "user700@example.test", "--json").splitlines()]
    check([line["type"] for line in lines] == ["recipients"] * 5 + ["message"], f"{[line['type'] for line in lines]}")


test_explain_every_recipient_is_on_record.limit = 120


def test_explain_what_is_only_observed_for_one_recipient(case):
    mode = {"rules": [{"to": "bert@example.test", "use": "observe"}, {"use": "enforce"}]}
    checks = {"dnsbl": {"zones": {"bl.test": {"mode": mode}}}}
    site = site_of(case, checks=checks, events={"record": "all"})
    since = site.gateway.mark()
    client = stranger(site, LISTED)
    client.mail("anna@good.test")
    client.rcpt("anna@example.test", "550 5.7.1")
    client.rcpt("bert@example.test", "250")
    client.quit()
    anna, bert = site.gateway.await_event("message", since=since)["to"]
    check(anna["score"] == 5 and not {"observed_counts", "would_be_score"} & anna.keys(), f"{anna}")
    check((bert["score"], bert["would_be_score"]) == (0, 5) and "counts" not in bert, f"{bert}")
    check(bert["observed_counts"].startswith("+5 listed by bl.test"), f"{bert}")


def test_explain_rules_and_lines_in_words(case):
    """What stood there when it was judged, whatever the configuration says by now."""
    bar = case.path("barred")
    with open(bar, "w") as file:
        file.write("*@netcom.test\n*@good.test\n")
    reject = {"rules": [{"to": "anna@example.test", "use": 9}, {"use": 5}]}
    senders = {"rules": [{"to": "bert@example.test", "use": bar}, {"use": ""}]}
    site = site_of(case, thresholds={"reject": reject}, barring={"senders": senders})
    since = site.gateway.mark()
    client = stranger(site, LISTED)
    client.mail("anna@good.test")
    client.rcpt("anna@example.test", "250")
    client.rcpt("bert@example.test", "550")
    client.quit()
    id = site.gateway.await_event("message", since=since)["id"]
    explain(site, id)
    site.gateway.reload(merge(site.gateway.config, {"thresholds": {"reject": 5}, "barring": {"senders": ""}}))
    says(
        explain(site, id).stdout,
        'thresholds.reject is 9 here: rule {"to": "anna@example.test"} (',
        "10-site.json:",
        f'barring.senders is "{bar}" here: rule {{"to": "bert@example.test"}} (',
        f"barred: *@good.test ({bar}:2)",
    )


def test_explain_what_fits_and_does_not_hold(case):
    """An allow entry and a rule for a sender who anybody may be: SPF does not vouch for him."""
    allow = case.path("allow")
    with open(allow, "w") as file:
        file.write("good.test # our bank\n")
    reject = {"rules": [{"from": "good.test", "use": 50}, {"use": 5}]}
    site = site_of(case, thresholds={"reject": reject}, lists={"allow": allow}, events={"record": "all"})
    since = site.gateway.mark()
    refused(site, POOR)
    event = site.gateway.await_event("message", since=since)
    recipient = event["to"][0]
    check((recipient["unheld"], recipient["unheld_entry"]) == (f"{allow}:1", "good.test # our bank"), f"{recipient}")
    check(recipient["unproven_rules"].startswith("thresholds.reject: ") and "rules" not in recipient, f"{recipient}")
    fail = "but it does not hold without an SPF pass: SPF of good.test does not permit this address (-all)\n"
    says(
        explain(site, event["id"]).stdout,
        f"an allow entry fits: good.test; reason: our bank ({allow}:1), {fail}",
        'thresholds.reject would be 50 here: rule {"from": "good.test"} (',
        f"), {fail}",
    )
    event = taken(site, GOOD)
    check(not {"unheld", "unproven_rules"} & event["to"][0].keys(), f"it holds: {event}")


def test_explain_who_is_taken_all_the_same(case):
    """A role address, and an allowed sender: what would have become of them."""
    site = site_of(case, events={"record": "all"})
    since = site.gateway.mark()
    client = stranger(site, LISTED)
    client.mail("anna@good.test")
    client.rcpt("postmaster@example.test", "250")
    client.quit()
    event = site.gateway.await_event("message", since=since)
    check(event["to"][0]["why"] == "role" and event["to"][0]["otherwise"] == "client", f"{event}")
    else_refused = "else it would have been refused (client): 550 Mail from [203.0.113.66] refused: listed by bl.test"
    says(explain(site, event["id"]).stdout, "a role address: its mail is taken", else_refused)
    added = site.gateway.run("allow", "add", "good.test", "--reason", "our bank", "-c", site.gateway.conf)
    check(added.returncode == 0, f"{added}")
    event = taken(site, LISTED)
    text = explain(site, event["id"]).stdout
    says(text, "allowed: good.test; reason: our bank", "(allow good.test)", else_refused)
    event = taken(site, GOOD)
    check("otherwise" not in event["to"][0], f"nothing spoke against it: {event}")


EXAMPLE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "explain.md")
VARYING = (
    (r"^message [0-9a-z]{11}", "message ID"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", "TIME"),
    (r"\d+(\.\d+)? (ms|s)\b", "SPAN"),
)


def without_what_varies(text):
    """Ids and times are of the day, answers come in any order, and what was at hand is asked of nobody."""
    for pattern, word in VARYING:
        text = re.sub(pattern, word, text, flags=re.M)
    lines = [line.strip() for line in text.splitlines()]
    return sorted(line for line in lines if line and not line.startswith(("asked ", "answered after ")))


def test_explain_as_documented(case):
    """The example of docs/explain.md is what the program says."""
    site = site_of(case, events={"record": "all"})
    text = explain(site, refused(site, LISTED)).stdout
    told = re.search(r"^message .*?(?=^\S|\Z)", text, flags=re.M | re.S).group()
    with open(EXAMPLE) as file:
        shown = re.search(r"^```text\n(.*?)^```", file.read(), flags=re.M | re.S).group(1)
    check(without_what_varies(told) == without_what_varies(shown), told)
