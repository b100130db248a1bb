"""Group R: never an open relay, and addresses that try. After each, no foreign domain was named to the next hop."""

import json
import os
import re
import socket
import struct
import subprocess

from harness import certificates
from harness.client import message
from harness.outcome import check
from harness.setups import another_listener, implicit_tls, with_tls

OURS = re.compile(r"@(example\.test|example\.org)>", re.IGNORECASE)
SUITES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared", "suites")


def nothing_foreign(site):
    """Whatever the next hop was asked about lies in a domain of ours."""
    for line in site.hop.commands("RCPT"):
        address = line[line.index("<"):line.index(">") + 1]
        check(OURS.search(address) or "@" not in address, f"the next hop saw {line}")


def ask(client, recipient, *wanted, raw=None):
    client.line(raw if raw is not None else f"RCPT TO:<{recipient}>")
    return client.expect(*wanted)


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
    probes = [("", f"u@{domain}"), (f"f@{domain}", f"u@{domain}"), (f"f@{server}", f"u@{domain}"), (f"f@[{address}]", f"u@{domain}")]
    sender = f"f@[{address}]"
    probes += [(sender, recipient) for recipient in (
        f"u%{domain}@[{address}]", f"u%{domain}@{server}", f'"u@{domain}"', f'"u%{domain}"', f"u@{domain}@[{address}]",
        f'"u@{domain}"@[{address}]', f"u@{domain}@{server}", f"@[{address}]:u@{domain}", f"@{server}:u@{domain}", f"{domain}!u",
        f"{domain}!u@[{address}]", f"{domain}!u@{server}")]
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
    each_in_turn(site, [(recipient, text) for recipient in (
        "user%remote.host@example.test", "user%remote.host%other.host@example.test", "user%remote.host@EXAMPLE.org", "anna%example.test@example.test")])
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
    stored, = site.hop.await_messages(1)
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
    each_in_turn(site, [(recipient, "550 5.7.1 We do not speak UUCP; id ") for recipient in (
        "remote.host!user@example.test", '"user@remote.host"@example.test', '"a b@c"@example.test')])
    unbarred = case.site(barring(case, ["# nothing"]))
    with unbarred.client() as client:
        client.mail()
        ask(client, "remote.host!user@example.test", "550 5.1.1")
        ask(client, "remote.host!user", "550 5.", "501 5.1.3", "553 5.")
    nothing_foreign(unbarred)


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
    seen = {line[len("RCPT TO:<"):line.rindex("@")] for line in site.hop.commands("RCPT") if '"' in line}
    check(seen <= set(quoted), f"requoted: {seen - set(quoted)}")
    for line in site.hop.commands("RCPT"):
        check(line.endswith("@example.test>"), f"a new address: {line}")


def test_R06_two_at_signs(case):
    site = case.site()
    each_in_turn(site, [("u@remote.host@example.test", "501 5.1.3"), ("u@example.test@remote.host", "501 5.1.3"),
                        ("anna@example.test>,<v@remote.host", "501 5."), ("anna@example.test,v@remote.host", "501 5.1.3"),
                        ("@example.test@remote.host", "501 5.1.3"), ("u@@example.test", "501 5.1.3")])


def test_R07_dots(case):
    """One canonical form for policy and next hop, else 501."""
    site = case.site()
    each_in_turn(site, [("anna@example.test.", "250", "501 5.1.3"), ("anna@.example.test", "501 5.1.3"), ("anna@example..test", "501 5.1.3"),
                        ("anna@example.test..", "501 5.1.3"), ("anna@.", "501 5.1.3"), (".anna@example.test", "501 5.1.3"),
                        ("an..na@example.test", "501 5.1.3"), ("anna.@example.test", "501 5.1.3"), ("anna@", "501 5.1.3"),
                        ("u@remote.host.", "550 5.7.1", "501 5.1.3")])


def test_R08_case_of_letters(case):
    site = case.site()
    with site.client() as client:
        client.mail()
        ask(client, "Anna@EXAMPLE.Test", "250")
        ask(client, "BERT@eXample.ORG", "250")
        client.data(message())
    site.expect_delivered(message())
    stored, = site.hop.await_messages(1)
    check([address.rpartition("@")[0] for address in stored.to] == ["Anna", "BERT"], f"local parts: {stored.to}")


def test_R09_internationalised_domains(case):
    """Domains compare by their A-labels; what matches only after mapping is foreign."""
    hop = case.next_hop(capabilities=["8BITMIME", "SMTPUTF8", "PIPELINING"])
    site = case.site({"domains": {"bücher.example": {"route": "groupware"}}}, hop=hop)
    site.deliver(message("learn\r\n"))
    with site.client() as client:
        client.mail("a@example.net", "SMTPUTF8")
        ask(client, "anna@xn--bcher-kva.example", "250")
        ask(client, "anna@bücher.example", "250")
        ask(client, "anna@exаmple.test", "550 5.7.1")          # Cyrillic a
        ask(client, "anna@ｅｘample.test", "553 5.6.7")          # full-width
        ask(client, "anna@example。test", "553 5.6.7")          # U+3002
        ask(client, "anna@ex\u200dample.test", "553 5.6.7", "501 5.1.3", "550 5.7.1")  # ZWJ
        ask(client, "anna@examplé.test", "550 5.7.1")
        ask(client, "anna@אa1.example.test", "553 5.6.7", "501 5.1.3", "550 5.7.1")    # mixed bidi
        ask(client, "anna@BÜCHER.example", "553 5.6.7", "250")
    with site.client() as client:
        client.mail()
        ask(client, "anna@bücher.example", "553 5.6.7", "550 5.6.7", "501 5.1.3", "501 5.5.2")  # no SMTPUTF8 was asked for
    for line in hop.commands("RCPT"):
        domain = line[line.rindex("@") + 1:line.rindex(">")].lower()
        check(domain in ("example.test", "xn--bcher-kva.example", "bücher.example"), f"the next hop saw {line}")


def test_R10_controls_in_addresses(case):
    site = case.site(known=None)
    for evil in (b"an\0na@example.test", b"an\tna@example.test", b"an\x7fna@example.test", b"an\rna@example.test", b"anna@exam\x01ple.test",
                 b"anna@example.test\\r\\nRCPT TO:<x@example.test>", b"an\x1bna@example.test", b'"an\x01na"@example.test'):
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
    each_in_turn(site, [(f"u@{literal}", "550 5.7.1 cannot relay for", "501 5.1.3") for literal in (
        "[127.0.0.1]", "[192.0.2.2]", "[IPv6:::1]", "[IPv6:::ffff:127.0.0.1]", "[1.2.3]", "[]", "[tag:x]", "127.0.0.1")])


def test_R12_suffix_confusion(case):
    site = case.site({"domains": {"*.wild.example": {"route": "groupware"}}})
    each_in_turn(site, [(f"anna@{domain}", "550 5.7.1 cannot relay for", "501 5.1.3") for domain in (
        "xexample.test", "example.test.evil", "sub.example.test", "example,test", "test", "example", "wild.example", "xwild.example", "-example.test")])
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
    locals_ = {octets: "u" * octets for octets in (64, 65, 1000)}
    label = "a" * 63
    long_domain = ".".join([label] * 4)
    with site.client() as client:
        client.mail()
        ask(client, locals_[64] + "@example.test", "250")
        ask(client, locals_[65] + "@example.test", "501 5.1.3", "250")
        ask(client, locals_[1000] + "@example.test", "501 5.1.3", "250")
        ask(client, "u@" + long_domain[:255], "550 5.7.1", "501 5.1.3")
        ask(client, "u@" + long_domain + ".bb", "501 5.1.3")
        ask(client, "u@" + "a" * 64 + ".example.test", "501 5.1.3")
        ask(client, "u@" + label + ".example.test", "550 5.7.1")
    seen = {line[len("RCPT TO:<"):line.rindex("@")] for line in site.hop.commands("RCPT") if "uuuu" in line}
    check(seen <= set(locals_.values()), f"cut: {[len(local) for local in seen]}")


def test_R15_brackets_and_junk(case):
    site = case.site({"lenient_networks": ["127.0.0.5"]})
    lines = ["RCPT TO:anna@example.test", "RCPT TO: <anna@example.test> junk", "RCPT TO:<anna@example.test>junk", "RCPT TO:<(c)anna@example.test>",
             "RCPT TO:<anna@example.test", "RCPT TO:anna@example.test>", "RCPT TO:< anna@example.test >", "RCPT TO", "RCPT anna@example.test", "RCPT TO:<anna @example.test>"]
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


def test_R16_trusted_network_tricks(case):
    """None of what a client says of itself gives relay rights."""
    config = another_listener("front", tls="none", proxy_protocol=["127.0.0.8"])
    config["trusted_networks"] = ["127.0.0.7", "192.0.2.0/28"]
    config["outbound"] = {"route": "groupware"}
    site = case.site(config)
    for helo in ("mx.example.test", "[127.0.0.7]", "127.0.0.7", "example.test"):
        with site.connect() as client:
            client.greet()
            client.ehlo(helo)
            client.mail("boss@example.test")
            ask(client, "user@remote.host", "550 5.7.1 cannot relay for remote.host")
    for header in (b"PROXY TCP6 2002:c000:0201::1 ::1 1000 25\r\n",
                   b"PROXY TCP4 0.0.0.0 192.0.2.1 1000 25\r\n", b"PROXY TCP4 127.0.0.70 192.0.2.1 1000 25\r\n"):
        client = site.connect("front", source="127.0.0.8")
        client.send(header)
        client.hello()
        client.mail()
        ask(client, "user@remote.host", "550 5.7.1 cannot relay for remote.host")
        client.close()
    client = site.connect("front", source="127.0.0.9")
    client.greet()
    client.command("PROXY TCP4 127.0.0.7 192.0.2.1 1000 25", "5")
    client.ehlo()
    client.mail()
    ask(client, "user@remote.host", "550 5.7.1 cannot relay for remote.host")
    nothing_foreign(site)


def test_R16_client_certificates(case):
    """By listed fingerprint, or by the private CA and a listed name; nothing else."""
    ca, other_ca = certificates.authority(), certificates.authority("other-ca")
    listed, stranger = certificates.self_signed("listed.example.net"), certificates.self_signed("stranger.example.net")
    named, unnamed = certificates.signed("partner.example.net", ca), certificates.signed("nobody.example.net", ca)
    forged = certificates.signed("partner.example.net", other_ca)
    smarthost = case.next_hop(known=None)
    config = with_tls()
    config["tls"].update({"client_ca": ca.certificate, "client_fingerprints": [listed.fingerprint], "client_names": ["partner.example.net"]})
    config["routes"] = {"smarthost": {"hosts": [smarthost.host], "tls": "never", "recipients": "any"}}
    config["outbound"] = {"route": "smarthost"}
    site = case.site(config)
    for pair, allowed in ((listed, True), (named, True), (stranger, False), (unnamed, False), (forged, False)):
        client = site.client()
        client.starttls(pair.client_context())
        client.ehlo()
        client.mail()
        client.rcpt("user@remote.host", "250" if allowed else "550 5.7.1 cannot relay for remote.host")
        client.command("QUIT", "221")


def test_R16_system_trust_store_is_refused(case):
    config = with_tls()
    config["tls"]["client_ca"] = "/etc/ssl/certs/ca-certificates.crt"
    config["tls"]["client_names"] = ["partner.example.net"]
    site = case.site(config, start=False)
    result = site.gateway.run("check", "-c", site.gateway.conf)
    check(result.returncode == 78, f"{result.returncode} {result.stdout}{result.stderr}")


def run_check(site, config):
    site.gateway.write_config(config)
    return site.gateway.run("check", "-c", site.gateway.conf)


def test_R17_fail_closed_configurations(case):
    """Nothing that is missing or half-written ever means "accept all"."""
    site = case.site(start=False)
    empty = {key: value for key, value in site.config.items() if key != "domains"}
    refused = [run_check(site, dict(site.config, domains={"example.test": {"route": "nowhere"}})),
               run_check(site, dict(site.config, domains={"example.test": {}})),
               run_check(site, dict(site.config, domains={"": {"route": "groupware"}}))]
    for result in refused:
        check(result.returncode == 78, f"{result.returncode} {result.stdout}{result.stderr}")
    for name in ("missing", "directory"):
        path = case.path(name)
        os.makedirs(path, exist_ok=True) if name == "directory" else None
        routes = {"groupware": dict(site.config["routes"]["groupware"], recipients={"list": path})}
        result = run_check(site, dict(site.config, routes=routes))
        check(result.returncode == 78, f"recipients list {name}: {result.returncode} {result.stdout}{result.stderr}")
    site.gateway.write_config(empty)
    site.config = empty
    result = site.gateway.run("check", "-c", site.gateway.conf)
    if result.returncode == 0:
        site.gateway.start()
        site.control = False
        with site.client() as client:
            client.mail()
            ask(client, "anna@example.test", "550 5.7.1 cannot relay for")


def test_R17_half_written_file(case):
    site = case.site(start=False)
    path = os.path.join(site.gateway.conf, "20-domains.json")
    with open(path, "w") as file:
        file.write('{ "domains": { "example.com": { "route": "groupw')
    result = site.gateway.run("check", "-c", site.gateway.conf)
    text = result.stdout + result.stderr
    check(result.returncode == 78 and re.search(r"20-domains\.json:1:\d+: error", text), f"{result.returncode} {text}")
    started = site.gateway.run("serve", "-c", site.gateway.conf)
    check(started.returncode == 78, f"serve: {started.returncode}")


def test_R17_recipient_list(case):
    """`list`: a file, subaddresses understood; nobody else is accepted."""
    path = case.path("recipients")
    with open(path, "w") as file:
        file.write("anna@example.test\nbert@example.org\n# a comment\n")
    site = case.site({"routes": {"groupware": {"recipients": {"list": path}}}}, known=None)
    with site.client() as client:
        client.mail()
        ask(client, "anna@example.test", "250")
        ask(client, "ANNA+news@example.test", "250")
        ask(client, "bert@example.org", "250")
        ask(client, "bert@example.test", "550 5.1.1")
        ask(client, "annax@example.test", "550 5.1.1")
        client.data(message())
    site.expect_delivered(message())
    stored, = site.hop.await_messages(1)
    check("ANNA+news@example.test" in stored.to, f"{stored.to}")


def test_R17_wide_trust_draws_a_warning(case):
    site = case.site(start=False)
    result = run_check(site, dict(site.config, trusted_networks=["10.0.0.0/8"]))
    text = result.stdout + result.stderr
    check(result.returncode == 0 and "warning" in text and "10.0.0.0/8" in text, f"{result.returncode} {text}")


def test_R_no_foreign_connection(case):
    """strace: the gateway connects to its next hop, and to nobody else."""
    from harness.setups import need_program
    strace = need_program("strace")
    trace = case.path("connects")
    site = case.site(wrapper=[strace, "-D", "-f", "-qq", "-e", "trace=connect", "-o", trace],
                     environment={"ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1"})
    with site.client() as client:
        client.mail()
        for recipient in ("user@remote.host", "user%remote.host@example.test", "@example.test:user@remote.host", "anna@example.test"):
            client.line(f"RCPT TO:<{recipient}>")
            client.read_reply()
        client.data(message())
    site.expect_delivered(message())
    site.check_descriptors = False
    site.gateway.await_event("message")
    site.control_mail()
    site.control = False
    with open(trace) as file:
        targets = set(re.findall(r"sin6?_port=htons\((\d+)\)", file.read()))
    check(targets <= {str(site.hop.port)}, f"connections to ports {targets}")
