"""The figures in docs/: what stands between the marks in performance.md is replaced, the rest is hand-written."""

import json
import re

import picture
import report

BEGIN, END = "<!-- figures: written by tests/bench/run -->", "<!-- end of figures -->"


def section(measured):
    machine, rows = measured["machine"], list(report.figure_rows(measured["results"]))
    versions = ", ".join(measured["versions"].values())
    described = (
        f"{measured['date']}: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"kernel {machine['kernel']}. {versions}. Medians of {measured['rounds']} rounds."
    )
    verdicts = report.markdown(report.VERDICT_HEADS, report.verdicts(measured["results"]))
    return "\n\n".join([BEGIN, described, verdicts, report.markdown(report.HEADS, rows), END])


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
    with open(path, "w") as file:
        file.write(re.sub(f"{BEGIN}.*?{END}", lambda _: section(measured), page, flags=re.DOTALL))
    with open(f"{folder}/performance.svg", "w") as file:
        file.write(picture.svg(measured["results"]))
    with open(f"{folder}/performance.json", "w") as file:
        json.dump(rounded(measured), file, indent=1)
        file.write("\n")
