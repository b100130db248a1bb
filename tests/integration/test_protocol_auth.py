"""Group P, AUTH (P29)."""

import base64
import os
import re

from harness.outcome import check
from harness.setups import users_file, with_tls


def auth_site(case, **limits):
    config = with_tls(auth="required")
    config["users"] = users_file(case, boss="right horse")
    config["limits"] = limits
    site = case.site(config)
    site.control = False
    return site


def auth_client(site):
    client = site.client()
    client.starttls()
    client.ehlo()
    return client


def test_P29_auth_is_not_offered_on_mx(case):
    config = with_tls()
    config["users"] = users_file(case, boss="right horse")
    site = case.site(config)
    client = site.client()
    check("AUTH" not in client.offers, f"{client.offers}")
    client.command("AUTH PLAIN AGJvc3MAcmlnaHQgaG9yc2U=", "502 5.5.1", "503 5.5.1", "538 5.7.11", "500 5.5.1")
    client.starttls()
    client.ehlo()
    check("AUTH" not in client.offers, f"{client.offers}")
    client.command("AUTH PLAIN AGJvc3MAcmlnaHQgaG9yc2U=", "502 5.5.1", "503 5.5.1", "500 5.5.1")
    client.mail()
    client.rcpt("user@remote.host", "550 5.7.1")


def test_P29_auth_only_under_tls(case):
    site = auth_site(case)
    client = site.client()
    check("AUTH" not in client.offers, f"{client.offers}")
    client.command("AUTH PLAIN AGJvc3MAcmlnaHQgaG9yc2U=", "538 5.7.11", "530 5.7.0", "503 5.5.1")
    client.starttls()
    client.ehlo()
    check(client.offers["AUTH"].split()[1:] == ["PLAIN", "LOGIN"], f"{client.offers}")
    client.auth_plain("boss", "right horse", "235 2.7.0")
    client.command("AUTH PLAIN AGJvc3MAcmlnaHQgaG9yc2U=", "503 5.5.1")


def test_P29_auth_dialogues(case):
    site = auth_site(case)
    client = auth_client(site)
    client.command("AUTH LOGIN", "334")
    client.command(base64.b64encode(b"boss").decode(), "334")
    client.command(base64.b64encode(b"right horse").decode(), "235 2.7.0")
    client = auth_client(site)
    client.command("AUTH PLAIN", "334")
    client.command("*", "501 5.")
    client.command("AUTH PLAIN", "334")
    client.command(base64.b64encode(b"\0boss\0right horse").decode(), "235 2.7.0")
    client = auth_client(site)
    client.command("AUTH CRAM-MD5", "504 5.5.4", "504 5.7.4", "534 5.")
    client.command("AUTH PLAIN !!!!", "501 5.5.")


def test_P29_auth_malformed_plain(case):
    site = auth_site(case)
    for token in (b"", b"boss", b"\0boss", b"\0\0\0boss\0x", b"\0a\0b\0c\0d", b"\0\0", b"\0boss\0"):
        client = auth_client(site)
        client.command("AUTH PLAIN " + (base64.b64encode(token).decode() or "="), "535 5.7.8", "501 5.5.")
        client.close()


def test_P29_auth_response_length(case):
    site = auth_site(case)
    client = auth_client(site)
    client.command("AUTH PLAIN", "334")
    client.send(base64.b64encode(b"\0" + b"u" * 5000 + b"\0" + b"p" * 4209)[:12288] + b"\r\n")
    client.expect("535 5.7.8", "501 5.5.", "500 5.5.")
    for octets in (12289 + 4, 10 << 20):
        client = auth_client(site)
        client.command("AUTH PLAIN", "334")
        try:
            client.send(b"A" * octets + b"\r\n")
        except OSError:
            pass
        lines = client.read_to_end(6) if octets > 20000 else [client.read_reply().last]
        check(not lines or re.match(r"5\d\d 5\.5\.", lines[0]), f"{octets}: {lines}")


def test_P29_auth_failures(case):
    site = auth_site(case)
    client = auth_client(site)
    codes = []
    for _ in range(100):
        reply = client.command(
            f"AUTH PLAIN {base64.b64encode(chr(0).join(['', 'boss', 'wr0ng-Secret']).encode()).decode()}",
            "535 5.7.8",
            "421",
        )
        codes.append(reply.code)
        if reply.code == 421:
            break
    check(codes[-1] == 421 and len(codes) <= 3, f"{codes}")
    event = site.gateway.await_event("login_failed")
    told = (event["user"], event["code"], event["client"], event["listener"])
    check(told == ("boss", 535, "127.0.0.1", "mx"), f"{event}")
    client = auth_client(site)
    failed = len(site.gateway.of_type("login_failed"))
    client.auth_plain("boss", "right horse")
    client.close()
    site.gateway.await_events("session", 2)
    check(len(site.gateway.of_type("login_failed")) == failed, "a login that succeeded")
    log = repr(site.gateway.events) + repr(site.gateway.other_output) + site.gateway.error_text()
    for secret in ("wr0ng-Secret", "right horse", base64.b64encode(b"\0boss\0right horse").decode()):
        check(secret not in log, f"a password in the log: {secret}")


def test_P29_removed_account_fails_at_once(case):
    site = auth_site(case)
    auth_client(site).auth_plain("boss", "right horse")
    with open(site.config["users"], "w") as file:
        file.write("other:!\n")
    auth_client(site).auth_plain("boss", "right horse", "535 5.7.8")


def test_protocol_a_pipe_for_a_users_file_hangs_no_login(case):
    site = auth_site(case)
    os.remove(site.config["users"])
    os.mkfifo(site.config["users"])
    auth_client(site).auth_plain("boss", "right horse", "454 4.7.0")
