"""docs/patterns.md, example by example: what each place takes, whom it means, and what it says of the rest."""

import json
import os
import re

from harness.outcome import check

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "patterns.md")
ROW = re.compile(r"^\| ([a-z_]+) \| `([^`]+)` \| (?:`([^`]+)` \| `([^`]+)`|(error|warning) \| –) \|$", re.MULTILINE)


def places(written):
    """What a place's configuration is, and the files that it names."""
    def ruled(place):
        mode = {"rules": [{place: written, "use": "enforce"}, {"use": "off"}]}
        return {"barring": {"senders": "lists/all", "mode": mode}}, {"all": "*@*\n"}

    listed = {"list": written + "\n"}
    return {
        **{place: ruled(place) for place in ("from", "to", "ip", "rdns", "helo", "auth")},
        "barring": ({"barring": {"senders": "lists/list"}}, listed),
        "block": ({"lists": {"block": "lists/list"}}, listed),
        "recipients": ({"routes": {"groupware": {"recipients": {"list": "lists/list"}}}}, {"list": f"a@our.example\n{written}\n"}),
        "trusted_networks": ({"trusted_networks": [written]}, {}),
        "upstream": ({"upstream": [written]}, {}),
    }


def session(place, who, refused):
    """A stranger who is usual but for `who`."""
    fields = {"client": "203.0.113.9", "helo": "mx.stranger.example", "from": "joe@stranger.example"}
    to, name = "anna@our.example", "mx.stranger.example"
    if re.fullmatch(r"[\d.]+|[\da-f:]+::\d", who):
        fields["client"] = who
    elif place == "to":
        to = who
    elif place == "rdns" or (place == "block" and "@" not in who):
        name = who
    elif place == "helo":
        fields["helo"] = who
    elif place == "auth":
        fields["authenticated"] = who
    else:
        fields["from"] = who
    if place == "trusted_networks":
        to, refused = "joe@elsewhere.example", not refused
    address = fields["client"]
    zone = [] if ":" in address else [".".join(reversed(address.split("."))) + f".in-addr.arpa. PTR {name}.", f"{name}. A {address}"]
    verdict = "reject" if refused else "accept"
    return {"name": who, **fields, "zone": zone, "to": {to: verdict}}


def told(site, place, written, sessions):
    """What `check` says of the file or value itself, and of sessions that end otherwise."""
    config, files = places(written)[place]
    for name, text in files.items():
        with open(os.path.join(site.gateway.conf, "lists", name), "w") as file:
            file.write(text)
    for name, content in (("20-place.json", config), ("20-place.test.json", {"sessions": sessions})):
        with open(os.path.join(site.gateway.conf, name), "w") as file:
            json.dump(content, file)
    done = site.gateway.run("check", "--offline", "--json", "-c", site.gateway.conf)
    ours = ("/20-place.json", "/20-place.test.json", "/lists/list")
    return [one for one in json.loads(done.stdout) if one["file"].endswith(ours)]


def test_patterns_page(case):
    users = case.path("users")
    with open(users, "w") as file:
        file.writelines(f"{name}:$6$abcdefgh${'x' * 86}\n" for name in ("anna", "bert"))
    our = {name: {"route": "groupware"} for name in ("our.example", "*.our.example")}
    inside = {"inside": {"bind": ["127.0.0.1:2"], "tls": "none", "auth": "required"}}
    site = case.site(
        {"domains": our, "outbound": {"route": "groupware"}, "users": users, "listeners": inside}, start=False
    )
    os.makedirs(os.path.join(site.gateway.conf, "lists"))
    rows = ROW.findall(open(PAGE).read())
    check(len(rows) > 60 and {row[0] for row in rows} == set(places("")), f"{len(rows)} examples of {set(row[0] for row in rows)}")
    wrong = []
    for place, written, fits, others, fault in rows:
        sessions = [] if fault else [session(place, fits, True), session(place, others, False)]
        said = told(site, place, written, sessions)
        severities = {one["severity"] for one in said if "no session is stated" not in one["message"]}
        if severities != ({fault} if fault else set()):
            wrong.append((place, written, fits or fault, [one["message"] for one in said]))
    check(not wrong, "\n".join(map(str, wrong)))
