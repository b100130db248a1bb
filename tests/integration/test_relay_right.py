"""Group R: never an open relay, and addresses that try; no foreign domain is named to the next hop."""

import re

from harness.client import message
from harness.outcome import check
from harness.scenes import ask


OURS = re.compile(r"@(example\.test|example\.org)>", re.IGNORECASE)


def nothing_foreign(site):
    """Whatever the next hop was asked about lies in a domain of ours."""
    for line in site.hop.commands("RCPT"):
        address = line[line.index("<") : line.index(">") + 1]
        check(OURS.search(address) or "@" not in address, f"the next hop saw {line}")


def each_in_turn(site, cases, sender="sender@example.net"):
    """(recipient, wanted replies ...): each asked in a session of its own when errors add up."""
    client = None
    for number, (recipient, *wanted) in enumerate(cases):
        if number % 10 == 0:
            client = site.client()
            client.mail(sender)
        ask(client, recipient, *wanted)
    nothing_foreign(site)


def test_R01_nmap_combinations(case):
    """The 16 probes of smtp-open-relay.nse: 0 of 16."""
    site = case.site()
    domain, server, address = "remote.host", "mx.example.test", "127.0.0.1"
    probes = [
        ("", f"u@{domain}"),
        (f"f@{domain}", f"u@{domain}"),
        (f"f@{server}", f"u@{domain}"),
        (f"f@[{address}]", f"u@{domain}"),
    ]
    sender = f"f@[{address}]"
    probes += [
        (sender, recipient)
        for recipient in (
            f"u%{domain}@[{address}]",
            f"u%{domain}@{server}",
            f'"u@{domain}"',
            f'"u%{domain}"',
            f"u@{domain}@[{address}]",
            f'"u@{domain}"@[{address}]',
            f"u@{domain}@{server}",
            f"@[{address}]:u@{domain}",
            f"@{server}:u@{domain}",
            f"{domain}!u",
            f"{domain}!u@[{address}]",
            f"{domain}!u@{server}",
        )
    ]
    check(len(probes) == 16, "16 probes")
    for sender, recipient in probes:
        with site.client() as client:
            client.mail(sender)
            ask(client, recipient, "550 5.7.1", "550 5.1.", "501 5.1.3", "553 5.")
    nothing_foreign(site)
    check(not site.hop.commands("RCPT"), f"asked: {site.hop.commands('RCPT')}")


def test_R02_percent_hack(case):
    site = case.site()
    text = "550 5.7.1 forwarding percent hack is not permitted; id "
    each_in_turn(
        site,
        [
            (recipient, text)
            for recipient in (
                "user%remote.host@example.test",
                "user%remote.host%other.host@example.test",
                "user%remote.host@EXAMPLE.org",
                "anna%example.test@example.test",
                '"user%remote.host"@example.test',
                '"user\\%remote.host"@example.test',
            )
        ],
    )
    check(not [line for line in site.hop.commands("RCPT") if "%" in line], "the next hop saw it")


def test_R02_percent_hack_of_trusted_clients(case):
    site = case.site({"trusted_networks": ["127.0.0.7"], "outbound": {"route": "groupware"}})
    with site.client(source="127.0.0.7") as client:
        client.mail()
        ask(client, "user%remote.host@example.test", "550 5.7.1 forwarding percent hack is not permitted")


def test_R03_source_routes(case):
    site = case.site()
    with site.client() as client:
        client.mail()
        ask(client, "@example.test:user@remote.host", "550 5.7.1 cannot relay for remote.host; id ")
        ask(client, "@remote.host:anna@example.test", "250")
        ask(client, "@a.example,@b.example:bert@example.test", "250")
        ask(client, "@example.test,@example.org:u@remote.host", "550 5.7.1 cannot relay for remote.host; id ")
        ask(client, "@example.test:nobody@example.test", "550 5.1.1")
        ask(client, "@:anna@example.test", "501 5.1.3")
        ask(client, "@example.test:", "501 5.1.3")
        client.data(message())
    with site.client() as client:
        client.mail("@example.test:boss@example.test")
        ask(client, "user@remote.host", "550 5.7.1 cannot relay for remote.host; id ")
    site.expect_delivered(message())
    (stored,) = site.hop.await_messages(1)
    check(stored.to == ["anna@example.test", "bert@example.test"], f"as that address: {stored.to}")
    nothing_foreign(site)


def barring(case, lines=(), reply="Address barred", **more):
    path = case.path("bar-recipients")
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")
    return {"barring": {"recipients": path, "reply": reply, **more}}


def test_R04_bang_paths(case):
    """Barred by default with the list's text; never relayed even when unbarred."""
    patterns = ["*!*", '"*@*"', '"*@*"@*']
    site = case.site(barring(case, patterns, reply="We do not speak UUCP"))
    each_in_turn(
        site,
        [
            (recipient, "550 5.7.1 We do not speak UUCP; id ")
            for recipient in (
                "remote.host!user@example.test",
                '"user@remote.host"@example.test',
                '"a b@c"@example.test',
            )
        ],
    )
    unbarred = case.site(barring(case, ["# nothing"]))
    with unbarred.client() as client:
        client.mail()
        ask(client, "remote.host!user@example.test", "550 5.7.1 cannot relay for remote.host; id ")
        ask(client, '"user@remote.host"@example.test', "550 5.7.1 cannot relay for remote.host; id ")
        ask(client, "remote.host!user", "550 5.", "501 5.1.3", "553 5.")
    nothing_foreign(unbarred)


def test_barring_in_quotes(case):
    """RFC 5321 4.1.2: "gone" and gone are one mailbox, and it is barred in every spelling."""
    site = case.site(barring(case, ["gone@example.test", "postmaster"], reply="Gone"))
    each_in_turn(
        site,
        [(to, "550 5.7.1 Gone; id ") for to in ('"gone"@example.test', '"go\\ne"@EXAMPLE.test')]
        + [("postmaster", "250"), ('"abuse"@example.test', "250")],
    )


def test_R04_barring_by_default(case):
    """What is shipped bars them: the program's own conf.d says so, and so does a list with three lines."""
    site = case.site()
    with site.client() as client:
        client.mail()
        ask(client, "remote.host!user@remote.host", "550 5.7.1")
        ask(client, "remote.host!user", "550 5.", "501 5.1.3")
    nothing_foreign(site)


def test_R04_reply_without_id(case):
    """reply_id: false: the operator's text stands alone, to the octet."""
    site = case.site(barring(case, ["*!*"], reply="No bangs here", reply_id=False))
    with site.client() as client:
        client.needs_id = False
        client.mail()
        reply = ask(client, "a!b@example.test", "550 5.7.1 No bangs here")
        check(reply.last == "550 5.7.1 No bangs here", f"{reply}")


def test_R05_quoted_local_parts(case):
    """Forwarded exactly as quoted, or refused; never unquoted into a new address."""
    site = case.site(barring(case, ["# nothing"]))
    quoted = ['"u@remote.host"', '"u remote"', '"\\@"', '"a\\"b"', '""', '"anna"', '"a>b"', '"a\\\\b"']
    for local in quoted:
        with site.client() as client:
            client.mail()
            ask(client, f"{local}@example.test", "250", "550 5.", "553 5.", "501 5.1.3")
    seen = {line[len("RCPT TO:<") : line.rindex("@")] for line in site.hop.commands("RCPT") if '"' in line}
    check(seen <= set(quoted), f"requoted: {seen - set(quoted)}")
    for line in site.hop.commands("RCPT"):
        check(line.endswith("@example.test>"), f"a new address: {line}")


def test_R06_two_at_signs(case):
    site = case.site()
    each_in_turn(
        site,
        [
            ("u@remote.host@example.test", "501 5.1.3"),
            ("u@example.test@remote.host", "501 5.1.3"),
            ("anna@example.test>,<v@remote.host", "501 5."),
            ("anna@example.test,v@remote.host", "501 5.1.3"),
            ("@example.test@remote.host", "501 5.1.3"),
            ("u@@example.test", "501 5.1.3"),
        ],
    )


def test_R07_dots(case):
    """One canonical form for policy and next hop, else 501."""
    site = case.site()
    each_in_turn(
        site,
        [
            ("anna@example.test.", "250", "501 5.1.3"),
            ("anna@.example.test", "501 5.1.3"),
            ("anna@example..test", "501 5.1.3"),
            ("anna@example.test..", "501 5.1.3"),
            ("anna@.", "501 5.1.3"),
            (".anna@example.test", "501 5.1.3"),
            ("an..na@example.test", "501 5.1.3"),
            ("anna.@example.test", "501 5.1.3"),
            ("anna@", "501 5.1.3"),
            ("u@remote.host.", "550 5.7.1", "501 5.1.3"),
        ],
    )


def test_R08_case_of_letters(case):
    site = case.site()
    with site.client() as client:
        client.mail()
        ask(client, "Anna@EXAMPLE.Test", "250")
        ask(client, "BERT@eXample.ORG", "250")
        client.data(message())
    site.expect_delivered(message())
    (stored,) = site.hop.await_messages(1)
    check(
        [address.rpartition("@")[0] for address in stored.to] == ["Anna", "BERT"], f"local parts: {stored.to}"
    )


def test_R09_internationalised_domains(case):
    """Domains compare by their A-labels; what matches only after mapping is foreign."""
    hop = case.next_hop(capabilities=["8BITMIME", "SMTPUTF8", "PIPELINING"])
    site = case.site({"domains": {"bücher.example": {"route": "groupware"}}}, hop=hop)
    site.deliver(message("learn\r\n"))
    with site.client() as client:
        client.mail("a@example.net", "SMTPUTF8")
        ask(client, "anna@xn--bcher-kva.example", "250")
        ask(client, "anna@bücher.example", "250")
        ask(client, "anna@exаmple.test", "550 5.7.1")  # Cyrillic a
        ask(client, "anna@ｅｘample.test", "553 5.6.7")  # full-width
        ask(client, "anna@example。test", "553 5.6.7")  # U+3002
        ask(client, "anna@ex\u200dample.test", "553 5.6.7", "501 5.1.3", "550 5.7.1")  # ZWJ
        ask(client, "anna@examplé.test", "550 5.7.1")
        ask(client, "anna@אa1.example.test", "553 5.6.7", "501 5.1.3", "550 5.7.1")  # mixed bidi
        ask(client, "anna@BÜCHER.example", "553 5.6.7", "250")
    with site.client() as client:
        client.mail()
        ask(
            client, "anna@bücher.example", "553 5.6.7", "550 5.6.7", "501 5.1.3", "501 5.5.2"
        )  # no SMTPUTF8 was asked for
    for line in hop.commands("RCPT"):
        domain = line[line.rindex("@") + 1 : line.rindex(">")].lower()
        check(
            domain in ("example.test", "xn--bcher-kva.example", "bücher.example"), f"the next hop saw {line}"
        )


def test_R10_controls_in_addresses(case):
    site = case.site(known=None)
    for evil in (
        b"an\0na@example.test",
        b"an\tna@example.test",
        b"an\x7fna@example.test",
        b"an\rna@example.test",
        b"anna@exam\x01ple.test",
        b"anna@example.test\\r\\nRCPT TO:<x@example.test>",
        b"an\x1bna@example.test",
        b'"an\x01na"@example.test',
    ):
        with site.client() as client:
            client.mail()
            client.send(b"RCPT TO:<" + evil + b">\r\n")
            client.expect("501 5.1.3", "500 5.5.2", "501 5.5.2", "501 5.5.4")
            check(not client.buffer, f"{client.buffer!r}")
    with site.client() as client:
        client.mail()
        client.line("RCPT TO:<anna%0d%0aRCPT@example.test>")
        client.expect("550 5.7.1", "501 5.1.3")
    nothing_foreign(site)
    for line in site.hop.commands("RCPT"):
        check(not re.search(r"anna|RCPT.*RCPT", line), f"the next hop saw {line!r}")


def test_R11_address_literals(case):
    site = case.site()
    each_in_turn(
        site,
        [
            (f"u@{literal}", "550 5.7.1 cannot relay for", "501 5.1.3")
            for literal in (
                "[127.0.0.1]",
                "[192.0.2.2]",
                "[IPv6:::1]",
                "[IPv6:::ffff:127.0.0.1]",
                "[1.2.3]",
                "[]",
                "[tag:x]",
                "127.0.0.1",
            )
        ],
    )


def test_R12_suffix_confusion(case):
    site = case.site({"domains": {"*.wild.example": {"route": "groupware"}}})
    each_in_turn(
        site,
        [
            (f"anna@{domain}", "550 5.7.1 cannot relay for", "501 5.1.3")
            for domain in (
                "xexample.test",
                "example.test.evil",
                "sub.example.test",
                "example,test",
                "test",
                "example",
                "wild.example",
                "xwild.example",
                "-example.test",
            )
        ],
    )
    with site.client() as client:
        client.mail()
        ask(client, "anna@a.wild.example", "250")
        ask(client, "bert@a.b.wild.example", "250")


def test_R13_no_domain(case):
    site = case.site(known=None)
    with site.client() as client:
        client.mail()
        ask(client, "anna", "550 5.1.3", "501 5.1.3")
        ask(client, "", "501 5.1.3", "550 5.1.3")
        ask(client, "root", "550 5.1.3", "501 5.1.3")
        ask(client, "abuse", "550 5.1.3", "501 5.1.3", "250")
        ask(client, "postmaster", "250")
        ask(client, "PostMaster", "250")


def test_R14_lengths(case):
    """Enforced or passed on whole, never cut."""
    site = case.site(known=None)
    locals_ = {octets: "u" * octets for octets in (64, 65, 241, 242, 1000)}  # 254 octets in brackets at most
    label = "a" * 63
    long_domain = ".".join([label] * 4)
    with site.client() as client:
        client.mail()
        ask(client, locals_[64] + "@example.test", "250")
        ask(client, locals_[65] + "@example.test", "250")
        ask(client, locals_[241] + "@example.test", "250")
        ask(client, locals_[242] + "@example.test", "501 5.1.3")
        ask(client, locals_[1000] + "@example.test", "501 5.1.3", "250")
        ask(client, "u@" + long_domain[:255], "550 5.7.1", "501 5.1.3")
        ask(client, "u@" + long_domain + ".bb", "501 5.1.3")
        ask(client, "u@" + "a" * 64 + ".example.test", "501 5.1.3")
        ask(client, "u@" + label + ".example.test", "550 5.7.1")
    seen = {line[len("RCPT TO:<") : line.rindex("@")] for line in site.hop.commands("RCPT") if "uuuu" in line}
    check(seen <= set(locals_.values()), f"cut: {[len(local) for local in seen]}")


def test_R15_brackets_and_junk(case):
    site = case.site({"lenient_networks": ["127.0.0.5"]})
    lines = [
        "RCPT TO:anna@example.test",
        "RCPT TO: <anna@example.test> junk",
        "RCPT TO:<anna@example.test>junk",
        "RCPT TO:<(c)anna@example.test>",
        "RCPT TO:<anna@example.test",
        "RCPT TO:anna@example.test>",
        "RCPT TO:< anna@example.test >",
        "RCPT TO",
        "RCPT anna@example.test",
        "RCPT TO:<anna @example.test>",
    ]
    for line in lines:
        with site.client() as client:
            client.mail()
            ask(client, None, "501 5.", "555 5.5.4", "500 5.5.", raw=line)
    with site.connect(source="127.0.0.5") as client:
        client.greet()
        client.command("HELO there", "250")
        client.command("MAIL FROM: me@example.net", "250")
        client.command("RCPT TO: anna@example.test", "250")
        client.command("RCPT TO: user@remote.host", "550 5.7.1")
        client.data(message())
    site.expect_delivered(message())
