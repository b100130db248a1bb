"""Debian's Postfix as a server of one's own: its directories, its port, nothing of the system's touched.

    with Postfix(directory, settings={"mydestination": "example.test"}) as postfix:
    with before_queue(directory, sink_port) as postfix:     # the one that the gateway is compared with

It needs root (not a mapped one: Postfix changes users), else the caller hears Skip. What is in `settings` goes
over what main.cf has here; `wrapper` is put in front of the command, for a CPU group or a network namespace.
"""

import os
import pwd
import shutil
import subprocess

from .outcome import Skip
from .ports import free_port
from .server import Server, open_the_way
from .setups import need_program

DAEMONS = ("/usr/lib/postfix/sbin", "/usr/libexec/postfix")
LOG = "log"

SERVICES = """
{address} inet n - n - {processes} smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
"""


def need_postfix():
    """The directory of its daemons, or Skip."""
    need_program("postfix")
    with open("/proc/self/uid_map") as file:
        mapped = file.read().split() != ["0", "0", "4294967295"]
    if os.getuid() != 0 or mapped:
        raise Skip("Postfix starts as root only")
    return next(path for path in DAEMONS if os.path.isdir(path))


class Postfix:
    """Runs until stop(); `processes`: smtpd processes, each of which serves one session at a time."""

    def __init__(self, directory, port=None, settings=None, processes=100, wrapper=()):
        self.daemons = need_postfix()
        self.directory, self.port = os.path.abspath(directory), port or free_port()
        self.owner = pwd.getpwnam("postfix")
        self.make_directories()
        self.write_configuration({**self.defaults(), **(settings or {})}, processes)
        self.check()
        command = [*wrapper, os.path.join(self.daemons, "master"), "-c", self.path("etc"), "-d"]
        self.server = Server(command, self.port)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def make_directories(self):
        for folder in ("spool", "data", "etc", "mail"):
            os.makedirs(self.path(folder))
        for folder in ("data", "mail"):
            os.chown(self.path(folder), self.owner.pw_uid, self.owner.pw_gid)
        os.chmod(self.directory, 0o755)
        open_the_way(os.path.dirname(self.directory))

    def defaults(self):
        return {
            "compatibility_level": "3.6",
            "queue_directory": self.path("spool"),
            "data_directory": self.path("data"),
            "meta_directory": self.path("etc"),
            "command_directory": "/usr/sbin",
            "daemon_directory": self.daemons,
            "mail_owner": self.owner.pw_name,
            "setgid_group": "postdrop",
            "myhostname": "mx.example.test",
            "mydestination": "",
            "mynetworks": "192.0.2.1/32",  # nobody: a client here has no right to relay
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "disable_dns_lookups": "yes",
            "smtp_host_lookup": "native",
            "smtpd_peername_lookup": "no",
            "smtpd_relay_restrictions": "reject_unauth_destination",
            "alias_maps": "",
            "alias_database": "",
            "maillog_file": self.path(LOG),
            "maillog_file_prefixes": self.directory,
        }

    def write_configuration(self, settings, processes):
        with open(self.path("etc", "main.cf"), "w") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        with open(self.path("etc", "master.cf"), "w") as file:
            file.write(SERVICES.format(address=f"127.0.0.1:{self.port}", processes=processes))
        for name in ("postfix-files", "dynamicmaps.cf"):
            source = os.path.join("/etc/postfix", name)
            if os.path.exists(source):
                shutil.copy(source, self.path("etc", name))

    def check(self):
        """Makes the queue's directories, too."""
        command = [need_program("postfix"), "-c", self.path("etc"), "check"]
        subprocess.run(command, capture_output=True, timeout=60)

    @property
    def pid(self):
        """Of the master, which is the leader of the process group of all its daemons."""
        return self.server.pid

    def log(self):
        with open(self.path(LOG), errors="backslashreplace") as file:
            return file.read()

    def stop(self):
        self.server.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def before_queue(directory, sink_port, domains=("example.test", "example.org"), settings=None, **options):
    """Postfix in the gateway's place (SMTPD_PROXY_README): nothing is queued, the sink answers for it."""
    return Postfix(
        directory,
        settings={
            "relay_domains": " ".join(domains),
            "relay_recipient_maps": "",
            "smtpd_proxy_filter": f"127.0.0.1:{sink_port}",
            "smtpd_client_connection_count_limit": "0",
            **(settings or {}),
        },
        **options,
    )
