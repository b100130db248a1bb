"""`sallyport check` warns of allow entries that anybody can use, and of entries that do nothing."""

import json

from harness.nsd import start_nsd
from harness.outcome import check
from harness.setups import users_file

ZONES = {
    "good.test": '@ IN TXT "v=spf1 ip4:203.0.113.1 -all"\n',
    "neutral.test": '@ IN TXT "v=spf1 ip4:203.0.113.1 ?all"\n',
    "open.test": '@ IN TXT "v=spf1 include:everybody.test -all"\n',
    "everybody.test": '@ IN TXT "v=spf1 ip4:0.0.0.0/0 ~all"\n',
    "broken.test": '@ IN TXT "v=spf1 ipv4:203.0.113.1 -all"\n',
    "plain.test": "@ IN MX 10 mx.good.test.\n",
}
LIST = """\
# nobody's
anna@good.test
neutral.test
plain.test # 4
bert@plain.test for=anna@example.test
carl@plain.test authenticated
*.good.test
open.test authenticated
broken.test
203.0.113.0/24
rdns:mx.plain.test
"""


def warnings(site, file, *arguments):
    result = site.gateway.run("check", "--json", *arguments, "-c", site.gateway.conf)
    check(result.returncode == 0, f"{result}")
    found = [one for one in json.loads(result.stdout) if one["file"] == file]
    check(all(one["severity"] == "warning" for one in found), f"{found}")
    return [(one["line"], one["message"]) for one in found]


def site_of(case, text, **checks):
    file = case.path("allow")
    with open(file, "w") as out:
        out.write(text)
    server = case.peer(start_nsd(case.path("nsd"), ZONES))
    config = {"lists": {"allow": file}, "dns": {"servers": [f"127.0.0.1:{server.port}"]}, "checks": checks}
    return case.site(config, start=False), file


def test_check_senders_that_anybody_can_be(case):
    site, file = site_of(case, LIST)
    found = warnings(site, file)
    check(
        found
        == [
            (
                4,
                "plain.test, bert@plain.test for=anna@example.test, *.good.test: no SPF is published: "
                "whoever writes that in MAIL FROM is let through",
            ),
            (
                6,
                "carl@plain.test: no SPF is published, and `authenticated` asks for a pass: the entry lets nobody through",
            ),
            (
                8,
                "open.test: the SPF there lets every address send, which proves nothing: the entry lets nobody through",
            ),
            (9, "broken.test: the SPF there is broken, so the entry lets nobody through"),
        ],
        f"{found}",
    )
    check(warnings(site, file, "--offline") == [], "asked all the same")


def test_check_senders_by_checks_that_are_off(case):
    site, file = site_of(case, LIST, rdns={"mode": "off"}, spf={"mode": "off"})
    found = warnings(site, file)
    check([line for line, _ in found] == [2, 11], f"{found}")
    check("and 3 more: lets nobody through, for no SPF is looked up" in found[0][1], f"{found}")
    check("rdns:mx.plain.test: does nothing, for no reverse name is looked up" in found[1][1], f"{found}")
    site.gateway.write_config({**site.config, "events": {"record": "all"}})
    check(len(warnings(site, file)) == 4, "what is asked for the record will do")


def test_check_senders_of_a_long_list(case):
    """A hundred domains are looked at: a list of thousands costs the DNS no more."""
    lines = "".join(f"anna@x{number}.plain.test\nbert@x{number}.plain.test\n" for number in range(2000))
    site, file = site_of(case, lines)
    found = [message for _, message in warnings(site, file)]
    check(len(found) == 2 and "no SPF is published" in found[0], f"{found}")
    check(found[1].startswith("the SPF of 100 domains was looked at, not that of the other 3"), f"{found}")


def test_check_senders_that_have_expired(case):
    site, file = site_of(case, "a.test\nb.test expires=2020-01-31\nc.test expires=2199-01-31\n")
    check(warnings(site, file, "--offline") == [(2, "b.test: expired, and means nobody any more")], "not told")


def test_check_senders_with_wildcards(case):
    site, file = site_of(case, "*.b.test\nnews*@b.test\nspam?@b.test\njoe@b.test\n")
    found = warnings(site, file, "--offline")
    check([line for line, _ in found] == [2], f"{found}")
    check(found[0][1].startswith("news*@b.test, spam?@b.test: an entry has no wildcard but"), f"{found}")


def test_check_senders_that_a_block_list_cannot_have(case):
    file = case.path("block")
    with open(file, "w") as out:
        out.write("a.test\nb.test authenticated\n")
    site = case.site({"lists": {"block": file}}, start=False)
    result = site.gateway.run("check", "--offline", "-c", site.gateway.conf)
    check(result.returncode == 78 and f"{file}:2:8: error: `authenticated` is for allow lists" in result.stderr, f"{result}")


def test_check_senders_barred_role_addresses(case):
    """A line that means them among others is no mistake."""
    file = case.path("bar")
    with open(file, "w") as out:
        out.write("*@spam.test\n~abuse@*\npost*@*\nPostmaster@*\n")
    site = case.site({"barring": {"recipients": file}}, start=False)
    found = [one for one in warnings(site, file, "--offline") if "role addresses" in one[1]]
    check(found == [(4, "postmaster@*: mail to role addresses is taken, whatever this line says")], f"{found}")


def test_check_senders_barred_role_addresses_by_rule(case):
    file = case.path("strict")
    with open(file, "w") as out:
        out.write("*@spam.test\nabuse@*\n")
    rules = {"rules": [{"ip": "192.0.2.0/24", "use": file}, {"use": ""}]}
    site = case.site({"barring": {"recipients": rules}}, start=False)
    found = [one for one in warnings(site, file, "--offline") if "role addresses" in one[1]]
    check(len(found) == 1 and found[0][0] == 2, f"{found}")
    check("(barring.recipients, by the rule at " in found[0][1] and "10-site.json:" in found[0][1], f"{found}")


def test_check_senders_of_the_whole_world(case):
    site, file = site_of(case, "0.0.0.0/0\n*.com # everybody\ncom\n0.0.0.0/0 for=anna@example.test\n10.0.0.0/8\na.test for=x@foreign.test\n")
    found = warnings(site, file, "--offline")
    check([line for line, _ in found] == [1, 2, 3, 6], f"{found}")
    check("is not in a domain of ours, so the entry means nobody" in found[3][1], f"{found}")
    check(found[0][1].startswith("0.0.0.0/0: so wide a network lets a good part of the world through"), f"{found}")
    check(found[1][1] == "*.com: anybody can have a name there, and is let through unchecked", f"{found}")
    check(found[2][1].startswith("com: no domain below it is meant"), f"{found}")


def test_check_senders_that_are_written_twice(case):
    text = "plain.test authenticated owner=anna\n203.0.113.9\nplain.test owner=joe\n"
    site, file = site_of(case, text)
    wanted = "plain.test: this line does nothing, line 3 says the same name and counts"
    check((1, wanted) in warnings(site, file, "--offline"), f"{warnings(site, file, '--offline')}")
    text = "a.test\na.test expires=2020-11-01\n" + "b.test\n" * 9
    site, file = site_of(case, text)
    found = warnings(site, file, "--offline")
    check((2, "a.test: this line does nothing, line 1 says the same name and counts") in found, f"{found}")
    check((0, "4 more lines do nothing for that reason") in found, f"{found}")


def test_check_senders_blocked_that_are_ours(case):
    file = case.path("block")
    with open(file, "w") as out:
        out.write("192.168.7.3\n198.51.100.0/24\n127.0.0.1\n203.0.113.0/24\n")
    config = {"lists": {"block": file}, "trusted_networks": ["192.168.0.0/16"], "upstream": ["198.51.100.7"]}
    site = case.site(config, start=False)
    found = warnings(site, file, "--offline")
    check([line for line, _ in found] == [1, 2, 3], f"{found}")
    for (_, message), words in zip(found, ("this blocks nobody", "`upstream` hands over", "of this machine")):
        check(words in message, f"{found}")


def test_check_senders_barred_that_are_ours(case):
    """Barring holds for everybody: it bars our own users, unless a rule spares them."""
    senders, recipients = case.path("senders"), case.path("recipients")
    for file, text in ((senders, "*@*.cn\n*@example.test\n"), (recipients, "*\n~anna@example.test\n")):
        with open(file, "w") as out:
            out.write(text)
    config = {
        "barring": {"senders": senders, "recipients": recipients},
        "users": users_file(case, anna="green horse"),
        "trusted_networks": ["192.168.0.0/16"],
        "outbound": {"route": "groupware"},
    }

    def found():
        site = case.site(config, start=False)
        return [
            *(one for one in warnings(site, senders, "--offline") if "this bars" in one[1]),
            *(one for one in warnings(site, recipients, "--offline") if "this bars some" in one[1]),
        ]

    ours = "for users who have logged in, clients in 192.168.0.0/16 too"
    wanted = [(2, f"*@example.test: this bars somebody@example.test {ours}"), (1, f"*: this bars somebody@elsewhere.example {ours}")]
    check(found() == wanted, f"{found()}")
    spared = {"rules": [{"auth": True, "use": ""}, {"ip": "192.168.0.0/16", "use": ""}, {"use": senders}]}
    config["barring"]["senders"] = spared
    check(found() == wanted[1:], f"{found()}")
    config["barring"]["senders"] = {"rules": [{"rdns": False, "use": ""}, {"use": senders}]}
    check(found() == wanted, f"nobody asks for the name of ours, so that rule spares nobody of them: {found()}")
    config["barring"]["senders"] = spared
    del spared["rules"][1]
    check("clients in 192.168.0.0/16 too" in found()[0][1] and "logged in" not in found()[0][1], f"{found()}")
    del config["outbound"], config["users"]
    check(found() == [], "nobody of ours sends by this gateway")
