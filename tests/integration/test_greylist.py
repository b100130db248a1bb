"""Greylisting: who is doubtful has to come again, and is taken when it does.

The clients come through a front end that names their public addresses. Time passes by configuration: what
began under a delay of an hour is over it once that is a second."""

import json
import re

from harness.client import message
from harness.dns_server import DnsServer
from harness.outcome import check, poll
from harness.strangers import GOOD, PLAIN, POOR, SENDER, merge, stranger, strangers_site

RECORDS = {**PLAIN, "2.0.0.127.bl.test": {"A": ["127.0.0.2"]}}
LATER = "451 4.7.1 Greylisted: please try again in "
LONG = {"mode": "enforce", "delay": "1h"}


def site_of(case, greylist=None, **checks):
    server = case.peer(DnsServer(RECORDS))
    site = strangers_site(case, [server.port], {"checks": {"greylist": merge(dict(LONG), greylist or {}), **checks}})
    return site, server


def reload(site, **greylist):
    merge(site.config, {"checks": {"greylist": greylist}})
    site.gateway.reload(site.config)


def asked(site, *recipients, address=POOR, sender=SENDER):
    """The reply to RCPT for each, and the event."""
    since = site.gateway.mark()
    client = stranger(site, address)
    client.mail(sender)
    replies = [client.rcpt(recipient, "250", "4", "5") for recipient in recipients or ("anna@example.test",)]
    client.quit()
    return replies, site.gateway.await_event("message", since=since)["to"]


def delivered(site, *recipients, address=POOR, sender=SENDER, **options):
    since = site.gateway.mark()
    site.deliver(message(**options), *recipients, client=stranger(site, address), sender=sender)
    return site.gateway.await_event("message", since=since)["to"]


def await_pass(site, *recipients):
    """The delay is a second by now."""
    reload(site, delay="1s")
    poll(lambda: all(reply.matches("250") for reply in asked(site, *recipients)[0]), 15, "it passes")


def test_greylist_stranger_comes_back(case):
    site, _ = site_of(case)
    replies, to = asked(site)
    check(replies[0].matches(LATER + "3600 seconds; id "), f"{replies}")
    wanted = {"why": "greylisted", "greylist": "begins", "identity": "203.0.113.0/24", "code": 451}
    check(wanted.items() <= to[0].items() and to[0]["first_seen"].startswith("20"), f"{to}")
    replies, to = asked(site)
    check(replies[0].matches(LATER) and to[0]["greylist"] == "waits", f"{replies} {to}")
    reload(site, delay="1s")
    poll(lambda: asked(site)[0][0].matches("250"), 15, "it passes")
    check(delivered(site)[0]["greylist"] == "passes", "and from then on")
    check(asked(site, "bert@example.test")[1][0]["greylist"] == "begins", "to another it waits")
    check(asked(site, sender="other@plain.test")[1][0]["greylist"] == "begins", "another sender waits")
    # Other than by the address nobody knows it: any of its network will do.
    check(asked(site, address="203.0.113.99")[1][0]["greylist"] == "passes", "its neighbour")


def test_greylist_survives_a_restart(case):
    site, _ = site_of(case, {"known_after": 0})
    asked(site)
    await_pass(site)
    reload(site, delay="1h")
    site.gateway.terminate()
    site.gateway.start()
    check(delivered(site)[0]["greylist"] == "passes", "what has passed is remembered")


def test_greylist_known_identity(case):
    """After so many passes nobody of that network waits, whoever the sender is."""
    site, _ = site_of(case, {"known_after": 1})
    asked(site)
    await_pass(site)
    reload(site, delay="1h")
    to = delivered(site, "bert@example.test", sender="new@plain.test")
    check(to[0]["greylist"] == "known" and "first_seen" not in to[0], f"{to}")


def test_greylist_spares(case):
    """Whoever has no points, role addresses, and clients about whom nothing is asked."""
    site, _ = site_of(case)
    check("greylist" not in delivered(site, address=GOOD)[0], "no points")
    check("greylist" not in delivered(site, "postmaster@example.test")[0], "a role address")
    reload(site, apply="all")
    check("greylist" not in delivered(site, "postmaster@example.test")[0], "a role address, of all")
    check(asked(site, address=GOOD)[0][0].matches(LATER), "of all strangers")
    site.deliver()  # private
    reload(site, apply="unknown")
    check("greylist" not in asked(site, "bert@example.test", address=GOOD)[1][0], "it had mail delivered")
    reload(site, mode="off")
    check("greylist" not in delivered(site)[0], "nobody is asked")


def test_greylist_mail_to_a_role_address_makes_nobody_known(case):
    """Also where somebody else was asked for, and refused, before it."""
    site, _ = site_of(case, {"apply": "unknown"})
    client = stranger(site, GOOD)
    client.mail(SENDER)
    client.rcpt("anna@example.test", LATER)
    client.rcpt("postmaster@example.test")
    client.data(message("to the postmaster\r\n"))
    client.quit()
    site.expect_delivered(message("to the postmaster\r\n"))
    check(asked(site, "bert@example.test", address=GOOD)[1][0]["greylist"] == "begins", "it is no stranger")


def test_greylist_observed(case):
    site, _ = site_of(case, {"mode": "observe"})
    to = delivered(site)
    check((to[0]["greylist"], to[0]["would_be"]) == ("begins", "greylisted"), f"{to}")
    listed, stats = (site.gateway.run("greylist", what, "-c", site.gateway.conf).stdout for what in ("list", "stats"))
    check(listed.endswith(f"{SENDER} -> anna@example.test  (would wait: only observed)\n"), listed)
    check("1 would have had to wait, 0 came back\n" in stats and "\n1 would wait now\n" in stats, stats)


def test_greylist_commands_choose_as_it_remembers(case):
    """By the address that the log has, whatever number is in it; by domains; with brackets or without."""
    site, _ = site_of(case)

    def released(*arguments):
        return site.gateway.run("greylist", "release", "-c", site.gateway.conf, *arguments).stdout

    for choice in (
        ("--from", "list-18@plain.test"),
        ("--from", "<list-18@plain.test>"),
        ("--from", "plain.test"),
        ("--to", "example.test"),
        ("--to", "<anna@example.test>"),
    ):
        anew = site.gateway.run("greylist", "forget", "-c", site.gateway.conf, "--client", POOR)
        check(anew.returncode in (0, 66), f"{anew}")
        for number in (17, 18):
            replies, _ = asked(site, sender=f"list-{number}@plain.test")
            check(number == 18 or replies[0].matches(LATER), f"{replies}")
        check(released("--from", "list@plain.test") == released("--to", "else.test") == "nobody waits who fits\n", "others")
        check(released(*choice) == "released: 1\n", f"{choice}")
        gone = ("--client", POOR, "--from", "list-17@plain.test", "--to", "anna@example.test")
        check(site.gateway.run("greylist", "forget", "-c", site.gateway.conf, *gone).stdout.endswith("forgotten: 1\n"), "it passed")


def test_greylist_observed_makes_nobody_known(case):
    """Who was not told to wait has not proved that it comes again, to those for whom it acts."""
    watched = {"rules": [{"to": "bert@example.test", "use": "observe"}, {"use": "enforce"}]}
    by_rule = {"rules": [{"to": "bert@example.test", "mode": "observe", "use": "enforce"}, {"use": "off"}]}
    for mode in (watched, by_rule):
        site, _ = site_of(case, {"known_after": 1, "delay": "1s", "mode": mode})
        check(asked(site, "bert@example.test")[1][0]["would_be"] == "greylisted", "at first")
        poll(lambda: "would_be" not in asked(site, "bert@example.test")[1][0], 15, "it came again")
        to = asked(site, "bert@example.test", sender="new@plain.test")[1]
        check("would_be" not in to[0], f"known to what watches: {to}")
        reload(site, mode={"rules": [{"to": "bert@example.test", "use": "off"}, {"use": "enforce"}]})
        check(asked(site)[1][0]["greylist"] == "begins", "anna's greylisting does not know it")
        case.finish_site(site)


def test_greylist_each_recipient_on_its_own(case):
    site, _ = site_of(case)
    replies, _ = asked(site, "anna@example.test", "bert@example.test", "postmaster@example.test")
    check([reply.last[:3] for reply in replies] == ["451", "451", "250"], f"{replies}")
    await_pass(site, "bert@example.test")
    reload(site, delay="1h")
    replies, to = asked(site, "bert@example.test", "carl@example.test")
    check([one["greylist"] for one in to] == ["passes", "begins"], f"{to}")
    await_pass(site, "anna@example.test")


def test_greylist_commands(case):
    """What waits, by name; let through; forgotten; and what it has cost. The same where no gateway runs."""
    site, _ = site_of(case)

    def told(action, *arguments):
        done = site.gateway.run("greylist", action, "-c", site.gateway.conf, "--json", *arguments)
        return [json.loads(line) for line in done.stdout.splitlines()]

    asked(site, "anna@example.test", "bert@example.test")
    waiting = told("list")
    check([one["to"] for one in waiting] == ["anna@example.test", "bert@example.test"], f"{waiting}")
    check({"client": "203.0.113.0/24", "from": SENDER}.items() <= waiting[0].items(), f"{waiting}")
    check(told("release", "--to", "bert@example.test") == [{"released": 1}], "one is let through")
    replies, _ = asked(site, "anna@example.test", "bert@example.test")
    check(replies[0].matches(LATER) and replies[1].matches("250"), f"{replies}")
    check({"days": 1, "begun": 2, "came_back": 1}.items() <= told("stats")[0].items(), "counted")
    *gone, many = told("forget", "--to", "bert@example.test")
    passed = {"to": "bert@example.test", "passed": True}
    check(len(gone) == 1 and passed.items() <= gone[0].items() and "from" not in gone[0], f"{gone}")
    check(many == {"forgotten": 1}, "a case that has passed")
    check(asked(site, "bert@example.test")[1][0]["greylist"] == "begins", "anew")
    site.gateway.terminate()
    check(len(told("list")) == 2, "of the state")
    site.gateway.start()


def test_greylist_commands_say_what_is_missing(case):
    """Nothing is changed by a slip: everybody has to be named as such, and a client that is none is told."""
    site, _ = site_of(case)

    def said(*arguments):
        done = site.gateway.run("greylist", *arguments, "-c", site.gateway.conf)
        return done.returncode, done.stdout + done.stderr

    check(said("list") == (0, "sallyport greylist: nobody waits who fits\n"), f"{said('list')}")
    asked(site)
    status, words = said("release")
    check(status == 64 and "--all" in words, words)
    for action in ("list", "release", "forget"):
        status, words = said(action, "--client", "300.1.1.1")
        check(status == 64 and '"300.1.1.1"' in words, words)
        check(action == "list" or said(action, "--from", "x@y.test") == (66, "nobody waits who fits\n"), action)
    line = said("list")[1]
    check(re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  203\.0\.113\.0/24  ", line), line)
    check(said("release", "--all") == (0, "released: 1\n"), "everybody")
    check(delivered(site), "it comes back")
    days = said("stats")[1].splitlines()
    check(re.fullmatch(r"last  1 days: 1 had to wait, 1 came back, after [\d.]+ m?s on average", days[0]), f"{days}")
    check(days[-2:] == ["0 wait now", "0 never came back"], f"{days}")


def test_greylist_null_sender_waits_at_data(case):
    """A callout (MAIL FROM:<>, RCPT, QUIT) hears the truth about the recipient."""
    site, _ = site_of(case)
    for content in ("DATA", "BDAT"):
        since = site.gateway.mark()
        client = stranger(site, POOR)
        client.mail("")
        client.rcpt("anna@example.test", "250")
        if content == "DATA":
            client.command("DATA", LATER)
            client.command("DATA", LATER)  # the transaction still stands
            client.rcpt("postmaster@example.test", "250", "452")
            client.command("DATA", LATER)
        else:
            client.bdat(message(), True, LATER)
        client.quit()
        to = site.gateway.await_event("message", since=since)["to"]
        check((to[0]["code"], to[0]["why"]) == (451, "greylisted"), f"{to}")
    reload(site, delay="1s")

    def taken():
        client = stranger(site, POOR)
        client.envelope(sender="")
        if not client.command("DATA", "354", "451").matches("354"):
            return client.quit()
        content = message()
        client.content(content)
        client.quit()
        site.expect_delivered(content)
        return True

    poll(taken, 15, "the bounce is taken")


def test_greylist_null_sender_and_role_addresses(case):
    """A bounce to both would wait for both, or for neither: they come separately, in either order."""
    site, _ = site_of(case)
    apart = "452 4.5.3 This recipient goes another way: send to it separately"
    for first, second in (("anna", "postmaster"), ("abuse", "anna")):
        since = site.gateway.mark()
        client = stranger(site, POOR)
        client.mail("")
        client.rcpt(f"{first}@example.test")
        reply = client.rcpt(f"{second}@example.test", "452")
        check(reply.matches(apart), f"{reply}")
        client.rcpt(f"{first}@example.org")
        client.quit()
        site.gateway.await_event("message", since=since)
    to = delivered(site, "postmaster@example.test", "abuse@example.org", sender="")
    check(all(one["code"] == 250 and "greylist" not in one for one in to), f"{to}")
    reload(site, mode="observe")
    to = delivered(site, "anna@example.test", "postmaster@example.test", sender="")
    check(all(one["code"] == 250 for one in to), f"{to}")


def test_greylist_that_observes_asks_no_lists_anew(case):
    """With it off nobody would have asked past the cache: so nobody is refused for it."""
    site, server = site_of(case, {"mode": "observe", "delay": "1s"}, dnsbl={"zones": {"bl.test": {"codes": {"127.0.0.2": 5}}}})
    replies, to = asked(site)
    check(replies[0].matches("250") and to[0]["greylist"] == "begins", f"{replies} {to}")
    server.records["77.113.0.203.bl.test"] = {"A": ["127.0.0.2"]}
    poll(lambda: again(site).get("greylist") == "came back", 15, "a second passes")


def again(site):
    replies, to = asked(site)
    check(replies[0].matches("250"), f"{replies} {to}")
    return to[0]


def test_greylist_asks_lists_anew_on_the_retry(case):
    """By then the list knows it; what the cache has is older."""
    site, server = site_of(case, dnsbl={"zones": {"bl.test": {"codes": {"127.0.0.2": 5}}}})
    site.gateway.await_event("start")
    asked(site)
    server.records["77.113.0.203.bl.test"] = {"A": ["127.0.0.2"]}
    check(asked(site)[0][0].matches(LATER), "the answer of before is remembered")
    reload(site, delay="1s")

    def listed():
        replies, to = asked(site)
        check(not replies[0].matches("250"), f"it passed: {to}")
        return to if replies[0].matches("550 5.7.1 Mail from [203.0.113.77] refused: listed by bl.test") else None

    to = poll(listed, 15, "it is refused")
    check(to[0]["greylist"] == "came back, refused", f"it has not passed: {to}")


def test_greylist_asks_lists_anew_once_for_all_recipients(case):
    site, server = site_of(case, dnsbl={"zones": {"bl.test": {"codes": {"127.0.0.2": 5}}}})
    both, question = ("anna@example.test", "bert@example.test"), ("77.113.0.203.bl.test", "A")
    asked(site, *both)
    reload(site, delay="1s")

    def passed():
        before = server.questions().count(question)
        replies, _ = asked(site, *both)
        return all(reply.matches("250") for reply in replies) and server.questions().count(question) - before

    check(poll(passed, 15, "both pass") == 1, f"{server.questions()}")


def test_greylist_whom_a_list_names_is_no_longer_known(case):
    """Though mail of it was delivered before; not even when the list has it no more."""
    site, server = site_of(case, {"mode": "off"})
    server.records["1.113.0.203.bl.test"] = {"A": ["127.0.0.2"]}
    delivered(site, address=GOOD)
    merge(site.config, {"checks": {"dnsbl": {"zones": {"bl.test": {"codes": {"127.0.0.2": 5}}}}}})
    reload(site, mode="enforce", apply="unknown")
    check(asked(site, address=GOOD)[0][0].matches("550"), "it is listed")
    merge(site.config, {"checks": {"dnsbl": {"mode": "off"}}})
    reload(site)
    check(asked(site, address=GOOD)[1][0].get("greylist") == "begins", "it is known")


def bounced(site, *recipients):
    """The last reply to a bounce that is not taken, and what its event says of its recipients."""
    since = site.gateway.mark()
    client = stranger(site, POOR)
    client.mail("")
    replies = [client.rcpt(recipient, "250", "4", "5") for recipient in recipients]
    replies.append(client.command("DATA", "4", "5"))
    client.quit()
    return replies[-1], site.gateway.await_event("message", since=since)["to"]


def test_greylist_bounce_to_one_recipient_twice(case):
    site, _ = site_of(case)
    reply, to = bounced(site, "anna@example.test", "anna@example.test")
    check(reply.matches(LATER) and [one["code"] for one in to] == [451, 451], f"{to}")


def test_greylist_bounce_refused_for_good_counts_against_its_client(case):
    """At DATA as at RCPT: the line that refuses it is told, and it has a penalty."""
    site, _ = site_of(case, {"delay": "1s"})
    penalty = {"mode": "observe", "slow_at": 1, "half_life": "7d"}
    site.gateway.reload(merge(site.config, {"limits": {"penalty": penalty}}))
    bounced(site, "anna@example.test")

    def came_back():
        since = site.gateway.mark()
        client = stranger(site, POOR)
        client.mail("")
        client.rcpt("anna@example.test", "250")
        site.gateway.run("block", "add", POOR, "-c", site.gateway.conf)
        reply = client.command("DATA", "4", "5")
        client.quit()
        site.gateway.run("block", "remove", POOR, "-c", site.gateway.conf)
        return reply.matches("550") and site.gateway.await_event("message", since=since)["to"][0]

    to = poll(came_back, 15, "it comes back")
    check((to["why"], to["rule"]) == ("blocked-sender", f"block {POOR}/32"), f"{to}")
    check(to["entry"].startswith(POOR), f"{to}")
    check(asked(site)[1][0]["penalty"] == 1, "a penalty")


def test_greylist_bounce_that_not_all_recipients_refuse(case):
    """DATA has one answer: whoever is allowed is not refused for good beside one who is by now."""
    site, server = site_of(case, dnsbl={"zones": {"bl.test": {"codes": {"127.0.0.2": 5}}}})
    site.gateway.run("allow", "add", POOR, "--for", "bert@example.test", "-c", site.gateway.conf)

    def bounce(*recipients):
        since = site.gateway.mark()
        client = stranger(site, POOR)
        client.mail("")
        for recipient in recipients:
            client.rcpt(f"{recipient}@example.test", "250", "550")
        reply = client.command("DATA", "354", "4", "5")
        if not reply.matches("354"):
            client.quit()
            return reply, site.gateway.await_event("message", since=since)["to"]
        client.content(message(), "250")
        client.quit()
        site.expect_delivered(message())
        return reply, site.gateway.await_event("message", since=since)["to"]

    reply, _ = bounce("bert", "anna")
    check(reply.matches(LATER), f"{reply}")
    server.records["77.113.0.203.bl.test"] = {"A": ["127.0.0.2"]}
    reload(site, delay="1s")

    def came_back():
        reply, to = bounce("bert", "anna")
        check(not reply.matches("5"), f"{reply} {to}")
        return reply.matches("451 4.7.1 Mail from [203.0.113.77] deferred: not all of its recipients") and to

    to = poll(came_back, 15, "it comes back")
    check([(one["code"], one.get("why")) for one in to] == [(250, "allowed"), (451, "client-later")], f"{to}")
    # From now on the list is known at RCPT: 550 for the one, and the other has its bounce.
    reply, to = bounce("bert", "anna")
    check(reply.matches("354") and [one["code"] for one in to] == [250, 550], f"{reply} {to}")
