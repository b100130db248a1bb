"""People our users write to: let through to whoever wrote, and spared greylisting in his domain.

NSD answers. `good.test` publishes SPF for GOOD and LISTED, `plain.test` publishes none. LISTED is refused by a DNS
list, DOUBTFUL has points, and waits."""

import json
import re

from harness.client import message
from harness.nsd import start_nsd
from harness.outcome import check, poll
from harness.setups import another_listener, users_file, with_tls
from harness.strangers import merge, stranger, strangers_site

GOOD, LISTED, DOUBTFUL, FORGER = "203.0.113.1", "203.0.113.66", "203.0.113.77", "203.0.113.99"
SPF = "v=spf1 " + " ".join(f"ip4:{client}" for client in (GOOD, LISTED, DOUBTFUL)) + " -all"
ZONES = {
    "113.0.203.in-addr.arpa": "".join(f"{host} IN PTR mx.good.test.\n" for host in (1, 66, 77, 99)),
    "good.test": "@ IN MX 10 mx\n"
    + "".join(f"mx IN A {client}\n" for client in (GOOD, LISTED, DOUBTFUL, FORGER))
    + f'@ IN TXT "{SPF}"\n',
    "plain.test": "@ IN MX 10 mx\nmx IN A 198.51.100.7\n",
    "bl.test": "2.0.0.127 IN A 127.0.0.2\n66.113.0.203 IN A 127.0.0.4\n77.113.0.203 IN A 127.0.0.9\n"
    "99.113.0.203 IN A 127.0.0.4\n",
}
INSIDE = "127.0.0.7"
ANNA, BERT = "anna@example.test", "bert@example.test"
JOE, JIM = "joe@good.test", "jim@good.test"
LATER = "451 4.7.1 Greylisted"
REFUSED = "550 5.7.1"


def site_of(case, config=None):
    server = case.peer(start_nsd(case.path("nsd"), ZONES))
    base = {
        "trusted_networks": [INSIDE],
        "outbound": {"route": "groupware"},
        "checks": {
            "dnsbl": {"zones": {"bl.test": {"codes": {"127.0.0.4": 6, "127.0.0.9": 2}}}},
            "greylist": {"mode": "enforce", "delay": "1h"},
        },
    }
    return strangers_site(case, [server.port], merge(base, config or {}), known=None)


def write(site, sender, *recipients, **fields):
    """One of ours writes to somebody outside."""
    since = site.gateway.mark()
    site.deliver(message(**fields), *recipients, client=site.connect(source=INSIDE).hello(), sender=sender)
    site.gateway.await_event("message", since=since)


def ask(site, client, wanted, sender=JOE, recipient=ANNA):
    """One RCPT from outside; the recipient as the event has it."""
    since = site.gateway.mark()
    session = stranger(site, client)
    session.mail(sender)
    session.rcpt(recipient, *((wanted,) if isinstance(wanted, str) else wanted))
    session.quit()
    return site.gateway.await_event("message", since=since)["to"][0]


def adds_up(told):
    """The score of a recipient, which is the sum of what is told to count for it."""
    points = [int(one.split()[0]) for one in re.split(r", (?=[+-]\d)", told["counts"])]
    check(-2 in points and sum(points) == told["score"], f"{told}")
    return told["score"]


def correspondents(site, *arguments, status=0):
    result = site.gateway.run("correspondents", *arguments, "--json", "-c", site.gateway.conf)
    check(result.returncode == status, f"{arguments}: {result}")
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_correspondents_the_answer_passes_and_no_other(case):
    site = site_of(case)
    ask(site, LISTED, REFUSED)
    ask(site, DOUBTFUL, LATER)
    write(site, ANNA, JOE)
    for client in (LISTED, DOUBTFUL):
        answer = ask(site, client, "250")
        check(answer["rule"] == "correspondent" and answer["why"] == "allowed", f"{answer}")
    ask(site, LISTED, "250", sender="prvs=1234abcdef=joe@good.test", recipient="anna+shop@example.test")
    ask(site, LISTED, REFUSED, sender=JIM)
    ask(site, DOUBTFUL, LATER, sender=JIM)
    check("rule" not in ask(site, FORGER, REFUSED), "MAIL FROM alone let a forger in")
    ask(site, LISTED, REFUSED, sender="")
    # It opens no relay, and what an admin has blocked stays blocked.
    ask(site, LISTED, REFUSED, recipient="anna@foreign.test")
    check(site.gateway.run("block", "add", JOE, "-c", site.gateway.conf).returncode == 0, "block add")
    check(ask(site, LISTED, REFUSED)["why"] == "blocked-sender", "a block entry was overruled")


def test_correspondents_of_a_colleague_wait_for_nothing_and_have_points(case):
    site = site_of(case)
    write(site, ANNA, JOE)
    spared = ask(site, DOUBTFUL, "250", recipient=BERT)
    check(spared["correspondent"] == "example.test" and "greylist" not in spared, f"{spared}")
    # Six points less two; a threshold of four refuses them all the same.
    taken = ask(site, LISTED, "250", recipient=BERT)
    check(taken["correspondent"] == "example.test" and adds_up(taken) < taken["reject_at"], f"{taken}")
    merge(site.config, {"thresholds": {"reject": 4}})
    site.gateway.reload(site.config)
    refused = ask(site, LISTED, REFUSED, recipient=BERT)
    check(refused["correspondent"] == "example.test" and adds_up(refused) >= refused["reject_at"], f"{refused}")
    ask(site, LISTED, "250")
    check("score" not in ask(site, DOUBTFUL, LATER, recipient="bert@example.org"), "of nobody's correspondent")


def test_correspondents_of_a_domain_without_spf_have_points_and_no_more(case):
    """Anybody may have written that address."""
    site = site_of(case)
    write(site, ANNA, "joe@plain.test")
    answer = ask(site, DOUBTFUL, "250", sender="joe@plain.test")
    check(answer["correspondent"] == "example.test" and "rule" not in answer, f"{answer}")
    merge(site.config, {"thresholds": {"reject": 4}})
    site.gateway.reload(site.config)
    ask(site, LISTED, REFUSED, sender="joe@plain.test")


def test_correspondents_only_what_people_write_and_what_is_delivered_teaches(case):
    site = site_of(case)
    write(site, ANNA, JOE, Auto_Submitted="auto-replied")
    write(site, "", JOE)
    write(site, ANNA, *[f"u{number}@good.test" for number in range(25)], JOE)
    write(site, "anna@foreign.test", JOE)
    # The next hop refuses the message: nobody has read it.
    site.hop.on("DOT", "550 5.7.1 no\r\n")
    since = site.gateway.mark()
    session = site.connect(source=INSIDE).hello()
    session.envelope(JOE, sender=ANNA)
    session.data(message(), "550")
    session.quit()
    site.gateway.await_event("message", since=since)
    site.hop.heal()
    ask(site, LISTED, REFUSED)
    check(correspondents(site, "count") == [{"correspondents": 0}], "somebody was learnt")
    write(site, ANNA, JOE, "jim@good.test")
    ask(site, LISTED, "250")
    ask(site, LISTED, "250", sender=JIM)


def test_correspondents_are_learnt_from_who_logs_in(case):
    config = merge(with_tls(), another_listener("submission", tls="starttls", auth="required"))
    site = site_of(case, {**config, "users": users_file(case, anna="secret")})
    session = site.connect("submission").hello()
    session.starttls()
    session.ehlo()
    session.auth_plain("anna", "secret")
    content = message()
    since = site.gateway.mark()
    session.envelope(JOE, sender=ANNA)
    session.data(content)
    session.quit()
    site.gateway.await_event("message", since=since)
    site.expect_delivered(content)
    ask(site, LISTED, "250")


def test_correspondents_age_out_and_are_seen_and_forgotten(case):
    site = site_of(case)
    write(site, ANNA, JOE)
    who = [line["who"] for line in correspondents(site, "check", ANNA, JOE)]
    check(who == [ANNA, "example.test"], f"{who}")
    listed = site.gateway.run("allow", "list", "-c", site.gateway.conf).stdout
    check("and 1 addresses that our users write to" in listed, listed)
    # What was learnt before a command returned is on disk with it; else a kill may cost the last second.
    check(site.gateway.run("allow", "add", "other.test", "-c", site.gateway.conf).returncode == 0, "allow add")
    site.gateway.kill()
    site.gateway.start()
    ask(site, LISTED, "250")
    merge(site.config, {"lists": {"correspondents": {"remember": "1s"}}})
    site.gateway.reload(site.config)
    poll(lambda: "rule" not in ask(site, LISTED, ("250", REFUSED)), 15, "it ages out")
    merge(site.config, {"lists": {"correspondents": {"remember": "90d"}}})
    site.gateway.reload(site.config)
    ask(site, LISTED, "250")
    check(correspondents(site, "forget", ANNA, JOE) == [{"forgotten": 2}], "not forgotten")
    ask(site, LISTED, REFUSED)
    correspondents(site, "check", ANNA, JOE, status=66)


def test_correspondents_by_rules_and_observed(case):
    mode = {"rules": [{"to": BERT, "use": "observe"}, {"to": "carl@example.test", "use": "off"}, {"use": "enforce"}]}
    site = site_of(case, {"lists": {"correspondents": {"mode": mode}}})
    for ours in (ANNA, BERT, "carl@example.test"):
        write(site, ours, JOE)
    ask(site, LISTED, "250")
    watched = ask(site, LISTED, REFUSED, recipient=BERT)
    check(watched["would_be"] == "allowed correspondent", f"{watched}")
    check("would_be" not in ask(site, LISTED, REFUSED, recipient="carl@example.test"), "off")
