"""Group R, who is trusted, and configurations that must fail closed (R16, R17)."""

import os
import re

from harness import certificates
from harness.client import message
from harness.outcome import check
from harness.scenes import TRACED, ask
from harness.setups import another_listener, need_program, with_tls
from test_relay_right import nothing_foreign


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
    for header in (
        b"PROXY TCP6 2002:c000:0201::1 ::1 1000 25\r\n",
        b"PROXY TCP4 0.0.0.0 192.0.2.1 1000 25\r\n",
        b"PROXY TCP4 127.0.0.70 192.0.2.1 1000 25\r\n",
    ):
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
    listed, stranger = certificates.self_signed("listed.example.net"), certificates.self_signed(
        "stranger.example.net"
    )
    named, unnamed = certificates.signed("partner.example.net", ca), certificates.signed(
        "nobody.example.net", ca
    )
    forged = certificates.signed("partner.example.net", other_ca)
    smarthost = case.next_hop(known=None)
    config = with_tls()
    config["tls"].update(
        {
            "client_ca": ca.certificate,
            "client_fingerprints": [listed.fingerprint],
            "client_names": ["partner.example.net"],
        }
    )
    config["routes"] = {"smarthost": {"hosts": [smarthost.host], "tls": "never", "recipients": "any"}}
    config["outbound"] = {"route": "smarthost"}
    site = case.site(config)
    for pair, allowed in (
        (listed, True),
        (named, True),
        (stranger, False),
        (unnamed, False),
        (forged, False),
    ):
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
    result = site.gateway.run("check", "--no-dns", "-c", site.gateway.conf)
    check(result.returncode == 78, f"{result.returncode} {result.stdout}{result.stderr}")


def run_check(site, config):
    site.gateway.write_config(config)
    return site.gateway.run("check", "--no-dns", "-c", site.gateway.conf)


def test_R17_fail_closed_configurations(case):
    """Nothing that is missing or half-written ever means "accept all"."""
    site = case.site(start=False)
    empty = {key: value for key, value in site.config.items() if key != "domains"}
    refused = [
        run_check(site, dict(site.config, domains={"example.test": {"route": "nowhere"}})),
        run_check(site, dict(site.config, domains={"example.test": {}})),
        run_check(site, dict(site.config, domains={"": {"route": "groupware"}})),
    ]
    for result in refused:
        check(result.returncode == 78, f"{result.returncode} {result.stdout}{result.stderr}")
    for name in ("missing", "directory"):
        path = case.path(name)
        os.makedirs(path, exist_ok=True) if name == "directory" else None
        routes = {"groupware": dict(site.config["routes"]["groupware"], recipients={"list": path})}
        result = run_check(site, dict(site.config, routes=routes))
        check(
            result.returncode == 78,
            f"recipients list {name}: {result.returncode} {result.stdout}{result.stderr}",
        )
    site.gateway.write_config(empty)
    site.config = empty
    result = site.gateway.run("check", "--no-dns", "-c", site.gateway.conf)
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
    result = site.gateway.run("check", "--no-dns", "-c", site.gateway.conf)
    text = result.stdout + result.stderr
    check(
        result.returncode == 78 and re.search(r"20-domains\.json:1:\d+: error", text),
        f"{result.returncode} {text}",
    )
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
    (stored,) = site.hop.await_messages(1)
    check("ANNA+news@example.test" in stored.to, f"{stored.to}")


def test_R17_wide_trust_draws_a_warning(case):
    site = case.site(start=False)
    result = run_check(site, dict(site.config, trusted_networks=["10.0.0.0/8"]))
    text = result.stdout + result.stderr
    check(
        result.returncode == 0 and "warning" in text and "10.0.0.0/8" in text, f"{result.returncode} {text}"
    )


def test_R_no_foreign_connection(case):
    """strace: the gateway connects to its next hop, and to nobody else."""
    strace = need_program("strace")
    trace = case.path("connects")
    site = case.site(
        wrapper=[strace, "-D", "-f", "-qq", "-e", "trace=connect", "-o", trace], environment=TRACED
    )
    with site.client() as client:
        client.mail()
        for recipient in (
            "user@remote.host",
            "user%remote.host@example.test",
            "@example.test:user@remote.host",
            "anna@example.test",
        ):
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
