"""Pieces of configuration that many tests share."""

import os
import subprocess

from . import certificates
from .outcome import Skip
from .ports import free_port


def with_tls(host="mx.example.test", **listener):
    """The listener of the base configuration offers STARTTLS."""
    pair = certificates.self_signed(host)
    return {
        "tls": {"certificate": pair.certificate, "key": pair.key},
        "listeners": {"mx": {"tls": "starttls", **listener}},
    }


def implicit_tls(host="mx.example.test", **listener):
    config = with_tls(host)
    config["listeners"]["mx"] = {"tls": "implicit", **listener}
    return config


def another_listener(name, **settings):
    return {"listeners": {name: {"bind": [f"127.0.0.1:{free_port()}"], **settings}}}


def users_file(case, **passwords):
    """`name:hash` lines, for AUTH."""
    path = case.path("users")
    with open(path, "w") as file:
        for user, password in passwords.items():
            hashed = subprocess.run(
                ["openssl", "passwd", "-6", password], capture_output=True, text=True, check=True
            )
            file.write(f"{user}:{hashed.stdout.strip()}\n")
    os.chmod(path, 0o600)
    return path


def need_program(*names):
    """The first of `names` that is there; else the test is skipped."""
    for name in names:
        for directory in [*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/sbin"]:
            path = os.path.join(directory, name)
            if os.access(path, os.X_OK):
                return path
    raise Skip(f"{names[0]} is not installed")


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")
