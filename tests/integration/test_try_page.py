"""docs/try.md, from the first command to the last, as a newcomer types it."""

import os
import re
import shlex
import signal
import subprocess

from harness.outcome import check, poll
from harness.parent import die_with_parent
from harness.ports import free_port
from harness.setups import need_program

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "try.md")
BLOCK = re.compile(r"^```(jsonc|text|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAID = (  # by the command that begins so, in turn
    ("try", "accept"),
    ("try", "blocked-sender"),
    ("check", "2 sessions of *.test.json end as stated"),
    ("swaks", "250 2.0.0"),
    ("swaks", "550 5.7.1"),
    ("log", "joe@friend.example"),
    ("log", "joe@spam.example"),
    ("explain", "spam.example"),
    ("swaks", "250 2.0.0"),
    ("log", "accept (would reject)"),
)


class Newcomer:
    """A folder, and what was started in it."""

    def __init__(self, case, ports):
        self.case, self.ports = case, ports
        self.folder = case.path("newcomer")
        os.makedirs(self.folder)
        self.running, self.said = [], []

    def write(self, text):
        name, _, content = text.partition("\n")
        path = os.path.join(self.folder, name.lstrip("/# "))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(self.of_here(content))

    def of_here(self, text):
        for port, here in self.ports.items():
            text = text.replace(port, here)
        return text

    def type(self, line):
        line = self.of_here(line)
        status = int(line.partition("    # ")[2] or 0)
        line = line.partition("    # ")[0]
        if line.startswith("kill -HUP"):
            return self.reload()
        words = [self.case.binary if word == "sallyport" else word for word in shlex.split(line)]
        if words[-1] == "&":
            return self.start(words[:-1])
        words = [self.last_id() if word == "ID" else word for word in words]
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=120)
        check(done.returncode == status, f"{line}: {done}")
        self.said.append((line.split()[0 if words[0] != self.case.binary else 1], done.stdout + done.stderr))

    def start(self, words):
        out = open(self.case.path(words[1] + ".out"), "w")
        process = subprocess.Popen(words, cwd=self.folder, stdout=out, stderr=out, preexec_fn=die_with_parent)
        self.running.append(process)
        self.await_line(words[1], '"type":"start"')

    def await_line(self, command, text):
        poll(lambda: text in open(self.case.path(command + ".out")).read(), 20, f"{text} of {command}")

    def reload(self):
        self.running[-1].send_signal(signal.SIGHUP)
        self.await_line("serve", '"type":"reload"')
        check('"ok":true' in open(self.case.path("serve.out")).read(), "the reload is refused")

    def last_id(self):
        return re.search(r"id (\w+\.\d+)", next(text for what, text in reversed(self.said) if what == "swaks")).group(1)

    def stop(self):
        for process in self.running:
            process.terminate()
        return [process.wait(60) for process in self.running]


def test_try_page(case):
    need_program("swaks")
    newcomer = Newcomer(case, {"2525": str(free_port()), "2600": str(free_port())})
    for kind, text in BLOCK.findall(open(PAGE).read()):
        for part in text.splitlines() if kind == "sh" else [text]:
            newcomer.type(part) if kind == "sh" else newcomer.write(part)
    check(newcomer.stop() == [0, 0], "ended as told")
    said = [one for one in newcomer.said if one[0] != "rm"][1:]  # the first is a plain check
    check([what for what, _ in said] == [what for what, _ in SAID], f"{said}")
    for (what, text), (_, wanted) in zip(said, SAID):
        check(wanted in text, f"{wanted!r} is not in what {what} says: {text}")
