"""Every refusal of ours is on the record: its id leads to the words, the reason's name, and what to do.

Each reply of `sallyport config replies` is provoked here, or stands in ELSEWHERE with where that is done."""

import base64
import os
import re

from harness.client import message
from harness.dns_server import DnsServer
from harness.next_hop_script import close
from harness.outcome import check, poll
from harness.setups import another_listener, users_file, with_tls
from harness.strangers import GOOD, merge, stranger, strangers_site

MAIL, RCPT = "MAIL FROM:<anna@good.test>", "RCPT TO:<anna@example.test>"
CONTENT = [MAIL, RCPT, "DATA"]
RIGHT, WRONG, OTHER = (
    base64.b64encode(token).decode() for token in (b"\0boss\0right horse", b"\0boss\0wr0ng", b"eve\0boss\0right horse")
)

# What is sent, each answered by one reply, behind EHLO: a line, or octets as they are. The last is refused.
WITHOUT_EHLO = {
    "helo-first": [MAIL],
    "illegal-pipelining": [b"EHLO x\r\nNOOP\r\n"],
    "other-protocol": [b"GET / HTTP/1.0\r\n"],
    "this-is-smtp": ["LHLO x"],
    "bad-helo": ["EHLO [1.2]"],
}
COMMANDS = {
    "command-too-long": ["NOOP " + 3000 * "x"],
    "broken-line": [b"NOOP\n"],
    "too-many-broken-lines": [b"NOOP\n", b"NOOP\n", b"NOOP\n", b""],
    "unknown-command": ["XYZZY"],
    "not-implemented": ["ETRN x"],
    "no-expn": ["EXPN staff"],
    "not-a-front-end": ["XCLIENT NAME=x"],
    "mail-first": [RCPT],
    "sender-given": [MAIL, MAIL],
    "rcpt-first": [MAIL, "DATA"],
    "message-begun": [MAIL, RCPT, b"BDAT 3\r\nabc", RCPT],
    "starttls-unavailable": ["STARTTLS"],
    "authentication-not-offered": ["AUTH PLAIN " + RIGHT],
    "bdat-syntax": ["BDAT x"],
    "data-argument": ["DATA x"],
    "rset-argument": ["RSET x"],
    "quit-argument": ["QUIT x"],
    "starttls-argument": ["STARTTLS x"],
    "vrfy-argument": ["VRFY"],
    "parameter-malformed": [MAIL + " SIZE=x"],
    "parameter-unknown": [MAIL, RCPT + " FOO=1"],
    "too-much-junk": ["NOOP"] * 20,
    "too-many-recipient-commands": [MAIL] + ["RCPT TO:<u@@x>"] * 201,
}
ADDRESSES = {
    "relay": [MAIL, "RCPT TO:<u@foreign.test>"],
    "percent-hack": [MAIL, "RCPT TO:<u%far.test@example.test>"],
    "barred-sender": ["MAIL FROM:<eve@barred.test>", RCPT],
    "barred-recipient": [MAIL, "RCPT TO:<bert@example.test>"],
    "blocked-sender": ["MAIL FROM:<eve@blocked.test>", RCPT],
    "no-domain": [MAIL, "RCPT TO:<bob>"],
    "mail-syntax": ["MAIL anna@good.test"],
    "rcpt-syntax": [MAIL, "RCPT anna@example.test"],
    "bad-sender": ["MAIL FROM:<a@good..test>"],
    "bad-recipient": [MAIL, "RCPT TO:<u@@x>"],
    "domain-not-normal": ["MAIL FROM:<a@ÜX.test> SMTPUTF8"],
    "sender-not-ascii": ["MAIL FROM:<ü@good.test>"],
    "recipient-not-ascii": [MAIL, "RCPT TO:<ü@example.test>"],
    "next hop": [MAIL, "RCPT TO:<nosuch@example.test>"],
    "recipient-unknown": [MAIL, "RCPT TO:<nosuch@listed.test>"],
    "too-many-recipients": [MAIL] + [RCPT] * 101,
    "other-route": [MAIL, RCPT, "RCPT TO:<anna@small.test>"],
    "too-large-for-route": [MAIL + " SIZE=100000", "RCPT TO:<anna@small.test>"],
    "too-large-for-recipient": [MAIL + " SIZE=100000", "RCPT TO:<carl@example.test>"],
    "message-too-large": [MAIL + " SIZE=99999999999"],
    "size-over-limit": [MAIL + " SIZE=" + 25 * "9"],
    "eight-bit": [MAIL + " BODY=8BITMIME", "RCPT TO:<anna@seven.test>"],
    "unreachable": [MAIL, "RCPT TO:<anna@down.test>"],
    "insecure": [MAIL, "RCPT TO:<anna@secure.test>"],
    "destination-refuses": [MAIL, "RCPT TO:<anna@refusing.test>"],
    "connection-lost": [MAIL, "RCPT TO:<anna@closing.test>"],
}
MESSAGES = {
    "no-valid-recipients": [MAIL, "RCPT TO:<u@foreign.test>", "DATA"],
    "bare-cr": [*CONTENT, b"Subject: x\r\n\r\na\rb\r\n.\r\n"],
    "bare-lf": [*CONTENT, b"Subject: x\r\n\r\na\nb\r\n.\r\n"],
    "nul": [*CONTENT, b"Subject: x\r\n\r\na\0b\r\n.\r\n"],
    "line-too-long": [*CONTENT, b"Subject: x\r\n\r\n" + 2000 * b"x" + b"\r\n.\r\n"],
    "malformed-header": [*CONTENT, b"Subject: x\r\nno field here\r\n\r\na\r\n.\r\n"],
    "header-too-large": [*CONTENT, 300 * (b"X-A: " + 60 * b"x" + b"\r\n") + b"\r\na\r\n.\r\n"],
    "message-too-large": [*CONTENT, b"Subject: x\r\n\r\n" + 15000 * (70 * b"x" + b"\r\n") + b".\r\n"],
    "too-large-for-recipient": [
        MAIL,
        "RCPT TO:<carl@example.test>",
        "DATA",
        b"Subject: x\r\n\r\n" + 1500 * (70 * b"x" + b"\r\n") + b".\r\n",
    ],
    "loop": [*CONTENT, 60 * b"Received: from x by y; date\r\n" + b"\r\na\r\n.\r\n"],
    "too-many-chunks": [MAIL, RCPT, 2100 * b"BDAT 2\r\n\r\n"],
}
LOGINS = {  # under TLS
    "tls-active": ["STARTTLS"],
    "authenticated-already": ["AUTH PLAIN " + RIGHT, "AUTH PLAIN " + RIGHT],
    "mechanism-not-offered": ["AUTH CRAM-MD5"],
    "wrong-password": ["AUTH PLAIN " + WRONG],
    "authorization-refused": ["AUTH PLAIN " + OTHER],
    "authentication-cancelled": ["AUTH PLAIN", "*"],
    "auth-response-malformed": ["AUTH PLAIN !!!"],
    "auth-line-too-long": ["AUTH PLAIN", 13000 * "x"],
    "auth-syntax": ["AUTH"],
    "too-many-failed-logins": ["AUTH PLAIN " + WRONG] * 3,
    "authentication-required": [MAIL],
}
IN_CLEAR = {"authentication-in-clear": ["AUTH PLAIN " + RIGHT]}
# By functions of their own.
HERE = """too-many-sessions too-many-new-sessions connection-rate talked-early harvest over-rate timeout going-down
too-many-errors ehlo-first inside-transaction starttls-required authentication-unavailable""".split()
JUDGED = "what is found about the client: test_strangers.py, test_explain.py"
TURNED = "a next hop that changes its mind: relay_*_test.cpp"
ELSEWHERE = {
    "turned-away": "test_rates.py",
    "internal-error": "tests/limits/run E15",
    "this-is-lmtp": "the sink alone",
    "smtputf8": "test_protocol_offers.py",
    "destination-not-utf8-capable": TURNED,
    "bad-address": "no path of ours comes to it",
    "client": JUDGED,
    "client-later": JUDGED,
    "reverse-name": JUDGED,
    "sender-domain": JUDGED,
    "sender-null-mx": JUDGED,
    "spf-fail": JUDGED,
    "spf-broken": JUDGED,
    "dns-trouble": JUDGED,
    "greylisted": "test_greylist.py",
    "no-space": "test_disk.py",
    "cannot-store": "test_disk.py",
    "cannot-read-back": "test_disk.py",
    "way-loop": "test_next_hop_way.py",
    "busy": "test_next_hop_pool.py",
    "utf8-withdrawn": TURNED,
    "recipient-refused-late": TURNED,
    "delivered-in-part": TURNED,
    "on-its-own": TURNED,
}


def refusal_of(client, steps):
    for step in steps[:-1]:
        say(client, step)
        client.read_reply()
    say(client, steps[-1])
    while (reply := client.read_reply()).code < 400:
        pass
    client.close()
    return reply


def say(client, step):
    client.send(step if isinstance(step, bytes) else (step + "\r\n").encode())


def explained(site, reply, name, *more):
    """The story of the id in a reply; `more` is what it has to say beside the reason."""
    check(reply.id, f"{name}: {reply}")
    words = reply.last[4:].rpartition("; id ")[0]
    reason = "that is the internal server's word" if name == "next hop" else f"reason: {name}. "
    wanted = [words, reason, *more]

    def told():
        return site.gateway.run("explain", reply.id, "-c", site.gateway.conf).stdout

    def done():
        text = told()
        return text if all(one in text for one in wanted) else None

    return poll(done, 10, lambda: f"{wanted} in:\n{told()}")


def all_found(site, replies):
    """By `sallyport log --verdict`, but for clients that fell silent."""
    for verdict, digit in (("reject", 5), ("defer", 4)):
        lines = site.gateway.run("log", "--verdict", verdict, "--limit", "0", "-c", site.gateway.conf).stdout
        missing = [one for one in replies if one.code // 100 == digit and f"  {one.id} " not in lines]
        check(not missing, f"log --verdict {verdict} lacks {missing}:\n{lines}")


def provoke(site, table, connect):
    replies = {name: refusal_of(connect(), steps) for name, steps in table.items()}
    for name, reply in replies.items():
        explained(site, reply, name)
    all_found(site, replies.values())


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return path


def whole_site(case):
    """A domain for each way that a next hop can fail in."""
    refusing, closing = case.next_hop(), case.next_hop()
    refusing.on("MAIL", "450 4.3.2 not today")
    closing.on("RCPT", close)
    hop = case.next_hop(capabilities=["PIPELINING", "8BITMIME", "SIZE 100000000", "ENHANCEDSTATUSCODES", "SMTPUTF8"])
    ways = {
        "small": {"message_size": "64KB"},
        "seven": {"eight_bit": "refuse"},
        "listed": {"recipients": {"list": write(case.path("listed"), "anna@listed.test\n")}},
        "secure": {"tls": "required"},
        "down": {"hosts": ["127.0.0.1:1"]},
        "refusing": {"hosts": [refusing.host]},
        "closing": {"hosts": [closing.host]},
    }
    config = {
        "routes": {name: {"hosts": [hop.host], "tls": "never", **way} for name, way in ways.items()},
        "domains": {f"{name}.test": {"route": name} for name in ways},
        "limits": {
            "errors": 1000,
            "junk_commands": 20,
            "recipients": 100,
            "line_length": "1KB",
            "header_size": "16KB",
            "message_size": {"rules": [{"to": "carl@example.test", "use": "64KB"}, {"use": "1MB"}]},
        },
        "barring": {
            "senders": write(case.path("senders"), "*@barred.test\n"),
            "recipients": write(case.path("recipients"), "bert@example.test\n"),
        },
        "lists": {"block": write(case.path("block"), "blocked.test\n")},
    }
    return case.site(config, hop=hop)


def test_refusals_of_commands(case):
    site = whole_site(case)
    provoke(site, WITHOUT_EHLO, lambda: greeted(site))
    provoke(site, COMMANDS, site.client)


def greeted(site, listener="mx"):
    client = site.connect(listener)
    client.greet()
    return client


def test_refusals_of_addresses(case):
    provoke(site := whole_site(case), ADDRESSES, site.client)


def test_refusals_of_messages(case):
    provoke(site := whole_site(case), MESSAGES, site.client)


def test_refusals_of_logins(case):
    config = merge(with_tls(auth="required"), another_listener("open", tls="starttls"))
    config = merge(config, another_listener("strict", tls="starttls", tls_required=True))
    config["users"] = users_file(case, boss="right horse")
    site = case.site(config)
    site.control = False

    def under_tls(ehlo=True):
        client = site.client()
        client.starttls()
        if ehlo:
            client.ehlo()
        return client

    provoke(site, IN_CLEAR, site.client)
    provoke(site, LOGINS, under_tls)
    replies = {
        "ehlo-first": refusal_of(under_tls(False), ["HELO x", "AUTH PLAIN " + RIGHT]),
        "inside-transaction": refusal_of(site.connect("open").hello(), [MAIL, "STARTTLS"]),
        "starttls-required": refusal_of(site.connect("strict").hello(), [MAIL]),
    }
    os.remove(site.config["users"])
    replies["authentication-unavailable"] = refusal_of(under_tls(), ["AUTH PLAIN " + RIGHT])
    for name, reply in replies.items():
        explained(site, reply, name)
    all_found(site, replies.values())
    told = str(site.gateway.events)
    check(not any(secret in told for secret in (RIGHT, WRONG, OTHER, "horse", "wr0ng")), "a password is in the events")


def came_from(site, address, octets=b""):
    client = site.connect("front")
    client.send(f"PROXY TCP4 {address} 192.0.2.25 40000 25\r\n".encode() + octets)
    return client


def limited(address, limit, otherwise):
    return {"rules": [{"ip": address, "use": limit}, {"use": otherwise}]}


def test_refusals_of_strangers(case):
    """Turned away at the door, or in the middle of guessing."""
    limits = {
        "sessions_per_address": 2,
        "connects_per_network": limited("198.51.100.0/24", 1, 0),
        "rate": {"connections": limited("203.0.113.77", "1/1d", "off"), "recipients": "1/1d"},
        "harvest": 2,
        "errors": 3,
        "penalty": {"mode": "off"},
    }
    checks = {"early_talker": {"mode": "enforce", "wait": "10s"}, "sender_domain": {"mode": "off"}}
    server = case.peer(DnsServer({"good.test": {"MX": ["10 mx.good.test"]}}))
    config = {"checks": checks, "limits": limits, "thresholds": {"reject": 100}}
    site = strangers_site(case, [server.port], config)
    early = refusal_of(came_from(site, GOOD, b"EHLO x\r\n"), [b""])
    words = ("it talked before it was greeted", "it was turned away for talking early")
    text = explained(site, early, "talked-early", *words)
    check("mail is refused from" not in text, text)
    replies = {"talked-early": early}

    site.gateway.reload({**site.config, "checks": {**site.config["checks"], "early_talker": {"mode": "off"}}})
    held = [stranger(site, "203.0.113.40") for _ in range(2)]
    replies["too-many-sessions"] = refusal_of(came_from(site, "203.0.113.40"), [b""])
    for name, address in (("too-many-new-sessions", "198.51.100.1"), ("connection-rate", "203.0.113.77")):
        stranger(site, address).close()
        replies[name] = refusal_of(came_from(site, address), [b""])
    replies["harvest"] = refusal_of(
        stranger(site, "203.0.113.2"), [MAIL, *(f"RCPT TO:<guess{number}@example.test>" for number in range(3))]
    )
    replies["over-rate"] = refusal_of(stranger(site, "203.0.113.3"), [MAIL, RCPT, RCPT])
    replies["too-many-errors"] = refusal_of(stranger(site, "203.0.113.4"), ["XYZZY", "XYZZY", "XYZZY", b""])
    for client in held:
        client.close()
    for name, reply in replies.items():
        explained(site, reply, name)
    all_found(site, replies.values())
    ends = [event["end"] for event in site.gateway.of_type("session") if event["client"] == "203.0.113.77"]
    check("connection rate" in ends, f"{ends}")


def test_refusals_of_the_silent(case):
    """A client that said nothing, and was told so: it has an id, so it has an event."""
    site = case.site({"timeouts": {"command": "2s"}})
    client = site.connect()
    client.greet()
    reply = client.read_reply()
    explained(site, reply, "timeout")
    client = site.client()
    client.mail()
    reply = client.read_reply()
    check(reply.id.endswith(".1"), f"{reply}")
    explained(site, reply, "timeout")


def test_refusals_at_the_end(case):
    site = case.site()
    idle, busy = site.client(), site.client()
    busy.mail()
    site.gateway.signal(15)
    explained(site, reply := idle.read_reply(), "going-down")
    all_found(site, [reply])
    busy.quit()
    site.gateway.await_exit()


def test_refusals_are_all_looked_for(case):
    """No reply is added to the table without somebody seeing to it that it is on the record."""
    site = case.site(start=False)
    names = set(re.findall(r"^\| `[^|]*` \| `([a-z0-9-]+)` \|", site.gateway.run("config", "replies").stdout, re.M))
    tables = [WITHOUT_EHLO, COMMANDS, ADDRESSES, MESSAGES, LOGINS, IN_CLEAR, HERE, ELSEWHERE]
    looked_for = {name for table in tables for name in table} - {"next hop"}
    check(names == looked_for, f"not looked for: {names - looked_for}; no reply: {looked_for - names}")


# -- what the stories say --------------------------------------------------------------------------------


def test_refusals_next_hop_has_its_words(case):
    site = whole_site(case)
    site.exact = False
    reply = refusal_of(site.client(), ADDRESSES["destination-refuses"])
    explained(site, reply, "destination-refuses", "MAIL FROM:<>: 450 4.3.2 not today", "of the next hop 127.0.0.1:")
    reply = refusal_of(site.client(), ADDRESSES["unreachable"])
    text = explained(site, reply, "unreachable", "of the next hop 127.0.0.1:1: ")
    check("internal server's word" not in text, text)
    to = site.gateway.await_event("message", lambda event: event["to"][0]["address"] == "anna@down.test")["to"][0]
    check((to["why"], to["host"]) == ("unreachable", "127.0.0.1:1") and to["next_hop_reply"], f"{to}")
    with site.client() as client:
        client.envelope("anna@example.test")
        site.hop.on("DOT", "450 4.2.0 disk is full")
        reply = client.data(message(), "450 4.2.0")
    explained(site, reply, "next hop", "said: 450 4.2.0 disk is full")


def test_refusals_of_recipients_are_the_messages(case):
    site = whole_site(case)
    client = site.client()
    client.mail()
    client.rcpt("u@@x", "501 5.1.3")
    client.rcpt("anna@example.test", "555 5.5.4", parameters="FOO=1")
    client.quit()
    event = site.gateway.await_event("message")
    to = [(one["address"], one["code"], one["why"]) for one in event["to"]]
    check(to == [("u@@x", 501, "bad-recipient"), ("anna@example.test", 555, "parameter-unknown")], f"{event}")
    check("refused" not in event, f"{event}")


def test_refusals_are_bounded_and_harmless(case):
    site = whole_site(case)
    client = site.client()
    for number in range(30):
        client.command(f"X{number}\x1b[31m", "500")
    reply = client.command("MAIL FROM:<a@b\x1b[2J..c>", "501 5.1.7")
    client.quit()
    text = explained(site, reply, "bad-sender", "refusals: 31 in all")
    check("\x1b" not in text and "X8" in text and "X9" not in text, text)
