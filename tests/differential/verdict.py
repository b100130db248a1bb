"""Compares two records of a session, and holds the differences against the list of those that have a reason.

The list (`expected`) has a reason after `==`, and below it the differences it explains, a line each:

    == Why it is so, and why it is right.
    session step: ours | theirs

A step is its number (0 is the greeting), `end` (replies too many) or `arrived`.
"""

import re


def without_trace(content):
    """Received fields are each one's own."""
    return re.sub(rb"\A(?:Received:[^\n]*\n(?:[ \t][^\n]*\n)*)", b"", content)


def arrived(messages):
    """Whether a recipient that was named twice is passed on twice is nobody's business."""
    return [
        (message.sender, sorted(set(message.recipients)), without_trace(message.content))
        for message in messages
    ]


def count_of(messages):
    return f"{len(messages)} arrived" if messages else "nothing"


def compare_arrived(ours, theirs):
    if len(ours) != len(theirs):
        return count_of(ours), count_of(theirs)
    for one, other in zip(arrived(ours), arrived(theirs)):
        for position, what in enumerate(("sender", "recipients", "content")):
            if one[position] != other[position]:
                return f"a {what}", f"another {what}"
    return None


def differences(session, ours, theirs):
    """{step: (ours, theirs)}, up to the first step behind which one of the two has gone."""
    found = {}
    for number, (one, other) in enumerate(zip(ours.steps, theirs.steps)):
        name = str(number) if number < len(session.steps) else "end"
        if one != other:
            found[name] = (one or "-", other or "-")
        if "closed" in one + other:
            break
    what = compare_arrived(ours.arrived, theirs.arrived)
    if what:
        found["arrived"] = what
    return found


class Expected:
    def __init__(self, path):
        self.listed = {}  # (session, step): (ours, theirs)
        self.reasons = set()
        reason = None
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.startswith("== "):
                    reason = line[3:].strip()
                    self.reasons.add(reason)
                elif line.strip() and not line.startswith("#"):
                    self.add(line, reason, f"{path}:{number}")

    def add(self, line, reason, place):
        match = re.fullmatch(r"(\S+) (\d+|end|arrived): (.+?) \| (.+)", line.strip())
        if not match:
            raise ValueError(f"{place}: not `session step: ours | theirs`")
        if not reason:
            raise ValueError(f"{place}: without a reason")
        key = (match.group(1), match.group(2))
        if key in self.listed:
            raise ValueError(f"{place}: {' '.join(key)} is there twice")
        self.listed[key] = (match.group(3), match.group(4))

    def silent(self, session, side):
        """The steps of a session at which the one side (0 ours, 1 theirs) is known to say nothing."""
        return {
            int(step)
            for (name, step), said in self.listed.items()
            if name == session and step.isdigit() and "silent" in said[side]
        }

    def judge(self, found, played):
        """`found`: {(session, step): (ours, theirs)}. Returns (unlisted, gone) keys."""
        unlisted = [key for key, said in found.items() if self.listed.get(key) != said]
        gone = [key for key in self.listed if key[0] in played and key not in found]
        return unlisted, gone + [key for key in self.listed if key[0] not in played]
