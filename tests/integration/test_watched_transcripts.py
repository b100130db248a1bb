"""A rule that only observes changes nothing that a client hears, and nothing of what the next hop gets.

The same sessions are held without such rules, and with one over every value that takes a ruleset: as strict as
it can be, and as lax. Which values there are is read from the schema."""

import copy
import json
import re

from harness.client import message, stuffed
from harness.dns_server import DnsServer
from harness.outcome import Failure, check
from harness.strangers import BLOCKLIST, GOOD, LISTED, PLAIN, POOR, SENDER, strangers_site

RECORDS = {
    **PLAIN,
    "66.113.0.203.in-addr.arpa": {"PTR": ["mx.good.test"]},
    "mx.good.test": {"A": [GOOD, POOR, LISTED]},
    "good.test": {"MX": ["10 mx.good.test"], "TXT": [f'"v=spf1 ip4:{GOOD} ip4:{LISTED} -all"']},
    "2.0.0.127.bl.test": {"A": ["127.0.0.2"]},
    "66.113.0.203.bl.test": {"A": ["127.0.0.4"]},
}
ANNA, BERT = "RCPT TO:<anna@example.test>", "RCPT TO:<bert@example.test>"
FROM = f"MAIL FROM:<{SENDER}>"
HELLO = "EHLO mx.good.test"
INSIDE = "198.51.100.9"


def mail(content, sender=SENDER, recipients=(ANNA,)):
    return [f"MAIL FROM:<{sender}>", *recipients, "DATA", content]


def received(times):
    field = b"Received: from a.test by b.test; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    return field * times + message("many hops\r\n")


# Who comes, and what it says; bytes are the content, if DATA wants it. A reply is waited for behind each.
SESSIONS = [
    (GOOD, [HELLO, *mail(message("one\r\n"), recipients=(ANNA, BERT)), *mail(message("two\r\n")), "QUIT"]),
    (GOOD, [HELLO, *mail(message("SPF passes\r\n"), sender="joe@good.test"), "QUIT"]),
    (GOOD, [HELLO, FROM + " SIZE=300000", ANNA, "RSET", FROM + " SIZE=90000", ANNA, "DATA", message("declared\r\n")]),
    (GOOD, [HELLO, *mail(message(("x" * 98 + "\r\n") * 1500)), *mail(message(("x" * 98 + "\r\n") * 4000)), "QUIT"]),
    (GOOD, [HELLO, *mail(b"X-Long: x\r\n" * 2000 + message()), *mail(b"no field\r\n" + message()), "QUIT"]),
    (GOOD, [HELLO, *mail(b"Subject: x\r\nno field\r\n\r\n"), *mail(received(12)), *mail(received(60)), "QUIT"]),
    (GOOD, [HELLO, *mail(message("x" * 2000 + "\r\n")), FROM, *[ANNA] * 103, "RSET", "QUIT"]),
    (GOOD, [HELLO, "NOOP", "NOOP", "WHAT", "WHAT", "NOOP " + "x" * 700, FROM, "RCPT TO:<a@nowhere.test>", ANNA, "QUIT"]),
    (GOOD, [HELLO, FROM, *[f"RCPT TO:<guess{number}@example.test>" for number in range(4)], ANNA, "QUIT"]),
    (GOOD, [HELLO, "MAIL FROM:<>", ANNA, "RCPT TO:<postmaster@example.test>", "DATA", message("bounce\r\n"), "QUIT"]),
    (POOR, [HELLO, "MAIL FROM:<>", ANNA, "RCPT TO:<postmaster@example.test>", "DATA", message("b\r\n"), "QUIT"]),
    (GOOD, [HELLO, *mail(message("friend\r\n"), sender="friend@plain.test"), FROM, "RSET", "QUIT"]),
    (GOOD, [HELLO, "MAIL FROM:<foe@plain.test>", ANNA, "RSET", "MAIL FROM:<barred@plain.test>", ANNA, "QUIT"]),
    (GOOD, [HELLO, FROM, "RCPT TO:<dead@example.test>", "RCPT TO:<postmaster@example.test>", "QUIT"]),
    (GOOD, [HELLO, "MAIL FROM:<a@unheard.test>", ANNA, "RSET", "MAIL FROM:<anna@example.test>", ANNA, "QUIT"]),
    (GOOD, ["EHLO localhost", FROM, ANNA, "EHLO example.test", FROM, ANNA, "EHLO mx.unheard.test", FROM, ANNA, "QUIT"]),
    (LISTED, [HELLO, FROM, ANNA, "RCPT TO:<postmaster@example.test>", "QUIT"]),
    (LISTED, [HELLO, "MAIL FROM:<friend@plain.test>", ANNA, "RSET", "MAIL FROM:<joe@good.test>", ANNA, "QUIT"]),
    (POOR, [HELLO, FROM, ANNA, BERT, "QUIT"]),
    (POOR, [HELLO, FROM, ANNA, "RSET", "MAIL FROM:<joe@good.test>", ANNA, "QUIT"]),
    (INSIDE, [HELLO, *mail(message("out\r\n"), sender="anna@example.test", recipients=("RCPT TO:<joe@good.test>",))]),
    (POOR, [HELLO, "MAIL FROM:<joe@good.test>", ANNA, BERT, "QUIT"]),
    (LISTED, [HELLO, "MAIL FROM:<joe@good.test>", ANNA, BERT, "QUIT"]),
    (GOOD, [HELLO, *mail(message("the last\r\n")), "QUIT"]),
]

# What the schema does not tell: (strict, lax), by the whole key or the last part of it.
DURATIONS = {
    "half_life": ("7d", "1s"),
    "limits.penalty.remember": ("1m", "366d"),
    "limits.penalty.delay": ("30s", "1s"),
    "checks.early_talker.wait": ("1m", "0s"),
    "timeout": ("50ms", "10s"),
    "good_timeout": ("50ms", "10s"),
    "checks.greylist.delay": ("1d", "0s"),
    "checks.greylist.window": ("2h", "30d"),
    "checks.greylist.remember": ("1m", "366d"),
    "lists.correspondents.remember": ("1s", "1830d"),
}
RATES = {
    "limits.rate.bytes": ("100B/1d", "off"),
    **{f"limits.rate.{of}": ("1/1d", "off") for of in ("connections", "messages", "recipients", "unknown_recipients")},
}
NUMBERS = {
    "limits.penalty.slow_at": (1, 0),
    "limits.penalty.refuse_at": (1, 0),
    "limits.harvest": (1, 0),
    "limits.connects_per_network": (1, 0),
    "lists.correspondents.score": (0, -100),
    **{f"limits.penalty.{offence}": (1000, 0) for offence in ("unknown_recipient", "refusal", "early_talk", "relay_attempt")},
}
REPLIES = ("no", "perhaps")
INHERITED = {"mode": "enforce", "reply": "Address barred", "reply_id": True, "star": "one_or_more", "timeout": "2s"}
ZONE = "checks.dnsbl.zones.bl.test."


def schema_of(case):
    site = case.site(start=False)
    case.sites.remove(site)
    return json.loads(site.gateway.run("config", "schema").stdout)


def rulable(schema, path=""):
    """(key, what it may be, default) of every value that takes a ruleset; of the zones those of bl.test."""
    for name, value in schema.get("properties", {}).items():
        key = f"{path}{name}"
        if key == "checks.dnsbl.zones":
            yield from rulable(value["additionalProperties"], ZONE)
        elif {"$ref": "#/definitions/ruleset"} in value.get("anyOf", ()):
            yield key, value["anyOf"][0], value.get("default")
        elif key.split(".")[0] in ("limits", "checks", "thresholds", "barring", "lists"):
            yield from rulable(value, key + ".")


def extremes(key, shape, files):
    """The strictest and the laxest that may stand there."""
    last = key.split(".")[-1]
    for table in (files, DURATIONS, RATES, NUMBERS):
        if key in table or last in table:
            return table.get(key) or table[last]
    if last == "codes":
        return {"127.0.0.2-127.0.0.11": 100}, {"127.0.0.2-127.0.0.11": 0}
    if last.endswith("reply"):
        return REPLIES
    if shape.get("type") == "boolean":
        return True, False
    one = shape["anyOf"][0] if "anyOf" in shape else shape
    if "enum" in one:
        words = one["enum"]
        return (words[-1], "ignore") if "ignore" in words else (words[0], words[-1])
    check("minimum" in one and "maximum" in one, f"{key}: {shape}")
    return one["minimum"], one["maximum"]


def steps_to(key):
    """The zone's name has dots of its own."""
    if key.startswith(ZONE):
        return ["checks", "dnsbl", "zones", "bl.test", key[len(ZONE) :]]
    return key.split(".")


def at(config, key):
    """The value that stands there in the configuration, or None."""
    for step in steps_to(key):
        config = config.get(step) if isinstance(config, dict) else None
    return config


def put(config, key, value):
    *sections, last = steps_to(key)
    for step in sections:
        config = config.setdefault(step, {})
    config[last] = value


def usual(key, default, config):
    written = at(config, key)
    if written is not None:
        return written
    if default is not None:
        return default
    last = key.split(".")[-1]
    return next((value for name, value in INHERITED.items() if last == name or last.endswith("_" + name)), "")


def write(case, name, text):
    path = case.path(name)
    with open(path, "w") as file:
        file.write(text)
    return path


def base_of(case):
    return {
        "trusted_networks": [INSIDE],
        "outbound": {"route": "groupware"},
        "limits": {"message_size": "200KB", "errors": 200},
        "checks": {
            **BLOCKLIST,
            "early_talker": {"wait": "0s"},
            "sender_domain": {"mode": "enforce"},
            "greylist": {"mode": "enforce", "delay": "1h"},
        },
        "lists": {
            "allow": write(case, "allowed", "friend@plain.test\njoe@good.test authenticated\n"),
            "block": write(case, "blocked", "foe@plain.test\n"),
        },
        "barring": {
            "senders": write(case, "barred-senders", "barred@plain.test\n"),
            "recipients": write(case, "barred-recipients", "dead@example.test\n"),
        },
    }


def all_off(config, values):
    """The same with all off that can be: what is asked is then asked for what observes alone."""
    for key, shape, _ in values:
        words = shape.get("enum", ())
        if "off" in words or "pass" in words:
            put(config, key, "off" if "off" in words else "pass")
    return config


def names_off(config, _):
    """LISTED has the points for a refusal while its HELO name is no reverse name, and SPF allows nobody."""
    for key in ("checks.rdns.mode", "checks.spf.mode"):
        put(config, key, "off")
    put(config, "checks.helo.plausible", {"score": 1})
    put(config, ZONE + "codes", {"127.0.0.4": 4})
    put(config, "thresholds.doubtful", 4)
    return config


def files_of(case):
    return {
        "checks.rdns.generic_names": (write(case, "generic", "good\n"), ""),
        "barring.senders": (write(case, "bar-all", "*@plain.test\n"), ""),
        "barring.recipients": (write(case, "bar-us", "*@example.test\n"), ""),
        "lists.allow": ("", write(case, "allow-all", "203.0.113.0/24\n*.test\n")),
        "lists.block": (write(case, "block-all", "plain.test\ngood.test\n"), ""),
    }


def observed(config, values, which, files):
    out = copy.deepcopy(config)
    for key, shape, default in values:
        rule = {"ip": ["0.0.0.0/0"], "mode": "observe", "use": extremes(key, shape, files)[which]}
        put(out, key, {"rules": [rule, {"use": usual(key, default, config)}]})
    return out


def steady(text):
    """Without what differs each time: ids, times, seconds to wait."""
    text = re.sub(r"(; id |\bid )[0-9A-Za-z.]+", r"\1ID", text)
    text = re.sub(r"\d+ seconds", "N seconds", text)
    return re.sub(r"\w{3}, +\d+ \w{3} \d{4} [\d:]+ [+-]\d{4}", "DATE", text)


def talk(site, address, lines, early):
    """One session; the client's view of it."""
    client = site.connect("front")
    header = f"PROXY TCP4 {address} 192.0.2.25 40000 25\r\n"
    try:
        client.send(header + (f"{lines[0]}\r\n" if early else ""))
        reply = client.read_reply()
        for number, line in enumerate(lines):
            if isinstance(line, bytes) and reply.code != 354:
                continue
            if isinstance(line, bytes):
                client.send(stuffed(line))
            elif number > 0 or not early:
                client.line(line)
            reply = client.read_reply()
            if reply.code == 421:
                break
    except Failure as end:
        client.note("--", str(end))
    client.close()
    return [steady(entry.lstrip().partition(" ")[2]) for entry in client.transcript]


def held(case, server, config):
    """All sessions with one gateway: what was said, and what the next hop got."""
    site = strangers_site(case, [server.port], config, known={"anna", "bert", "joe", "postmaster", "it"})
    site.exact = False
    said = [talk(site, address, lines, number % 8 == 7) for number, (address, lines) in enumerate(SESSIONS)]
    got = [[steady(line) for line in stored.content.decode().splitlines()] for stored in site.hop.messages]
    case.finish_site(site)
    return said + got


def check_same(plain, watched, which):
    for number, (one, other) in enumerate(zip(plain, watched, strict=True)):
        differing = [pair for pair in zip(one, other) if pair[0] != pair[1]]
        check(one == other, f"{which}, number {number}: {differing[:3] or (one[-2:], other[-2:])}")


def changes_nothing(case, change):
    values = list(rulable(schema_of(case)))
    check(len(values) > 90, f"{len(values)} values")
    server = case.peer(DnsServer(RECORDS))
    config = change(base_of(case), values)
    files = files_of(case)
    plain = held(case, server, copy.deepcopy(config))
    for which, name in ((0, "strict"), (1, "lax")):
        check_same(plain, held(case, server, observed(config, values, which, files)), name)


def test_watched_rules_change_no_transcript(case):
    changes_nothing(case, lambda config, _: config)


def test_watched_rules_change_no_transcript_where_all_is_off(case):
    """None of it is asked but to watch."""
    changes_nothing(case, all_off)


def test_watched_rules_change_no_transcript_where_names_are_off(case):
    """Who a client is, what its HELO is worth and whom a list allows rests on what acts."""
    changes_nothing(case, names_off)
