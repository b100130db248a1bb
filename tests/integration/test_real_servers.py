"""Other people's programs at both ends: swaks, smtp-source, smtp-sink, Dovecot's LMTP, Postfix."""

import getpass
import grp
import os
import pwd
import subprocess

from harness.client import Client, message
from harness.outcome import Skip, check, poll
from harness.ports import free_port
from harness.postfix import Postfix, before_queue, need_postfix
from harness.server import Server
from harness.setups import need_program, users_file, with_tls


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


def mailboxes(run, *names):
    """Postfix delivers to these, into its folder mail, and knows nobody else."""
    owner = pwd.getpwnam("postfix")
    return {
        "virtual_mailbox_domains": "example.test",
        "virtual_mailbox_maps": f"inline:{{{', '.join(f'{name}@example.test={name}' for name in names)}}}",
        "virtual_mailbox_base": os.path.join(run, "mail"),
        "virtual_uid_maps": f"static:{owner.pw_uid}",
        "virtual_gid_maps": f"static:{owner.pw_gid}",
        "virtual_minimum_uid": "1",
    }


def test_real_postfix_as_next_hop(case):
    """A real MTA: its own words for an unknown recipient, one message in, one out."""
    need_postfix()
    run = case.path("postfix")
    settings = {**mailboxes(run, "anna", "it"), "myhostname": "hop.example.test"}
    with Postfix(run, settings=settings) as server:
        host = f"127.0.0.1:{server.port}"
        site = case.site({"routes": {"groupware": {"hosts": [host], "tls": "opportunistic"}}})
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
        with open(os.path.join(run, "spool", "pid", "master.pid")) as file:
            check(int(file.read()) == server.pid, "a master of our own")


def test_R02_R04_paths_that_postfix_would_follow(case):
    """It trusts us, reads local parts without their quotes, and passes on what then names another host."""
    need_postfix()
    run = case.path("postfix")
    settings = {
        "myhostname": "hop.example.test",
        "mydestination": "example.test",
        "local_recipient_maps": "",
        "local_transport": f"smtp:[127.0.0.1]:{free_port()}",
        "mynetworks": "127.0.0.0/8",
        "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
        "relayhost": f"[127.0.0.1]:{free_port()}",
    }
    paths = [
        '"u%remote.host"@example.test',
        '"u\\%remote.host"@example.test',
        '"u@remote.host"@example.test',
        '"u\\@remote.host"@example.test',
        "remote.host!u@example.test",
        '"remote.host!u"@example.test',
    ]
    with Postfix(run, settings=settings) as server:
        host = f"127.0.0.1:{server.port}"
        with Client(("127.0.0.1", server.port)) as client:
            client.hello()
            client.mail()
            client.rcpt(paths[0])  # so it would
        site = case.site({"routes": {"groupware": {"hosts": [host]}}, "barring": {"recipients": ""}})
        site.exact = site.control = False
        with site.client() as client:
            client.mail()
            for to in paths:
                client.rcpt(to, "550 5.7.1")
            client.rcpt('"anna"@example.test')


def test_real_postfix_as_client(case):
    """Postfix speaks to us for its client, before its queue: our answers, word for word, are the client's."""
    need_postfix()
    site = case.site()
    site.exact = site.count_sessions = False
    with before_queue(case.path("postfix"), site.port) as server:
        with Client(("127.0.0.1", server.port)) as client:
            client.hello()
            client.mail("sender@example.net")
            client.rcpt("anna@example.test")
            refusal = client.rcpt("nobody@example.test", "550 5.1.1")
            check(refusal.id, f"not our words: {refusal}")
            content = message("through Postfix\r\n.\r\n..\r\n")
            client.data(content)
            client.quit()
    stored = site.hop.await_messages(1)[0]
    check(stored.own_content.endswith(content), f"{stored.own_content!r}")
