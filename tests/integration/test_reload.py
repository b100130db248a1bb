"""What an admin is told: by `check` of this machine, and by a reload that is refused or not enough."""

import json
import os
import signal

from harness.network import connects
from harness.outcome import check, poll
from harness.setups import need_root


def notes(site):
    return [event["text"] for event in site.gateway.of_type("note")]


def test_process_reload_with_an_unusable_temp_directory(case):
    """Refused as a whole: a large message would find no room."""
    site = case.site()
    domains = dict(site.config["domains"], **{"new.example": {"route": "groupware"}})
    bad = dict(site.config, temp_directory="/nowhere/tmp", domains=domains)
    event = site.gateway.reload(bad, ok=False)
    check("/nowhere/tmp" in event["detail"], f"{event}")
    with site.client() as client:
        client.mail()
        client.rcpt("anna@new.example", "550 5.7.1")


def test_process_reload_tells_what_needs_a_restart(case):
    site = case.site()
    config = dict(site.config, workers=7, state={"sqlite": case.path("other.db")})
    site.gateway.reload(config)
    for key in ("workers", "state.sqlite"):
        check(any(key in text and "restart" in text for text in notes(site)), f"{key}: {notes(site)}")
    check(not os.path.exists(case.path("other.db")), "the state has moved")


def test_process_reload_errors_as_text(case):
    """A line of the log for each line of the diagnostic, the caret below the fault."""
    site = case.site(start=False, arguments=["--log-format", "text"])
    site.count_sessions = site.check_descriptors = False
    site.gateway.launch()
    poll(lambda: connects(site.port), 15, "listening")
    with open(os.path.join(site.gateway.conf, "90-bad.json"), "w") as file:
        file.write('{ "limits": { "recipents": 3 } }\n')
    site.gateway.signal(signal.SIGHUP)
    output = site.gateway.other_output
    site.gateway.await_true(lambda: any("reload ok=false" in line for line in output), 10, "the reload")
    fault = next(number for number, line in enumerate(output) if 'unknown key "recipents"' in line)
    check(output[fault + 1].index('"recipents"') == output[fault + 2].index("^"), f"{output}")
    check("hint: did you mean" in output[fault + 3], f"{output}")
    check(not any("u000a" in line for line in output), f"{output}")


def test_process_check_looks_at_the_machine(case):
    site = case.site(start=False)
    places = {"temp_directory": "/nowhere/tmp", "state": {"sqlite": "/nowhere/state.db"}}
    site.gateway.write_config({**site.config, **places})
    result = site.gateway.run("check", "--no-dns", "--json", "-c", site.gateway.conf)
    found = json.loads(result.stdout)
    check(result.returncode == 0, f"{result}")
    for key in ("temp_directory: /nowhere/tmp", "state.sqlite: /nowhere"):
        check(any(one["message"].startswith(key) for one in found), f"{key}: {found}")
    # Beside the state, which is told already.
    check(not any(one["message"].startswith("events.directory") for one in found), f"{found}")
    places = {"events": {"directory": "/nowhere/too/events"}}
    site.gateway.write_config({**site.config, **places})
    result = site.gateway.run("check", "--no-dns", "--json", "-c", site.gateway.conf)
    (found,) = json.loads(result.stdout)
    check(found["message"] == "events.directory: /nowhere/too: No such file or directory", f"{found}")
    places = {"events": {"directory": case.path("made-at-start")}}
    site.gateway.write_config({**site.config, **places})
    result = site.gateway.run("check", "--no-dns", "--json", "-c", site.gateway.conf)
    check(json.loads(result.stdout) == [], f"{result}")


def test_process_check_as_root(case):
    """The folders belong to the service's user; what that user may read, root cannot tell."""
    need_root()
    site = case.site(start=False)
    os.chown(site.config["temp_directory"], 12345, 12345)
    result = site.gateway.run("check", "--no-dns", "-c", site.gateway.conf)
    said = result.stdout + result.stderr
    check(result.returncode == 0 and "temp_directory" not in said and "chown" not in said, said)
    check("sudo -u sallyport sallyport check" in said, said)
