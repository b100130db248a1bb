"""Group P, the dialogue: pipelining, STARTTLS, other protocols, parameters, state (P10 to P14, P17, P18, P25 to P33)."""

import base64
import contextlib
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

from harness.client import message, stuffed, trusting_context
from harness.outcome import Failure, check, poll
from harness.setups import another_listener, implicit_tls, need_program, users_file, with_tls


@contextlib.contextmanager
def stopped(gateway):
    """The gateway does not run: what a client sends meanwhile is certainly there before the banner."""
    gateway.signal(signal.SIGSTOP)
    poll(lambda: open(f"/proc/{gateway.pid}/stat").read().rpartition(")")[2].split()[0] == "T", 5, "stopped")
    try:
        yield
    finally:
        gateway.signal(signal.SIGCONT)


def early(site, data):
    with stopped(site.gateway):
        client = site.connect()
        client.send(data)
    return client


def test_P10_early_talker_refused(case):
    site = case.site({"checks": {"early_talker": {"mode": "enforce"}}})
    client = early(site, b"EHLO evil\r\nMAIL FROM:<a@example.net>\r\n")
    client.expect("554 5.5.1")
    lines = client.read_to_end()
    check(not lines, f"{lines}")
    event = site.gateway.await_event("session")
    check(event.get("early_talker") is True, f"{event}")


def test_P10_early_talker_recorded(case):
    """The default of this issue: observed, never acted on."""
    site = case.site()
    client = early(site, b"EHLO hasty.example.net\r\n")
    client.greet()
    client.expect("250")
    client.command("QUIT", "221")
    event = site.gateway.await_event("session")
    check(event.get("early_talker") is True, f"{event}")
    client = site.client()
    client.command("QUIT", "221")
    event = site.gateway.await_events("session", 2)[1]
    check("early_talker" not in event, f"{event}")


def test_P11_illegal_pipelining(case):
    config = with_tls()
    config["users"] = users_file(case, boss="secret")
    site = case.site(config)
    follow = b"MAIL FROM:<smuggler@example.net>\r\nRCPT TO:<bert@example.test>\r\n"

    def after(*lines):
        client = site.connect()
        client.greet()
        for line in lines:
            client.command(line, "250")
        return client

    scenes = {
        "EHLO": (after(), b"EHLO client.example.net\r\n"),
        "HELO": (after(), b"HELO client.example.net\r\n"),
        "MAIL after HELO": (after("HELO x"), b"MAIL FROM:<a@example.net>\r\nRCPT TO:<anna@example.test>\r\n"),
        "DATA": (after("EHLO x", "MAIL FROM:<a@example.net>", "RCPT TO:<anna@example.test>"), b"DATA\r\n"),
        "STARTTLS": (after("EHLO x"), b"STARTTLS\r\n"),
    }
    for name, (client, begin) in scenes.items():
        client.send(begin + follow)
        lines = client.read_to_end()
        check(lines and re.match(r"(503|521|554) 5\.5\.1 ", lines[-1]), f"{name}: {lines}")
        check(not any(line.startswith("354") for line in lines), f"{name}: {lines}")
    check(not [line for line in site.hop.commands("MAIL") if "smuggler" in line], "smuggled")


def test_P11_illegal_pipelining_behind_auth(case):
    config = with_tls(auth="required")
    config["users"] = users_file(case, boss="secret")
    site = case.site(config)
    client = site.client()
    client.starttls()
    client.ehlo()
    token = base64.b64encode(b"\0boss\0secret").decode()
    client.send(f"AUTH PLAIN {token}\r\nMAIL FROM:<boss@example.test>\r\nRCPT TO:<anna@example.test>\r\n")
    lines = client.read_to_end()
    check(re.match(r"(503|521|554) 5\.5\.1 ", lines[-1]) and len(lines) <= 2, f"{lines}")
    site.control = False


def test_P12_legal_pipelining_of_many_recipients(case):
    known = {f"user{number}" for number in range(100)} | {"anna"}
    site = case.site(known=known)
    block = "MAIL FROM:<a@example.net>\r\n" + "".join(f"RCPT TO:<user{n}@example.test>\r\n" for n in range(100)) + "DATA\r\n"
    for pieces in ([block], list(block)):
        client = site.client()
        for piece in pieces:
            client.send(piece)
        for _ in range(101):
            client.expect("250")
        client.expect("354")
        client.content(message())
        site.expect_delivered(message())
        client.close()
    for stored in site.hop.await_messages(2):
        check(stored.to == [f"user{n}@example.test" for n in range(100)], f"order: {stored.to}")


def test_P12_legal_pipelining_split_at_every_byte(case):
    site = case.site()
    block = b"MAIL FROM:<a@example.net>\r\nRCPT TO:<anna@example.test>\r\nRCPT TO:<nobody@example.test>\r\nDATA\r\n"
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(site.client())
        for at in range(1, len(block)):
            if at % 15 == 0:  # fewer than the limit of errors in one session
                client.close()
                client = stack.enter_context(site.client())
            client.send_split(block, at)
            for code in ("250", "250", "550", "354"):
                client.expect(code)
            client.content(message())
            site.expect_delivered(message())


def test_P13_starttls_injection(case):
    """CVE-2011-0411: what came in clear behind STARTTLS is never executed under TLS."""
    site = case.site(with_tls())
    for injected in (b"RCPT TO:<evil@example.test>\r\n", b"EHLO evil\r\nMAIL FROM:<evil@example.net>\r\n", b"x", b"\r\n"):
        client = site.client()
        client.send(b"STARTTLS\r\n" + injected)
        reply = client.read_reply()
        if reply.code == 220:
            client.handshake()
            client.line("NOOP")
            client.expect("250 2.0.0", "503")
            check(not client.buffer, f"{client.buffer!r}")
        else:
            check(reply.matches("503 5.5.1") or reply.matches("521 5.5.1"), f"{reply}")
            client.read_to_end()
    check(not [line for line in site.hop.commands() if "evil" in line], "executed")


def test_P14_starttls_state(case):
    site = case.site(with_tls())
    client = site.client()
    client.mail()
    client.command("STARTTLS", "503 5.5.1", "220")
    client = site.client()
    client.command("STARTTLS now", "501 5.5.4")
    client.starttls()
    client.command("MAIL FROM:<a@example.net>", "503 5.5.1")
    client.command("RCPT TO:<anna@example.test>", "503 5.5.1")
    client.ehlo("new.example.net")
    client.command("STARTTLS", "503 5.5.1", "502 5.5.1")
    client.command("RCPT TO:<anna@example.test>", "503 5.5.1")
    site.deliver(client=client)
    stored, = site.hop.await_messages(1)
    check("new.example.net" in stored.trace, f"HELO from before TLS: {stored.trace}")


def test_P17_other_protocols(case):
    site = case.site()
    payload = b"MAIL FROM:<evil@example.net>\r\nRCPT TO:<anna@example.test>\r\nDATA\r\nx\r\n.\r\n"
    talk = [
        b"GET / HTTP/1.1\r\nHost: mx\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: mx\r\nContent-Length: %d\r\n\r\n" % len(payload) + b"HELO x\r\n" + payload,
        b"PUT /x HTTP/1.0\r\n\r\n" + payload,
        b"CONNECT evil:25 HTTP/1.1\r\n\r\n" + payload,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\x03\x00\x00\x2f\x2a\xe0\x00\x00\x00\x00\x00Cookie: mstshash=admin\r\n\x01\x00\x08\x00\x03\x00\x00\x00",
        client_hello(b"mx.example.test"),
    ]
    for data in talk:
        client = site.connect()
        client.greet()
        client.send(data)
        client.shut()
        lines = client.read_to_end()
        check(len(lines) <= 1, f"{data[:30]}: {lines}")
        check(not lines or re.match(r"(502 5\.7\.0|500 5\.5\.2|521 5\.5\.|554 5\.5\.1)", lines[0]), f"{data[:30]}: {lines}")
        if data[:3] in (b"GET", b"POS", b"PUT", b"CON"):
            check(lines and lines[0].startswith("502 5.7.0"), f"{data[:30]}: {lines}")
    check(not site.hop.commands("MAIL"), "a body was parsed as SMTP")


# -- P18 -----------------------------------------------------------------------------------------------


def client_hello(server_name, version=b"\x03\x03", padding=0):
    """A ClientHello made by hand, so that it can be wrong where libraries would not let it be."""
    name = struct.pack("!HBH", len(server_name) + 3, 0, len(server_name)) + server_name
    extensions = struct.pack("!HH", 0, len(name)) + name
    if padding:
        extensions += struct.pack("!HH", 21, padding) + b"\0" * padding
    body = version + b"\x11" * 32 + b"\0" + struct.pack("!H", 4) + b"\xc0\x2f\xc0\x30" + b"\x01\0"
    body += struct.pack("!H", len(extensions)) + extensions
    handshake = b"\x01" + struct.pack("!I", len(body))[1:] + body
    records = b""
    for start in range(0, len(handshake), 16000):
        piece = handshake[start:start + 16000]
        records += b"\x16\x03\x01" + struct.pack("!H", len(piece)) + piece
    return records


def test_P18_odd_handshakes(case):
    """A clean alert or the end; the next client is unaffected."""
    site = case.site(implicit_tls())
    hellos = {
        "SSLv3": client_hello(b"x", b"\x03\x00"),
        "TLS 1.0": client_hello(b"x", b"\x03\x01"),
        "64 KiB": client_hello(b"x", padding=64000),
        "name of 255": client_hello(b"a" * 255),
        "name with NUL": client_hello(b"mx.example.test\0.evil"),
        "empty name": client_hello(b""),
        "SSLv2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"\x07\x00\xc0" * 7 + b"x" * 16,
        "plain text": b"EHLO client.example.net\r\n" * 10,
        "record of 2^14 zeros": b"\x16\x03\x01\x40\x00" + b"\0" * 16384,
        "nothing but an alert": b"\x15\x03\x01\x00\x02\x02\x28",
    }
    before = site.gateway.cpu_seconds()
    for name, hello in hellos.items():
        client = site.connect()
        client.send(hello)
        client.shut()
        lines = client.read_to_end()
        check(not any("250" in line for line in lines), f"{name}: {lines}")
    check(site.gateway.cpu_seconds() - before < 3, "CPU")
    site.deliver(client=implicit_client(site))
    site.control = site.count_sessions = False


def implicit_client(site, context=None):
    client = site.connect()
    client.handshake(context)
    return client.hello()


def test_P18_old_versions_and_wrong_alpn(case):
    site = case.site(implicit_tls())
    context = trusting_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    client = site.connect()
    try:
        client.handshake(context)
        raise Failure(f"handshake with {client.socket.version()}")
    except (ssl.SSLError, ConnectionError):
        pass
    context = trusting_context()
    context.set_alpn_protocols(["http/1.1"])
    try:
        site.deliver(message("alpn\r\n"), client=implicit_client(site, context))
    except ssl.SSLError:
        site.expected.clear()  # no_application_protocol is as good an answer
    site.deliver(message("after\r\n"), client=implicit_client(site))
    site.control = site.count_sessions = False


def s_client(site, *options, stdin):
    return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", *options], input=stdin,
                          capture_output=True, timeout=30)


def test_P18_renegotiation_and_key_updates(case):
    need_program("openssl")
    site = case.site(implicit_tls())
    before = site.gateway.cpu_seconds()
    s_client(site, "-tls1_2", stdin=b"R\nEHLO x\r\nQUIT\r\n")
    s_client(site, "-tls1_3", "-crlf", stdin=b"k\n" * 10_000 + b"QUIT\n")
    check(site.gateway.cpu_seconds() - before < 10, "CPU for key updates")
    site.deliver(client=implicit_client(site))
    site.control = site.count_sessions = False


# -- capabilities of the next hop ------------------------------------------------------------------------


def test_P25_poor_next_hop(case):
    """Nothing but RFC 821: no parameter is forwarded that it did not offer (the next hop checks each)."""
    site = case.site(capabilities=[])
    content = "Subject: ümläut\r\n\r\nünïcode\r\n".encode()
    with site.client() as client:
        client.mail("a@example.net", f"SIZE={len(content)} BODY=8BITMIME")
        client.rcpt("anna@example.test")
        client.data(content)
        client.envelope()
        client.bdat(content, True)
        check("SMTPUTF8" not in client.offers and "DSN" not in client.offers, f"{client.offers}")
        client.mail("a@example.net", "SMTPUTF8", "555 5.5.4", "501 5.5.4", "504 5.5.4")
        client.mail("a@example.net", "RET=HDRS", "555 5.5.4", "501 5.5.4")
    site.expect_delivered(content, content)


def test_P25_rich_next_hop(case):
    hop = case.next_hop(capabilities=["SIZE 100000", "8BITMIME", "SMTPUTF8", "DSN", "PIPELINING"], known=None)
    site = case.site(hop=hop)
    site.deliver(message("learn\r\n"))
    with site.client() as client:
        client.mail("jörg@example.net", "SMTPUTF8 BODY=8BITMIME SIZE=500 RET=HDRS ENVID=abc+2B1")
        client.rcpt("ännä@example.test", parameters="NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@example.test")
        client.data(message("utf8\r\n"))
    site.expect_delivered(message("utf8\r\n"))
    stored = hop.await_messages(2)[1]
    check(stored.to == ["ännä@example.test"] and stored.sender == "jörg@example.net", f"{stored.to} {stored.sender}")
    check({"SMTPUTF8", "RET=HDRS", "ENVID=abc+2B1"} <= set(stored.sender_parameters), f"{stored.sender_parameters}")
    check("NOTIFY=SUCCESS,FAILURE" in stored.recipients[0][1], f"{stored.recipients}")


def test_P25_smtputf8_refused_by_route(case):
    """Offered because one route has it; 550 5.6.7 at RCPT for the others."""
    able = case.next_hop(capabilities=["8BITMIME", "SMTPUTF8"])
    site = case.site({"routes": {"able": {"hosts": [able.host], "tls": "never"}}, "domains": {"example.com": {"route": "able"}}})
    with site.client() as client:
        client.envelope("anna@example.com")
        client.data(message("learn\r\n"))
    site.deliver(message("learn too\r\n"))
    with site.client() as client:
        check("SMTPUTF8" in client.offers, f"{client.offers}")
        client.mail("jörg@example.net", "SMTPUTF8")
        client.rcpt("anna@example.test", "550 5.6.7")
        client.rcpt("anna@example.com")
        client.data(message("utf8\r\n"))


def test_P25_eight_bit_refused_by_route(case):
    site = case.site({"routes": {"groupware": {"eight_bit": "refuse"}}})
    with site.client() as client:
        client.mail("a@example.net", "BODY=8BITMIME")
        client.rcpt("anna@example.test", "554 5.6.3", "550 5.6.3")


# -- numbers -------------------------------------------------------------------------------------------


class Everybody:
    """A next hop that knows user<number>, and nobody else: no catch-all."""

    def __contains__(self, local):
        return re.fullmatch(r"user\d+|anna", local) is not None


def test_P26_many_recipients(case):
    site = case.site({"limits": {"recipients": 1000}}, known=Everybody())
    client = site.client()
    client.mail()
    threading.Thread(target=client.send, args=("".join(f"RCPT TO:<user{n}@example.test>\r\n" for n in range(1010)),)).start()
    for number in range(1010):
        client.expect("250" if number < 1000 else "452 4.5.3")
    client.data(message("many\r\n"))
    site.expect_delivered(message("many\r\n"))
    stored, = site.hop.await_messages(1)
    check(len(stored.to) == 1000, f"{len(stored.to)} recipients")
test_P26_many_recipients.limit = 120


def test_P26_unknown_recipients(case):
    site = case.site()
    client = site.client()
    client.mail()
    for number in range(19):
        client.rcpt(f"nobody{number}@example.test", "550 5.1.1")
    lines = []
    client.send("".join(f"RCPT TO:<none{number}@example.test>\r\n" for number in range(30)))
    lines = client.read_to_end()
    check(lines[-1].startswith("421 4.7.0"), f"{lines}")
    check(len(lines) <= 3, f"{len(lines)} replies after 19 errors")


def test_P27_junk_commands(case):
    site = case.site()
    for command in (b"NOOP\r\n", b"RSET\r\n", b"HELP\r\n", b"VRFY x\r\n", b"EHLO x\r\n"):
        client = site.client()
        answered = 0
        for _ in range(1000):
            client.send(command)
            reply = client.read_reply()
            if reply.code == 421:
                break
            answered += 1
        check(reply.matches("421 4.7.0"), f"{command}: {reply}")
        check(90 <= answered <= 110, f"{command}: {answered} answered")
        client.expect_closed()
    client = site.client()
    client.send(b"GARBAGE\r\n" * 1000)
    lines = client.read_to_end()
    check(lines[-1].startswith("421 4.7.0") and len(lines) <= 25, f"{len(lines)}: {lines[-1]}")
    site.gateway.await_events("session", 6)


def test_P27_good_mail_resets_the_junk_count(case):
    site = case.site()
    client = site.client()
    for number in range(3):
        for _ in range(60):
            client.command("NOOP", "250")
        site.deliver(message(f"{number}\r\n"), client=None)
        client.envelope()
        content = message(f"between {number}\r\n")
        client.data(content)
        site.expect_delivered(content)


def test_P28_vrfy_and_expn_tell_nothing(case):
    site = case.site({"limits": {"junk_commands": 1000, "errors": 1000}})
    client = site.client()
    times = {"anna": [], "nobody": []}
    replies = {}
    for _ in range(40):
        for user in times:
            began = time.perf_counter()
            reply = client.command(f"VRFY {user}@example.test", "252 2.")
            times[user].append(time.perf_counter() - began)
            replies.setdefault(("VRFY", user), reply.last)
            replies.setdefault(("EXPN", user), client.command(f"EXPN {user}", "502 5.5.1").last)
    check(replies["VRFY", "anna"] == replies["VRFY", "nobody"], f"{replies}")
    known, unknown = (sorted(times[user])[len(times[user]) // 2] for user in times)
    check(abs(known - unknown) < 0.005, f"{known} {unknown}")
    check(not site.hop.commands("RCPT"), "the next hop was asked")


# -- AUTH ----------------------------------------------------------------------------------------------


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
        reply = client.command(f"AUTH PLAIN {base64.b64encode(chr(0).join(['', 'boss', 'wr0ng-Secret']).encode()).decode()}", "535 5.7.8", "421")
        codes.append(reply.code)
        if reply.code == 421:
            break
    check(codes[-1] == 421 and len(codes) <= 3, f"{codes}")
    client = auth_client(site)
    client.auth_plain("boss", "right horse")
    client.close()
    site.gateway.await_events("session", 2)
    log = repr(site.gateway.events) + repr(site.gateway.other_output) + site.gateway.error_text()
    for secret in ("wr0ng-Secret", "right horse", base64.b64encode(b"\0boss\0right horse").decode()):
        check(secret not in log, f"a password in the log: {secret}")


def test_P29_removed_account_fails_at_once(case):
    site = auth_site(case)
    auth_client(site).auth_plain("boss", "right horse")
    with open(site.config["users"], "w") as file:
        file.write("other:!\n")
    auth_client(site).auth_plain("boss", "right horse", "535 5.7.8")


# -- front ends ----------------------------------------------------------------------------------------

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def proxy_v2(source="203.0.113.9", command=1, tlv=b"", family=0x11):
    addresses = socket.inet_aton(source) + socket.inet_aton("192.0.2.1") + struct.pack("!HH", 40000, 25) if family else b""
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack("!H", len(addresses) + len(tlv)) + addresses + tlv


def test_P30_front_end_commands_from_strangers(case):
    site = case.site()
    for line in (b"XCLIENT ADDR=127.0.0.1 NAME=trusted\r\n", b"XFORWARD ADDR=10.0.0.1\r\n"):
        client = site.client()
        client.send(line)
        client.expect("550 5.", "500 5.5.", "502 5.5.")
        client.close()
    for data in (b"PROXY TCP4 10.0.0.1 192.0.2.1 4000 25\r\n", proxy_v2()):
        client = site.connect()
        client.greet()
        client.send(data + b"MAIL FROM:<evil@example.net>\r\n")
        client.shut()
        lines = client.read_to_end()
        check(lines and all(line[0] in "45" for line in lines), f"{lines}")
    for event in site.gateway.await_events("session", 4):
        check(event["client"].startswith("127.0.0.1"), f"{event}")


def test_P30_proxy_protocol(case):
    """From listed addresses only, and there required; the client's address is the front end's word."""
    config = another_listener("front", tls="none", proxy_protocol=["127.0.0.1"])
    config["timeouts"] = {"proxy_header": "1s"}
    config["trusted_networks"] = ["127.0.0.1"]
    site = case.site(config)
    headers = {
        "v1": b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 25\r\n",
        "v2": proxy_v2(),
        "v2 with TLVs": proxy_v2(tlv=b"\x04" + struct.pack("!H", 200) + b"x" * 200),
    }
    for name, header in headers.items():
        since = site.gateway.mark()
        client = site.connect("front")
        client.send(header)
        client.hello()
        client.mail()
        client.rcpt("user@remote.host", "550 5.7.1")  # the front end is trusted, the client behind it is not
        site.deliver(message(name + "\r\n"), client=reset_client(client))
        event = site.gateway.await_event("session", since=since)
        check(event["client"].startswith("203.0.113.9"), f"{name}: {event}")
    stored = site.hop.await_messages(3)[0]
    check("[203.0.113.9]" in stored.trace, stored.trace)
    for header in (b"PROXY UNKNOWN\r\n", proxy_v2(command=0), proxy_v2(family=0)):
        client = site.connect("front")
        client.send(header)
        client.hello()
        client.close()


def reset_client(client):
    client.command("RSET", "250")
    return client


def test_P30_broken_proxy_headers(case):
    config = another_listener("front", tls="none", proxy_protocol=["127.0.0.1"])
    config["timeouts"] = {"proxy_header": "1s"}
    site = case.site(config)
    broken = [
        b"EHLO client.example.net\r\n",
        b"PROXY TCP4 1.2.3.4\r\n",
        b"PROXY TCP4 999.0.0.1 192.0.2.1 1 25\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 99999 25\r\n",
        b"PROXY " + b"x" * 300 + b"\r\n",
        SIGNATURE + b"\x21\x11\xff\xff" + b"x" * 70000,
        SIGNATURE + b"\x21\x11\x00\x03abc",
        SIGNATURE + b"\x31\x11\x00\x0c" + b"x" * 12,
        SIGNATURE[:-1] + b"x",
    ]
    for header in broken:
        client = site.connect("front")
        try:
            client.send(header)
        except OSError:
            pass
        lines = client.read_to_end()
        check(not any(line.startswith("2") for line in lines), f"{header[:40]}: {lines}")
    slow = site.connect("front")
    slow.send(b"PROXY TCP4 ")
    began = time.monotonic()
    slow.read_to_end()
    check(time.monotonic() - began < 3, "a slow PROXY header")
    site.count_sessions = False


# -- state and parameters --------------------------------------------------------------------------------


def test_P31_state_machine(case):
    site = case.site()
    client = site.connect()
    client.greet()
    client.command("MAIL FROM:<a@example.net>", "503 5.5.1")
    client.command("HELO", "501 5.5.4", "501 5.5.2")
    client.command("EHLO", "501 5.5.4", "501 5.5.2")
    client.ehlo()
    client.command("RCPT TO:<anna@example.test>", "503 5.5.1")
    client.command("DATA", "503 5.5.1")
    client.mail()
    client.command("MAIL FROM:<b@example.net>", "503 5.5.1")
    client.command("DATA", "503 5.5.1", "554 5.5.1")
    client.command("RSET", "250")
    client.command("RCPT TO:<anna@example.test>", "503 5.5.1")
    client.mail()
    client.rcpt("anna@example.test")
    client.ehlo()
    client.command("DATA", "503 5.5.1")
    client.command("QUIT now", "501 5.5.4", "221")


def test_P31_helo_text_is_escaped(case):
    site = case.site()
    names = [b"[999.1.1.1]", b"h\xc3\xa4l.example.net", b"a" * 1900, b"x%0d%0aMAIL", b"x\x1b[31mred", b"a;b)(c", b"<script>", b"x\tb"]
    for name in names:
        client = site.connect()
        client.greet()
        client.send(b"EHLO " + name + b"\r\n")
        reply = client.read_reply()
        check(reply.code == 250 or reply.matches("501 5.5.") or reply.matches("500 5.5.2"), f"{name}: {reply}")
        if reply.code == 250:
            site.deliver(message(repr(name[:40]) + "\r\n"), client=client)
    for stored in site.hop.messages:
        check(not re.search(r"[^\x20-\x7e\r\n\t]", stored.trace), f"not printable: {stored.trace!r}")
        check(max(len(line) for line in stored.trace.split("\r\n")) <= 998, "a line over 998 octets")
    check(not site.gateway.other_output, f"{site.gateway.other_output}")


def test_P32_parameters(case):
    site = case.site(capabilities=["SIZE 100000", "8BITMIME", "DSN", "PIPELINING"])
    site.deliver()
    with site.client() as client:
        check("DSN" in client.offers, f"{client.offers}")
        for bad in ("FOO=BAR", "SIZE=1 SIZE=2", "BODY=OTHER", "BODY=7BIT BODY=8BITMIME", "ENVID=" + "x" * 1500, "RET=SOME", "ENVID=+0D+0A", "AUTH"):
            client.mail("a@example.net", bad, "555 5.5.4", "501 5.5.4")
        client.mail()
        for bad in ("FOO", "ORCPT=rfc822;+0D+0ARCPT", "ORCPT=rfc822;a+0", "ORCPT=" + "x" * 600, "NOTIFY=NEVER,SUCCESS", "NOTIFY=", "NOTIFY=X",
                    "ORCPT=rfc822;a ORCPT=rfc822;b"):
            client.rcpt("anna@example.test", "555 5.5.4", "501 5.5.4", parameters=bad)
    check(not [line for line in site.hop.commands() if "+0D" in line or "ORCPT" in line], "reached the next hop")


# -- P33 -----------------------------------------------------------------------------------------------


def whole_session(number, kind):
    content = f"Subject: {kind} {number}\r\n\r\nx\r\n"
    script = [b"EHLO c.example.net\r\n", b"MAIL FROM:<a@example.net>\r\n", b"RCPT TO:<anna@example.test>\r\n", b"DATA\r\n",
              stuffed(content), b"QUIT\r\n"]
    return content.encode(), script


def cut_at(site, position, kind):
    """Plays a whole session up to an octet, in step, and ends it there; returns its content."""
    content, script = whole_session(position, kind)
    client = site.connect()
    client.greet()
    left = position
    for part in script:
        client.send(part[:left])
        if left < len(part):
            break
        left -= len(part)
        client.expect("2", "354")
    client.shut() if kind == "fin" else client.reset()
    if kind == "fin":
        client.read_to_end()
    client.close()
    return content


def test_P33_cut_off_at_every_byte(case):
    """In step: every message whose dot was answered is there, and no other."""
    site = case.site({"limits": {"sessions_per_address": 1000}})
    content, script = whole_session(1000, "fin")
    total = sum(map(len, script))
    answered = total - len(script[-1])
    for kind in ("fin", "rst"):
        for position in range(total):
            content, script = whole_session(position, kind)
            length = sum(map(len, script)) - len(script[-1])
            cut_at(site, position, kind)
            if position >= length:
                site.expect_delivered(content)
    check(answered, "a session")
    poll(lambda: site.gateway.of_type("session"), 10, "session events")
    site.count_sessions = False
test_P33_cut_off_at_every_byte.limit = 120


def test_P33_quit_behind_the_dot_is_present(case):
    """All in one go, QUIT and FIN behind the dot: the reply goes out and the message is delivered."""
    held = threading.Event()
    site = case.site()
    client = site.client().envelope()
    client.command("DATA", "354")
    from harness.next_hop import hold
    site.hop.on("DATA", hold(held), times=1)
    client.send(stuffed(message()) + b"QUIT\r\n")
    client.shut()
    site.hop.await_command("DATA")
    held.set()
    client.expect("250")
    client.expect("221")
    client.expect_closed()
    site.expect_delivered(message())


def test_P33_gone_before_our_dot(case):
    """FIN without QUIT, or RST, behind the dot but before ours: nothing is delivered."""
    from harness.next_hop import hold
    from test_protocol_framing import gone_from
    site = case.site()
    for kind in ("fin", "rst"):
        held = threading.Event()
        site.hop.on("DATA", hold(held), times=1)
        client = site.client().envelope()
        client.command("DATA", "354")
        before = len(site.hop.commands("DATA"))
        client.send(stuffed(message(kind + "\r\n")))
        site.hop.await_command("DATA", before + 1)
        client.shut() if kind == "fin" else client.reset()
        poll(lambda: gone_from(site, client), 5, "the end seen")
        held.set()
        site.gateway.await_event("message", lambda event: event["fate"] == "client gone")
    site.gateway.await_events("message", 2)
    check(not site.hop.messages, "delivered to nobody's knowledge")
