"""What an admin is told: by `check` of this machine, and by a reload that is refused or not enough."""

import contextlib
import json
import os
import signal

from harness.injection import HUNG, has_ended, has_taken_its_signals, injected
from harness.network import connects
from harness.outcome import check, poll
from harness.scenes import TRACED
from harness.setups import need_root
from test_watchdog import Manager


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


def site_with_list(case, config=None):
    path = case.path("block")
    with open(path, "w") as file:
        file.write("# nobody\n")
    environment = {**TRACED, "NOTIFY_SOCKET": case.path("notify"), "WATCHDOG_USEC": "2000000"}
    return case.site({"lists": {"block": path}, **(config or {})}, environment=environment), path


@contextlib.contextmanager
def hung(site, path):
    """SIGHUP has come to the list, and does not get it while the block lasts."""
    log = path + ".calls"
    with injected(site.gateway.pid, [path], "openat", f"delay_enter={HUNG}s", log):
        site.gateway.signal(signal.SIGHUP)
        poll(lambda: path in open(log).read(), 15, "the list is opened")
        yield


def test_process_reload_that_hangs_holds_up_nothing(case):
    """The beat for systemd goes on, mail flows, and SIGTERM is heard."""
    manager = Manager(case.path("notify"))
    site, path = site_with_list(case)
    with hung(site, path):
        check(manager.hear("RELOADING=1"), "systemd is told")
        check(manager.hear("WATCHDOG=1") and manager.hear("WATCHDOG=1"), "a beat, and another")
        site.deliver()
        check(not site.gateway.of_type("reload"), "it is over")
        site.gateway.signal(signal.SIGTERM)
        poll(lambda: has_ended(site.gateway.pid), 15, "nobody waits for it")
    site.gateway.await_exit()


def test_process_reload_asked_for_during_another(case):
    """Follows it: what was changed after the first had read it counts."""
    manager = Manager(case.path("notify"))
    site, path = site_with_list(case)
    with hung(site, path):
        check(manager.hear("RELOADING=1"), "systemd is told")
        site.gateway.write_config({**site.config, "domains": {**site.config["domains"], "new.example": {"route": "groupware"}}})
        for _ in range(3):
            site.gateway.signal(signal.SIGHUP)
        poll(lambda: has_taken_its_signals(site.gateway.pid), 15, "the signals are taken")
    check(manager.hear("RELOADING=1"), "of the second")
    site.gateway.await_events("reload", 2)
    with site.client() as client:
        client.mail()
        client.rcpt("anna@new.example")
        client.quit()


def test_process_reload_forgets_no_list_that_changed_meanwhile(case):
    """One that it had read before, and that was read by itself before the reload was done."""
    barred = case.path("barred")
    with open(barred, "w") as file:
        file.write("# nobody\n")
    site, path = site_with_list(case, {"barring": {"senders": barred}})

    def refused():
        with site.client() as client:
            client.mail("anna@good.test")
            client.rcpt("anna@example.test", "550 5.7.1")
            client.quit()

    with hung(site, path):
        with open(barred, "a") as file:
            file.write("*@good.test\n")
        site.gateway.await_event("lists")
        refused()
    site.gateway.await_event("reload")
    site.gateway.await_events("lists", 2)
    refused()
