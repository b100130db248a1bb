"""`check` looks at the state as a start would find it, and leaves it alone."""

import json
import os
import shutil
import sqlite3

from harness.outcome import check
from harness.setups import need_root


def looked_at(site, **options):
    """What is said of the state; nothing in its folder is another after it."""
    folder = os.path.dirname(site.config["state"]["sqlite"])
    running = site.gateway.alive()  # then it writes itself
    before = content_of(folder, running)
    done = site.gateway.run("check", "--offline", "--json", "-c", site.gateway.conf, **options)
    check(done.returncode == 0, f"{done}")
    check(content_of(folder, running) == before, f"{folder} is changed")
    told = [f"{one['message']} ({one['hint']})" for one in json.loads(done.stdout)]
    return [one for one in told if one.startswith("state.sqlite: ")]


def content_of(folder, running):
    found = {}
    for name in sorted(os.listdir(folder)):
        status = os.lstat(os.path.join(folder, name))
        written = () if running else (status.st_size, status.st_mtime_ns)
        found[name] = (status.st_ino, status.st_mode, status.st_uid, *written)
    return found


def site_with_state(case):
    """One that has run, so that there is a state."""
    site = case.site()
    state = site.config["state"]["sqlite"]
    site.deliver()
    return site, state


def test_check_state_of_a_gateway_that_runs(case):
    site, _ = site_with_state(case)
    check(looked_at(site) == [], f"{looked_at(site)}")
    site.deliver()
    site.gateway.terminate()
    check(looked_at(site) == [], "of one that has ended")
    site.gateway.start()


def test_check_state_that_would_be_set_aside(case):
    """Each is told with its file, and what a start would do to it."""
    site, state = site_with_state(case)
    site.gateway.terminate()
    good = case.path("good.db")
    shutil.copy(state, good)
    for words, spoil in (
        ("it is empty", lambda: open(state, "w").close()),
        ("it is cut off", lambda: open(state, "w").write("SQLite")),
        ("it is no database", lambda: open(state, "w").write("x" * 4096)),
        ("it is not a state file of Sallyport", lambda: altered(state, "PRAGMA application_id = 7")),
        ("its version is 3, not 2", lambda: altered(state, "PRAGMA user_version = 3")),
        ("it is gone, and its write-ahead log is not", lambda: os.rename(state, state + "-wal")),
    ):
        shutil.copy(good, state)
        spoil()
        said = looked_at(site)
        check(len(said) == 1 and f"{state}: {words}" in said[0], f"{words}: {said}")
        check("set it aside" in said[0] and "name another one" in said[0], f"{said}")
    os.remove(state + "-wal")
    check(looked_at(site) == [], "none is no fault: it is made")
    shutil.copy(good, state)
    site.gateway.start()


def altered(file, statement):
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode = DELETE")
    database.execute(statement)
    database.commit()
    database.close()


def test_check_state_that_is_no_file(case):
    site = case.site(start=False)
    state = site.config["state"]["sqlite"]
    for make, words in ((os.mkdir, "it is a directory"), (os.mkfifo, "it is a pipe")):
        make(state)
        said = looked_at(site)
        check(len(said) == 1 and f"{state}: {words}" in said[0] and "name a file" in said[0], f"{said}")
        (os.rmdir if os.path.isdir(state) else os.remove)(state)


def test_check_state_of_another_user(case):
    """The service's own user meets it; root sees it by the owners."""
    need_root()
    site, state = site_with_state(case)
    site.gateway.terminate()
    folder = os.path.dirname(state)
    os.chmod(os.path.dirname(case.directory), 0o755)
    for name in (case.directory, folder, site.gateway.conf):
        os.chmod(name, 0o755)
    service = {"user": 65534, "group": 65534, "extra_groups": []}
    os.chown(folder, 65534, 65534)
    for part in ("", ".lock"):
        for every in ("", ".lock"):
            os.chown(state + every, 65534, 65534)
        check(looked_at(site) == [] == looked_at(site, **service), "all is the service's")
        os.chown(state + part, 0, 0)
        [said] = looked_at(site, **service)
        check(f"{state}{part}: Permission denied" in said and "chown" in said, said)
        [said] = looked_at(site)
        check(f"{state}{part} belongs to root, and its folder to " in said and "chown" in said, said)
    os.chown(folder, 0, 0)
    os.chown(state, 0, 0)
    site.gateway.start()
