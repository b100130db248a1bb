"""Strangers who are looked up while they talk: how long until RCPT is answered, and what the look-ups cost.

Every question is answered 50 ms later, however many there are. Each caller has an address, a HELO name and a sender
domain of its own, so that no cache helps; the slowest thing to know is SPF, four questions of which each needs the
answer before. Postfix asks one after another, and knows no SPF. Both ask at 127.0.0.1:53 of the private network.
"""

import os
import statistics

import accounting
import cases
import peers
import report
from harness import certificates, postfix
from harness.dns_wire import ask
from harness.gateway import merged
from harness.outcome import Skip, check
from harness.server import Server

DELAY_MS = 50
CHAIN = 4  # TXT of the sender's domain and of three includes, each inside the one before
SLACK_MS = 20
TARGET_MS = CHAIN * DELAY_MS + SLACK_MS
RATIO = 1.3  # CPU of a session with all checks to that of one with none
LISTS = [f"list{number}.test" for number in range(1, 13)]
CALLERS = 20_000  # that there are records for
PORT = 53
WARM_CALLERS, WARM_SESSIONS = 500, 5_000


def records():
    """The same names as in client.cpp."""
    for name in LISTS:
        yield f"2.0.0.127.{name} A 127.0.0.2"  # so that a list proves itself (RFC 5782 5)
    for caller in range(CALLERS):
        high, low = divmod(caller, 250)
        address, host, domain = f"20.{high}.{low}.1", f"mx.c{caller}.test", f"d{caller}.test"
        yield f"1.{low}.{high}.20.in-addr.arpa PTR {host}"
        yield f"{host} A {address}"
        yield f"{domain} MX 10 {host}"
        yield f"{domain} TXT v=spf1 include:a.{domain} -all"
        yield f"a.{domain} TXT v=spf1 include:b.{domain} -all"
        yield f"b.{domain} TXT v=spf1 include:c.{domain} -all"
        yield f"c.{domain} TXT v=spf1 ip4:{address} -all"


# -- the servers ---------------------------------------------------------------------------------------


class Checking(peers.Sallyport):
    """All checks on, and twelve lists; no wait for early talkers, which is not a look-up. SPF may refuse by itself:
    so its result is waited for, whatever the others have found."""

    checks = {
        "early_talker": {"mode": "enforce", "wait": "0s"},
        **{name: {"mode": "enforce"} for name in ("rdns", "helo", "sender_domain", "dnsbl")},
        "spf": {"mode": "enforce", "fail": "reject"},
    }

    def site(self, setting):
        zones = {name: {"codes": {"127.0.0.2": 5}} for name in LISTS}
        called = {
            "listeners": {"mx": {"proxy_protocol": ["127.0.0.0/8"]}},
            "dns": {"servers": [f"127.0.0.1:{PORT}"]},
            "checks": merged({"dnsbl": {"zones": zones}}, self.checks),
        }
        return merged(super().site(setting), called)


class Scoring(Checking):
    """With the points that are shipped SPF alone cannot refuse; greylisting, which is on, waits for it all the same."""

    name = "shipped points"
    checks = {**Checking.checks, "spf": {"mode": "enforce"}}


class Unchecking(Checking):
    name = "unchecked"
    checks = {name: {"mode": "off"} for name in Checking.checks}


class PostfixAsking(peers.Postfix):
    """The same lists and checks in smtpd_recipient_restrictions, and resolv.conf in a file system of its own."""

    sessions = 500

    def settings(self, setting):
        restrictions = [
            "reject_unauth_destination",
            "reject_unknown_client_hostname",
            "reject_unknown_helo_hostname",
            "reject_unknown_sender_domain",
            *(f"reject_rbl_client {name}" for name in LISTS),
        ]
        return {
            **super().settings(setting),
            "smtpd_upstream_proxy_protocol": "haproxy",
            "smtpd_peername_lookup": "yes",
            "disable_dns_lookups": "no",
            "smtp_host_lookup": "dns",
            "smtpd_helo_required": "yes",
            "smtpd_recipient_restrictions": ", ".join(restrictions),
        }

    def wrapper(self, setting):
        resolver = setting.file("resolv.conf", "nameserver 127.0.0.1\noptions timeout:5\n")
        inside = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        return [*setting.group.wrapper, "unshare", "-m", "/bin/sh", "-c", inside, resolver]


def datagrams_lost():
    """For want of room in a socket's buffer, in this network; who has asked hears nothing, and asks again."""
    names, values = [line.split() for line in accounting.read("/proc/net/snmp").split("\n") if line.startswith("Udp:")]
    return int(values[names.index("RcvbufErrors")])


def start_answers(accounts, directory):
    path = os.path.join(directory, "records")
    with open(path, "w") as file:
        file.writelines(line + "\n" for line in records())
    program = ["build/bench/tests/bench/answers", "--port", str(PORT), "--delay", str(DELAY_MS), "--records", path]
    command = [*accounts.group("answers").wrapper, *program]
    return Server(command, PORT, ready=lambda: ask(PORT, "list1.test", "A") == "NXDOMAIN")


# -- the runs ------------------------------------------------------------------------------------------


class Calls(cases.Case):
    """So many callers; `until_rcpt`: without a message, and it is RCPT's answer that is timed."""

    def __init__(self, text, sessions, callers, first=0, until_rcpt=False):
        super().__init__(text, sessions=sessions)
        self.callers, self.first, self.until_rcpt = callers, first, until_rcpt

    def options(self):
        flags = ["--until-rcpt"] if self.until_rcpt else []
        return [*super().options(), "--callers", str(self.callers), "--first-caller", str(self.first), *flags]


class Strangers:
    """Callers that nobody has asked about before."""

    def __init__(self, bench):
        self.bench, self.next = bench, 0

    def call(self, peer, sessions, count):
        """`count` of them, so many at once; milliseconds from connect to the answer to RCPT."""
        check(self.next + count <= CALLERS, "no caller is left")
        case = Calls("", sessions, count, self.next, until_rcpt=True)
        self.next += count
        others, lost, cpu = accounting.Others(self.bench.accounts), datagrams_lost(), peer.setting.group.seconds()
        answer = self.bench.run(peer, case, count)
        return {
            "p50_ms": answer["p50"],
            "p99_ms": answer["p99"],
            "cpu_ms": 1000 * (peer.setting.group.seconds() - cpu) / count,
            "lost": (datagrams_lost() - lost) / count,
            "others": round(others.share(), 3),
        }


CASES = {"dns1": (1, 20), "dns500": (500, 500)}
TEXTS = {"dns1": "one stranger after another", "dns500": "500 strangers at once"}


def undisturbed(attempts, run, *arguments):
    tried = []
    while len(tried) < attempts and not (tried and report.quiet(tried[-1])):
        tried.append(run(*arguments))
    return min(tried, key=lambda one: one["others"])


def summary(runs, field):
    good = [run for run in runs if report.quiet(run)]
    busy = 2 * len(good) < len(runs)
    chosen = runs if busy else good
    figures = {name: statistics.median(run[name] for run in chosen) for name in chosen[0]}
    return {**figures, "range": [min(run[field] for run in chosen), max(run[field] for run in chosen)], "busy": busy,
            "runs": runs}


def time_strangers(bench, running, options):
    strangers, runs = Strangers(bench), {}
    for peer in running:
        strangers.call(peer, peer.sessions if peer.name == "postfix" else 50, 500)  # its processes, and the lists
    for case, (sessions, count) in CASES.items():
        for _ in range(options.rounds):
            for peer in running:
                run = undisturbed(options.attempts, strangers.call, peer, sessions, count)
                runs.setdefault(case, {}).setdefault(peer.name, []).append(run)
        print(f"measured {case}: {TEXTS[case]}", flush=True)
    return {case: {name: summary(done, "p50_ms") for name, done in each.items()} for case, each in runs.items()}


def weigh_checks(bench, running, options):
    """CPU of sessions with a message each, when all answers are at hand."""
    case, runs = Calls("", 20, WARM_CALLERS), {peer.name: [] for peer in running}
    count = 200 if options.quick else WARM_SESSIONS
    for peer in running:
        bench.measure(peer, case, WARM_CALLERS)
    for _ in range(options.rounds):
        for peer in running:
            runs[peer.name].append(undisturbed(options.attempts, bench.measure, peer, case, count))
    print("measured checks: 4 KiB, one message a connection, all answers in the cache", flush=True)
    return {"checks": {name: summary(done, "cpu_ms") for name, done in runs.items()}}


def measure(options, bench, place, running):
    """`running`: what has been started, for the caller to stop."""
    if os.geteuid() != 0:
        raise Skip("the DNS needs port 53 of a private network, and Postfix a resolv.conf of its own: root")
    running.append(start_answers(bench.accounts, place.directory))
    pair, asked = certificates.self_signed("mx.example.com"), []
    kinds = [Checking, Scoring, Unchecking] + ([PostfixAsking] if "postfix" in options.peers.split(",") else [])
    for kind in kinds:
        group = bench.accounts.group(kind.name)
        setting = peers.Setting(os.path.join(place.directory, kind.name), place.hop_port, pair, group)
        asked.append(kind(setting))
        running.append(asked[-1])
        print(f"{kind.name}: {kind.version()}", flush=True)
    timed = [peer for peer in asked if peer.name != Unchecking.name]
    weighed = [peer for peer in asked if peer.name in (Checking.name, Unchecking.name)]
    results = {**time_strangers(bench, timed, options), **weigh_checks(bench, weighed, options)}
    versions = {peer.name: peer.version() for peer in asked if peer.name in peers.PEERS}
    return {**place.described(), "versions": versions, "rounds": options.rounds, "results": results}


# -- the tables ----------------------------------------------------------------------------------------

HEADS = ("case", "server", "median ms", "range", "p99 ms", "CPU ms a session", "answers lost, each", "others' CPU")
CPU_HEADS = ("case", "server", "CPU ms a session", "range", "others' CPU")
VERDICT_HEADS = ("case", "target", "measured", "")


def others_of(figures):
    return f"{100 * figures['others']:.0f} %{report.mark(figures['busy'])}"


def rows(results):
    for case in CASES:
        for peer, figures in results[case].items():
            low, high = figures["range"]
            times = f"{figures['p50_ms']:.1f}", f"{low:.1f}–{high:.1f}", f"{figures['p99_ms']:.1f}"
            yield case, peer, *times, f"{figures['cpu_ms']:.3f}", f"{figures['lost']:.2f}", others_of(figures)


def cpu_rows(results):
    for peer, figures in results["checks"].items():
        low, high = figures["range"]
        name = "all checks" if peer == Checking.name else peer
        yield "checks", name, f"{figures['cpu_ms']:.3f}", f"{low:.3f}–{high:.3f}", others_of(figures)


def verdicts(results):
    target = f"≤ {CHAIN} × {DELAY_MS} + {SLACK_MS} ms"
    for case in CASES:
        figures = results[case][Checking.name]
        for part, field in (("half of them", "p50_ms"), ("99 of 100", "p99_ms")):
            value = figures[field]
            measured = f"{value:.1f} ms{report.mark(figures['busy'])}"
            yield f"{case}, {part}", target, measured, report.judged(value, TARGET_MS)
    on, off = results["checks"][Checking.name], results["checks"][Unchecking.name]
    ratio = statistics.median(one["cpu_ms"] / two["cpu_ms"] for one, two in zip(on["runs"], off["runs"], strict=True))
    busy = report.mark(on["busy"] or off["busy"])
    yield "checks", f"≤ {RATIO} × unchecked", f"{ratio:.2f} ×{busy}", report.judged(ratio, RATIO)


def tables(results, write):
    return "\n\n".join(
        write(heads, list(each(results)))
        for heads, each in ((VERDICT_HEADS, verdicts), (HEADS, rows), (CPU_HEADS, cpu_rows))
    )
