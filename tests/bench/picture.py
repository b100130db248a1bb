"""The figures as one SVG: what a message costs beside the others, and how the cost grows with the sessions."""

COLOURS = {
    "sallyport": "#1b6ca8",
    "haproxy": "#8a8a8a",
    "nginx": "#4f9d69",
    "postfix": "#c9822b",
    "haraka": "#8e5ea2",
}
BARS = ("4k", "4kd", "64k", "4ktls")
WIDTH, LEFT, ROW, GAP = 760, 130, 16, 14
PLOT = (LEFT, 460, 180)  # left, width, height of the curve


def text(x, y, content, anchor="start", weight="normal"):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-weight="{weight}">{content}</text>'


def bars(results, top):
    """CPU milliseconds; a bar that would be longer than the picture is cut and says so."""
    parts, y = [text(0, top, "CPU milliseconds of the server for one message", weight="bold")], top + GAP
    shown = [(case, peer, figures["cpu_ms"]) for case in BARS for peer, figures in results.get(case, {}).items()]
    if not shown:
        return [], top
    longest = min(max(cost for *_, cost in shown), 6 * max(cost for _, peer, cost in shown if peer == "sallyport"))
    scale, previous = (WIDTH - LEFT - 90) / longest, None
    for case, peer, cost in shown:
        if case != previous:
            y += GAP
            parts.append(text(0, y + 12, case, weight="bold"))
            previous = case
        length = min(cost, longest) * scale
        parts.append(text(LEFT - 6, y + 12, peer, "end"))
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{ROW - 3}" fill="{COLOURS[peer]}"/>')
        parts.append(text(LEFT + length + 5, y + 12, f"{cost:.3f}" + (" →" if cost > longest else "")))
        y += ROW
    return parts, y + 2 * GAP


def load_points(results, peer, suffix):
    for name, figures in results.items():
        if name.startswith("load") and name.endswith("d") == (suffix == "d") and peer in figures:
            yield int(name.removeprefix("load").removesuffix("d")), figures[peer]["cpu_ms"]


def curve(results, suffix, title, top):
    lines = {peer: list(load_points(results, peer, suffix)) for peer in ("sallyport", "haproxy")}
    lines = {peer: points for peer, points in lines.items() if points}
    if not lines:
        return [], top
    left, width, height = PLOT
    counts = sorted({count for points in lines.values() for count, _ in points})
    highest = max(cost for points in lines.values() for _, cost in points) * 1.15
    place = {count: left + width * (index + 0.5) / len(counts) for index, count in enumerate(counts)}
    parts, bottom = [text(0, top, title, weight="bold")], top + 10 + height
    parts.append(f'<path d="M{left} {top + 10}V{bottom}H{left + width}" fill="none" stroke="#444"/>')
    parts += [text(place[count], bottom + 16, f"{count:,}", "middle") for count in counts]
    for peer, points in lines.items():
        xy = [(place[count], bottom - height * cost / highest, cost) for count, cost in points]
        path = " ".join(f"{x:.0f},{y:.1f}" for x, y, _ in xy)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[peer]}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.0f}" cy="{y:.1f}" r="3" fill="{COLOURS[peer]}"/>' for x, y, _ in xy]
        parts += [text(x, y - 7, f"{cost:.3f}", "middle") for x, y, cost in xy]
        parts.append(text(left + width + 8, xy[-1][1] + 4, peer))
    return parts, bottom + 16 + 2 * GAP


def svg(results):
    parts, y = bars(results, 20)
    for suffix, title in (
        ("", "The same by sessions at once, one message a connection"),
        ("d", "The same by sessions at once, many messages a connection"),
    ):
        more, y = curve(results, suffix, title, y)
        parts += more
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 0 {WIDTH + 20} {y:.0f}" font-family="sans-serif"'
    return "\n".join([head + ' font-size="12">', '<rect x="-10" width="100%" height="100%" fill="#fff"/>', *parts, "</svg>\n"])
