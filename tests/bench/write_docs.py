"""The figures in docs/: what stands between the marks in performance.md is replaced, the rest is hand-written.

What was not measured this time stays."""

import json
import re

import callers
import greylists
import picture
import report

FIGURES = "<!-- figures: written by tests/bench/run -->", "<!-- end of figures -->"
DNS = "<!-- figures of dns: written by tests/bench/run dns -->", "<!-- end of figures of dns -->"

GREYLIST = "<!-- figures of greylist: written by tests/bench/run greylist -->", "<!-- end of figures of greylist -->"


def described(measured):
    machine, versions = measured["machine"], ", ".join(measured["versions"].values())
    return (
        f"{measured['date']}: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"kernel {machine['kernel']}. {versions}. Medians of {measured['rounds']} rounds."
    )


def sections(measured):
    """The marks and what stands between them, of what was measured."""
    if "results" in measured:
        verdicts = report.markdown(report.VERDICT_HEADS, report.verdicts(measured["results"]))
        figures = report.markdown(report.HEADS, list(report.figure_rows(measured["results"])))
        yield FIGURES, [described(measured), verdicts, figures]
    if "dns" in measured:
        yield DNS, [described(measured["dns"]), callers.tables(measured["dns"]["results"], report.markdown)]
    if "greylist" in measured:
        figures = greylists.tables(measured["greylist"]["results"], report.markdown)
        yield GREYLIST, [described(measured["greylist"]), figures]


def rounded(value):
    """JSON with four digits is read more easily, and differs less."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


def write(measured, folder="docs"):
    path = f"{folder}/performance.md"
    with open(path) as file:
        page = file.read()
    for (begin, end), parts in sections(measured):
        text = "\n\n".join([begin, *parts, end])
        page = re.sub(f"{begin}.*?{end}", lambda _, text=text: text, page, flags=re.DOTALL)
    with open(path, "w") as file:
        file.write(page)
    with open(f"{folder}/performance.json") as file:
        known = json.load(file)
    with open(f"{folder}/performance.json", "w") as file:
        json.dump({**known, **rounded(measured)}, file, indent=1)
        file.write("\n")
    if "results" in measured:
        with open(f"{folder}/performance.svg", "w") as file:
            file.write(picture.svg(measured["results"]))
