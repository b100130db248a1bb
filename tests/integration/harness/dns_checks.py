"""`sallyport dns ...` as a test calls it: what it printed as JSON, of one call or of many at once."""

import json
import os
import subprocess

from .gateway import SANITIZERS
from .outcome import check, patience

PATIENCE = 60  # seconds; a check gives up after 20


def found(case, servers, *arguments):
    return found_at_once(case, servers, [arguments])[0]


def found_at_once(case, servers, calls):
    """`servers`: the ports that are asked, in this order; the results in the order of `calls`."""
    options = [word for port in servers for word in ("--server", f"127.0.0.1:{port}")]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = {**os.environ, **SANITIZERS}
    running = [
        subprocess.Popen([case.binary, "dns", *call, *options, "--json"], env=environment, **pipes) for call in calls
    ]
    try:
        return [result_of(call, process) for call, process in zip(calls, running, strict=True)]
    finally:
        for process in running:
            process.kill()


def result_of(call, process):
    output, errors = process.communicate(timeout=PATIENCE * patience())
    check(process.returncode == 0, f"dns {call}: status {process.returncode}: {output}{errors}")
    return json.loads(output)
