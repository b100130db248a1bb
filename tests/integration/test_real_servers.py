"""Other people's programs at both ends: swaks, smtp-source, smtp-sink, Dovecot's LMTP, Postfix."""

import getpass
import grp
import os
import pwd
import shutil
import subprocess

from harness.client import message
from harness.network import connects
from harness.outcome import Skip, check, poll
from harness.ports import free_port
from harness.setups import need_program, users_file, with_tls


class Server:
    """Somebody's program, started and ended with the test."""

    def __init__(self, command, port, **options):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        poll(lambda: connects(port) or self.process.poll() is not None, 20, f"{command[0]} listens on {port}")
        check(
            self.process.poll() is None,
            f"{command}: {self.process.stdout.read() if self.process.poll() is not None else ''}",
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def swaks(site, *options):
    program = need_program("swaks")
    result = subprocess.run(
        [
            program,
            "--server",
            f"127.0.0.1:{site.port}",
            "--ehlo",
            "client.example.net",
            "--from",
            "sender@example.net",
            *options,
        ],
        capture_output=True,
        text=True,
        timeout=40,
    )
    text = result.stdout + result.stderr
    if "TLS not available" in text:
        raise Skip("swaks has no TLS here: libnet-ssleay-perl is not installed")
    return result.returncode, text


def test_real_swaks_delivers(case):
    need_program("swaks")
    site = case.site()
    site.exact = site.count_sessions = False
    status, text = swaks(site, "--to", "anna@example.test", "--body", "hello from swaks")
    check(status == 0, text)
    status, text = swaks(
        site, "--to", "anna@example.test,bert@example.org", "--pipeline", "--body", "pipelined"
    )
    check(status == 0, text)
    first, second = site.hop.await_messages(2)
    check(b"hello from swaks" in first.content and len(second.to) == 2, f"{second.to}")


def test_real_swaks_delivers_under_tls(case):
    need_program("swaks")
    site = case.site(with_tls())
    site.exact = site.count_sessions = False
    status, text = swaks(site, "--to", "anna@example.test", "--tls", "--body", "under TLS")
    check(status == 0 and "=== TLS started" in text, text)
    check("ESMTPS" in site.hop.await_messages(1)[0].trace, "no TLS")


def test_real_swaks_is_refused(case):
    need_program("swaks")
    site = case.site()
    site.count_sessions = False
    for recipient, wanted in (
        ("user@remote.host", "550 5.7.1 cannot relay for remote.host"),
        ("nobody@example.test", "550 5.1.1"),
        ("u%remote.host@example.test", "forwarding percent hack is not permitted"),
    ):
        status, text = swaks(site, "--to", recipient)
        check(status != 0 and wanted in text, text)


def test_real_swaks_authenticates(case):
    need_program("swaks")
    config = with_tls(auth="required")
    config["users"] = users_file(case, boss="secret")
    site = case.site(config)
    site.exact = site.count_sessions = site.control = False
    for mechanism in ("PLAIN", "LOGIN"):
        status, text = swaks(
            site,
            "--to",
            "anna@example.test",
            "--tls",
            "--auth",
            mechanism,
            "--auth-user",
            "boss",
            "--auth-password",
            "secret",
        )
        check(status == 0, text)
    status, text = swaks(
        site,
        "--to",
        "anna@example.test",
        "--tls",
        "--auth",
        "PLAIN",
        "--auth-user",
        "boss",
        "--auth-password",
        "wrong",
    )
    check(status != 0 and "535 5.7.8" in text, text)


def smtp_source(site, *options):
    program = need_program("smtp-source")
    result = subprocess.run(
        [program, *options, "-f", "sender@example.net", "-t", "anna@example.test", f"127.0.0.1:{site.port}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    check(result.returncode == 0, f"{result.stdout}{result.stderr}")


def test_real_smtp_source_load(case):
    """200 messages over 10 sessions at once, and 20 large ones."""
    need_program("smtp-source")
    site = case.site()
    site.exact = site.count_sessions = False
    smtp_source(site, "-d", "-s", "10", "-m", "200", "-l", "4096")
    smtp_source(site, "-s", "5", "-m", "20", "-l", "1500000")
    check(len(site.hop.await_messages(220)) == 220, "messages")


def test_real_smtp_sink_as_next_hop(case):
    sink, port = need_program("smtp-sink"), free_port()
    directory = case.path("dump")
    os.makedirs(directory)
    with Server(
        [
            sink,
            "-u",
            getpass.getuser(),
            "-d",
            os.path.join(directory, "mail.%M%S."),
            f"127.0.0.1:{port}",
            "100",
        ],
        port,
    ):
        site = case.site({"routes": {"groupware": {"hosts": [f"127.0.0.1:{port}"], "recipients": "any"}}})
        site.exact = site.control = False
        for number in range(5):
            with site.client() as client:
                client.envelope()
                client.data(message(f"{number}\r\n..dots\r\n"))
        site.gateway.await_events("message", 5)
    check(len(os.listdir(directory)) == 5, f"{os.listdir(directory)}")


DOVECOT = """
base_dir = {run}/base
state_dir = {run}/state
log_path = {run}/log
protocols = lmtp
listen = 127.0.0.1
ssl = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_location = maildir:{run}/mail/%n
service anvil {{
  chroot =
}}
service lmtp {{
  inet_listener lmtp {{
    port = {port}
  }}
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {run}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {run}/users
}}
protocol lmtp {{
  postmaster_address = postmaster@example.test
}}
"""


def mail_owner():
    """Whose the mailboxes are: ours, or nobody's, for mail of root's is refused by Dovecot."""
    return pwd.getpwuid(os.getuid()) if os.getuid() else pwd.getpwnam("nobody")


def dovecot(case, port):
    """Dovecot's LMTP on loopback, with the users anna and bert."""
    program, run, owner = need_program("dovecot"), case.path("dovecot"), mail_owner()
    mail = os.path.join(run, "mail")
    os.makedirs(mail)
    os.chown(mail, owner.pw_uid, owner.pw_gid)
    for folder in (run, case.directory, os.path.dirname(case.directory)):
        os.chmod(folder, 0o755)
    internal = pwd.getpwuid(os.getuid())
    with open(os.path.join(run, "dovecot.conf"), "w") as file:
        file.write(
            DOVECOT.format(
                run=run, user=internal.pw_name, group=grp.getgrgid(internal.pw_gid).gr_name, port=port
            )
        )
    with open(os.path.join(run, "users"), "w") as file:
        for name in ("anna", "bert"):
            file.write(f"{name}@example.test:{{PLAIN}}x:{owner.pw_uid}:{owner.pw_gid}::{mail}/{name}::\n")
    return Server([program, "-F", "-c", os.path.join(run, "dovecot.conf")], port), run


def stored_in(run, user):
    folder = os.path.join(run, "mail", user, "new")
    return (
        [open(os.path.join(folder, name), "rb").read() for name in os.listdir(folder)]
        if os.path.isdir(folder)
        else []
    )


def test_real_dovecot_lmtp(case):
    """A real LMTP server's answers reach the client: unknown at RCPT, and one copy a recipient."""
    need_program("dovecot")
    port = free_port()
    server, run = dovecot(case, port)
    with server:
        site = case.site(
            {
                "routes": {"groupware": {"hosts": [f"lmtp://127.0.0.1:{port}"]}},
                "role_mailbox": "anna@example.test",
            }
        )
        site.exact = site.control = False
        with site.client() as client:
            client.mail()
            client.rcpt("anna@example.test")
            client.rcpt("bert@example.test")
            client.rcpt("nobody@example.test", "550 5.1.1")
            content = message("to dovecot\r\n.\r\n..\r\n")
            client.data(content)
        for user in ("anna", "bert"):
            mails = stored_in(run, user)
            check(len(mails) == 1, f"{user}: {len(mails)} copies")
            check(mails[0].replace(b"\r\n", b"\n").endswith(content.replace(b"\r\n", b"\n")), f"{mails[0]!r}")
        with site.client() as client:
            client.envelope("postmaster@example.test")
            client.data(message("role\r\n"))
        check(len(stored_in(run, "anna")) == 2, "the role mailbox")


POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {run}/spool
data_directory = {run}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
meta_directory = {run}/etc
mail_owner = {owner}
setgid_group = {setgid}
myhostname = hop.example.test
mydestination =
virtual_mailbox_domains = example.test
virtual_mailbox_maps = inline:{{anna@example.test=anna, it@example.test=it}}
virtual_mailbox_base = {run}/mail
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_recipient_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
alias_maps =
maillog_file = {run}/log
maillog_file_prefixes = {run}
"""


POSTFIX_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
"""


def postfix(case, port):
    """A Postfix of our own in the test's directory; the system's is not touched."""
    program, run = need_program("postfix"), case.path("postfix")
    if os.getuid() != 0:
        raise Skip("Postfix starts as root only")
    for folder in ("spool", "data", "etc", "mail"):
        os.makedirs(os.path.join(run, folder))
    for folder in (run, os.path.dirname(run), os.path.dirname(os.path.dirname(run))):
        os.chmod(folder, 0o755)
    owner = pwd.getpwnam("postfix")
    os.chown(os.path.join(run, "data"), owner.pw_uid, owner.pw_gid)
    os.chown(os.path.join(run, "mail"), owner.pw_uid, owner.pw_gid)
    daemons = next(
        (path for path in ("/usr/lib/postfix/sbin", "/usr/libexec/postfix") if os.path.isdir(path)), None
    )
    with open(os.path.join(run, "etc", "main.cf"), "w") as file:
        file.write(
            POSTFIX_MAIN.format(
                run=run,
                daemons=daemons,
                owner=owner.pw_name,
                setgid="postdrop",
                uid=owner.pw_uid,
                gid=owner.pw_gid,
            )
        )
    with open(os.path.join(run, "etc", "master.cf"), "w") as file:
        file.write(POSTFIX_MASTER.format(port=port))
    for name in ("postfix-files", "dynamicmaps.cf"):
        source = os.path.join("/etc/postfix", name)
        if os.path.exists(source):
            shutil.copy(source, os.path.join(run, "etc", name))
    subprocess.run([program, "-c", os.path.join(run, "etc"), "check"], capture_output=True, timeout=30)
    master = os.path.join(daemons, "master")
    return Server([master, "-c", os.path.join(run, "etc"), "-d"], port), run


def test_real_postfix_as_next_hop(case):
    """A real MTA: its own words for an unknown recipient, one message in, one out."""
    need_program("postfix")
    port = free_port()
    server, run = postfix(case, port)
    with server:
        site = case.site({"routes": {"groupware": {"hosts": [f"127.0.0.1:{port}"], "tls": "opportunistic"}}})
        site.exact = site.control = False
        with site.client() as client:
            client.mail()
            client.rcpt("anna@example.test")
            reply = client.rcpt("nobody@example.test", "550 5.1.1")
            check("unknown in virtual mailbox table" in reply.last, f"{reply}")
            client.data(message("to postfix\r\n.\r\nthe end\r\n"))
        folder = os.path.join(run, "mail")
        poll(lambda: os.path.exists(os.path.join(folder, "anna")), 20, "the mailbox")
        with open(os.path.join(folder, "anna"), "rb") as file:
            check(b"to postfix\n.\nthe end\n" in file.read(), "content")
        master = os.path.join(run, "spool", "pid", "master.pid")
        check(os.path.exists(master), "a master of our own")
