"""`sallyport check` asks the next hops for the role addresses of our domains: warnings, and never more."""

import json

from harness.next_hop_script import hang
from harness.outcome import check
from harness.scenes import QUICK, route

REFUSED = (
    "mail to it is deferred until its sender gives up: make it a mailbox or an alias at that server, "
    'or set "role_mailbox" to a mailbox that it has'
)
NOT_ASKED = (
    "ask again once it can be reached, from the machine that the gateway runs on; --offline asks nothing"
)


def warnings(site, *arguments):
    """Those about role addresses."""
    result = site.gateway.run("check", "--json", *arguments, "-c", site.gateway.conf)
    check(result.returncode == 0, f"{result}")
    found = json.loads(result.stdout)
    check(all(one["severity"] == "warning" for one in found), f"{found}")
    return [(one["message"], one["hint"]) for one in found if one["message"].startswith("role_names:")]


def test_check_roles_taken(case):
    site = case.site(start=False)
    check(warnings(site) == [], "all are taken")
    asked = sorted(line.split("<")[1].split(">")[0] for line in site.hop.commands("RCPT"))
    wanted = [f"{name}@{domain}" for name in ("abuse", "postmaster") for domain in ("example.org", "example.test")]
    check(asked == sorted(wanted), f"{asked}")
    check(all("<>" in line for line in site.hop.commands("MAIL")), f"{site.hop.commands('MAIL')}")
    check(len(site.hop.commands("RSET")) == 4 and site.hop.commands("QUIT"), f"{site.hop.transcript()}")
    check(not site.hop.commands("DATA"), "no message")
    check(site.hop.most_open <= 4, f"{site.hop.most_open} connections")
    before = site.hop.connections
    check(warnings(site, "--offline") == [] and site.hop.connections == before, "--offline asked")


def test_check_roles_have_the_role_mailbox(case):
    """What the next hop does not know goes to `role_mailbox`, if that is there."""
    site = case.site(start=False, known={"it", "postmaster"})
    check(warnings(site) == [], "role_mailbox takes it")
    site = case.site(start=False, known={"anna", "postmaster"})
    refused = '"550 5.1.1 no such user here"'
    wanted = [
        (
            f"role_names: abuse@{domain} has no mailbox: {site.hop.host} says {refused}, "
            f"and of role_mailbox it@example.test {refused}",
            REFUSED,
        )
        for domain in ("example.org", "example.test")
    ]
    found = warnings(site)
    check(found == wanted, f"{found}")


def test_check_roles_of_a_route_that_asks_for_nobody(case):
    """That recipients are not asked for says nothing of where role addresses end: they are."""
    site = case.site(route(recipients="any"), start=False, known={"anna"})
    check(len(warnings(site)) == 4, f"{warnings(site)}")


def test_check_roles_deferred(case):
    site = case.site(start=False, rules=[("RCPT", "451 4.3.0 not now")])
    found = warnings(site)
    check(len(found) == 4 and found[0][1] == "ask again later", f"{found}")
    check(found[0][0].endswith(f'{site.hop.host} says "451 4.3.0 not now"'), f"{found}")


def test_check_roles_next_hop_is_down(case):
    """One warning for a host, whatever it takes mail for; nor does one that is silent hold `check` up."""
    site = case.site(start=False)
    site.hop.stop()
    found = warnings(site)
    check(len(found) == 1 and found[0][1] == NOT_ASKED, f"{found}")
    words = f"whether {site.hop.host} takes mail to the role addresses of example.org, example.test could not be asked"
    check(words in found[0][0] and "cannot connect to" in found[0][0], f"{found}")
    site = case.site(route(**QUICK), start=False, rules=[("RCPT", hang)])
    found = warnings(site)
    check(len(found) == 1 and "could not be asked" in found[0][0], f"{found}")
