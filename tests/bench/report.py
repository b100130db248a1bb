"""From runs to figures: medians, ratios within a round, targets, and the tables that show them."""

import statistics

BUSY = 0.10  # share of the machine that others may use while a run counts
FIELDS = ("cpu_ms", "per_second", "p50_ms", "p99_ms", "hop_connections", "kib", "others")


class Target:
    """`field` of a case is at most `limit`, or at most `limit` times that of `against` in the same round."""

    def __init__(self, case, field, limit, against=None):
        self.case, self.field, self.limit, self.against = case, field, limit, against

    def text(self):
        if not self.against:
            return f"≤ {self.limit:g} KiB"
        return f"≤ {self.limit:g} × {self.against}"


TARGETS = [
    Target("4k", "cpu_ms", 1.0, "haproxy"),
    Target("4k", "cpu_ms", 0.2, "postfix"),
    Target("4kd", "cpu_ms", 1.3, "haproxy"),
    Target("64k", "cpu_ms", 1.4, "haproxy"),
    Target("4ktls", "cpu_ms", 1.1, "nginx"),
    Target("idle", "kib", 8),
    Target("idletls", "kib", 20),
]
FLAT = 1.5  # the dearest of the loads against the cheapest


def quiet(run):
    return run["others"] <= BUSY


def summary(runs):
    """Medians of the runs that nobody disturbed; of all, and marked, where those are too few."""
    good = [run for run in runs if quiet(run)]
    busy = 2 * len(good) < len(runs)
    chosen = runs if busy else good
    figures = {field: statistics.median(run[field] for run in chosen) for field in FIELDS if field in chosen[0]}
    main = "kib" if "kib" in figures else "cpu_ms"
    figures["range"] = [min(run[main] for run in chosen), max(run[main] for run in chosen)]
    return {**figures, "busy": busy, "runs": runs}


def measured(target, results):
    """(value, busy) or None where it was not measured."""
    ours = results.get(target.case, {}).get("sallyport")
    if not ours:
        return None
    if not target.against:
        return ours[target.field], ours["busy"]
    theirs = results[target.case].get(target.against)
    if not theirs:
        return None
    pairs = list(zip(ours["runs"], theirs["runs"], strict=True))
    good = [(mine, other) for mine, other in pairs if quiet(mine) and quiet(other)]
    busy = 2 * len(good) < len(pairs)
    ratios = [mine[target.field] / other[target.field] for mine, other in (pairs if busy else good)]
    return statistics.median(ratios), busy


def flatness(results, suffix, peer):
    costs = [
        (figures[peer]["cpu_ms"], figures[peer]["busy"])
        for name, figures in results.items()
        if name.startswith("load") and name.endswith("d") == (suffix == "d") and peer in figures
    ]
    if len(costs) < 2:
        return None
    return max(cost for cost, _ in costs) / min(cost for cost, _ in costs), any(busy for _, busy in costs)


def judged(value, limit):
    if value <= limit:
        return "met" + (f", {100 * (1 - value / limit):.0f} % to spare" if value < 0.995 * limit else "")
    return f"missed by {100 * (value / limit - 1):.0f} %"


def verdicts(results):
    """Rows of case, target, measured, verdict."""
    rows = []
    for target in TARGETS:
        found = measured(target, results)
        if found:
            value, busy = found
            unit = f"{value:.2f} ×" if target.against else f"{value:.1f} KiB"
            rows.append((target.case, target.text(), unit + mark(busy), judged(value, target.limit)))
    for suffix, title in (("", "load, one a connection"), ("d", "load, many a connection")):
        found = flatness(results, suffix, "sallyport")
        if found:
            theirs = flatness(results, suffix, "haproxy")
            beside = f" (haproxy {theirs[0]:.2f} ×)" if theirs else ""
            verdict = judged(found[0], FLAT) if not suffix else "no target"
            rows.append((title, f"flat within {FLAT} ×", f"{found[0]:.2f} ×{mark(found[1])}{beside}", verdict))
    return rows


def mark(busy):
    return " (busy)" if busy else ""


def figure_rows(results):
    for case, peers in results.items():
        for peer, figures in peers.items():
            low, high = figures["range"]
            if "kib" in figures:
                cells = (f"{figures['kib']:.1f} KiB", f"{low:.1f}–{high:.1f}", "", "", "", "")
            else:
                cells = (
                    f"{figures['cpu_ms']:.3f}",
                    f"{low:.3f}–{high:.3f}",
                    f"{figures['per_second']:,.0f}",
                    f"{figures['p50_ms']:.1f}",
                    f"{figures['p99_ms']:.1f}",
                    f"{100 * figures['hop_connections']:.1f} %",
                )
            yield (case, peer, *cells, f"{100 * figures['others']:.0f} %{mark(figures['busy'])}")


HEADS = ("case", "server", "CPU ms a message", "range", "messages/s", "p50 ms", "p99 ms", "connections", "others' CPU")
VERDICT_HEADS = ("case", "target", "measured", "")


def plain(heads, rows):
    rows = [heads, *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def markdown(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
