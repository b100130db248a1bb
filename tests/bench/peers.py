"""The servers that are measured, each as it is usually set up, all between the same client and the same next hop."""

import json
import os
import re
import resource
import shutil
import subprocess

from harness import postfix
from harness.outcome import Skip
from harness.ports import free_port
from harness.server import Server
from harness.setups import need_program

SESSIONS = 12_000  # at once; `load` wants 10,000 and closes some while it opens others
TARGET_DOMAIN = "example.com"


class Setting:
    """Where a peer may write, who its next hop is, the certificate it shows, the group it is accounted in."""

    def __init__(self, directory, hop_port, pair, group):
        self.directory, self.hop_port, self.pair, self.group = directory, hop_port, pair, group
        self.port = free_port()
        os.makedirs(directory)

    def file(self, name, text):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path


def first_line(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=20)
    return (result.stdout + result.stderr).strip().split("\n")[0]


class Peer:
    starttls = False  # does it offer it
    sessions = SESSIONS  # at once, at most

    def __init__(self, setting):
        self.setting, self.port = setting, setting.port
        self.server = self.start(setting)
        setting.group.leader = self.server.pid

    def start(self, setting):
        return Server([*setting.group.wrapper, *self.command(setting)], setting.port, timeout=30)

    def stop(self):
        self.server.stop()

    def restart(self):
        """As new: without the memory that an allocator keeps of what it served before."""
        self.stop()
        shutil.rmtree(self.setting.directory)
        os.makedirs(self.setting.directory)
        self.server = self.start(self.setting)
        self.setting.group.leader = self.server.pid


class Sallyport(Peer):
    """The shipped configuration, and what a site has to fill in."""

    name, starttls = "sallyport", True
    binary = "build/release/proxy/sallyport"

    def command(self, setting):
        conf = os.path.join(setting.directory, "conf.d")
        shutil.copytree("conf.d", conf)
        os.makedirs(os.path.join(setting.directory, "state"))
        setting.file("conf.d/90-bench.json", json.dumps(self.site(setting), indent=2))
        return [self.binary, "serve", "-c", conf]

    def site(self, setting):
        state = os.path.join(setting.directory, "state")
        return {
            "hostname": "mx.example.com",
            "domains": {TARGET_DOMAIN: {"route": "groupware"}},
            "routes": {"groupware": {"hosts": [f"127.0.0.1:{setting.hop_port}"], "max_connections": 15}},
            "role_mailbox": f"user@{TARGET_DOMAIN}",
            "listeners": {"mx": {"bind": [f"127.0.0.1:{setting.port}"]}},
            "tls": {"certificate": setting.pair.certificate, "key": setting.pair.key},
            "limits": {"sessions": SESSIONS},
            "checks": {"early_talker": {"mode": "off"}},
            "state": {"sqlite": os.path.join(state, "state.db")},
            "temp_directory": state,
        }

    @classmethod
    def version(cls):
        return first_line(cls.binary, "--version")


class HaProxy(Peer):
    """Copies octets and understands none of them: the least that a relay between two connections costs."""

    name = "haproxy"

    def command(self, setting):
        # Two descriptors a session; where there are not enough, the last sessions wait in the backlog.
        most = min(SESSIONS, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200) // 2)
        config = f"""
global
    maxconn {most}
    nbthread 1
defaults
    mode tcp
    maxconn {most}
    timeout connect 5s
    timeout client 300s
    timeout server 300s
listen smtp
    bind 127.0.0.1:{setting.port} backlog 4096
    server hop 127.0.0.1:{setting.hop_port}
"""
        return [need_program("haproxy"), "-db", "-f", setting.file("haproxy.cfg", config)]

    @classmethod
    def version(cls):
        return first_line(need_program("haproxy"), "-v")


class Nginx(Peer):
    """Speaks SMTP up to the first RCPT, asks an HTTP server for the next hop (itself here), then copies octets."""

    name, starttls = "nginx", True
    module = "/usr/lib/nginx/modules/ngx_mail_module.so"

    def command(self, setting):
        program = need_program("nginx")
        if not os.path.exists(self.module):
            raise Skip("libnginx-mod-mail is not installed")
        authority, temporary = free_port(), os.path.join(setting.directory, "temporary")
        paths = " ".join(f"{kind}_temp_path {temporary};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = f"""
load_module {self.module};
daemon off; worker_processes 1; pid {setting.directory}/pid; error_log {setting.directory}/errors warn;
events {{ worker_connections 16384; }}
http {{
  access_log off; {paths}
  server {{
    listen 127.0.0.1:{authority} backlog=4096;
    location = / {{
      add_header Auth-Status OK; add_header Auth-Server 127.0.0.1; add_header Auth-Port {setting.hop_port};
      return 200;
    }}
  }}
}}
mail {{
  server_name mx.example.com; auth_http 127.0.0.1:{authority}/; xclient off; proxy_pass_error_message on;
  ssl_certificate {setting.pair.certificate}; ssl_certificate_key {setting.pair.key};
  ssl_session_cache off; ssl_session_tickets off;
  server {{
    listen 127.0.0.1:{setting.port} backlog=4096; protocol smtp; smtp_auth none; starttls on;
    timeout 300s; proxy_timeout 300s; smtp_capabilities "SIZE 52428800" 8BITMIME;
  }}
}}
"""
        os.makedirs(temporary)
        path = setting.file("nginx.conf", config)
        return [program, "-c", path, "-p", setting.directory, "-e", f"{setting.directory}/errors"]

    @classmethod
    def version(cls):
        return first_line(need_program("nginx"), "-v")


class Postfix(Peer):
    """smtpd_proxy_filter: the next hop answers for the message before the client hears anything, as with us."""

    name, starttls, sessions = "postfix", True, 100

    def settings(self, setting):
        return {
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": setting.pair.certificate,
            "smtpd_tls_key_file": setting.pair.key,
            "message_size_limit": "52428800",
        }

    def wrapper(self, setting):
        return setting.group.wrapper

    def start(self, setting):
        self.postfix = postfix.before_queue(
            os.path.join(setting.directory, "postfix"),
            setting.hop_port,
            domains=(TARGET_DOMAIN,),
            settings=self.settings(setting),
            port=setting.port,
            processes=self.sessions,
            wrapper=self.wrapper(setting),
        )
        return self.postfix.server

    def stop(self):
        self.postfix.stop()

    @classmethod
    def version(cls):
        return "Postfix " + first_line("postconf", "-hd", "mail_version")


class Haraka(Peer):
    """From npm: $HARAKA names the folder that has node_modules/Haraka."""

    name, starttls, sessions = "haraka", True, 400

    @staticmethod
    def home():
        home = os.path.join(os.environ.get("HARAKA", "/opt/haraka"), "node_modules/Haraka")
        if not os.path.isdir(home):
            raise Skip("Haraka is not installed (npm install Haraka; HARAKA=its folder)")
        return home

    def command(self, setting):
        home, node = self.home(), need_program("node")
        write = setting.file
        write("config/smtp.ini", f"listen=127.0.0.1:{setting.port}\nnodes=0\ninactivity_timeout=300\n")
        write("config/me", "mx.example.com\n")
        write("config/host_list", f"{TARGET_DOMAIN}\n")
        write("config/log.ini", "[main]\nlevel=info\n")
        write("config/smtp_forward.ini", f"host=127.0.0.1\nport={setting.hop_port}\n")
        write("config/tls.ini", f"[main]\nkey={setting.pair.key}\ncert={setting.pair.certificate}\n")
        write("config/plugins", "tls\nrcpt_to.in_host_list\nqueue/smtp_forward\n")
        shutil.copy(os.path.join(home, "config/connection.ini"), os.path.join(setting.directory, "config"))
        parameters = os.path.join(setting.directory, "config/dhparams.pem")
        subprocess.run(["openssl", "dhparam", "-dsaparam", "-out", parameters, "2048"], capture_output=True, check=True)
        os.makedirs(os.path.join(setting.directory, "queue"))
        return [node, os.path.join(home, "bin/haraka"), "-c", setting.directory]

    @classmethod
    def version(cls):
        with open(os.path.join(cls.home(), "package.json")) as file:
            return "Haraka " + re.search(r'"version": "(.+)"', file.read())[1]


PEERS = {peer.name: peer for peer in (Sallyport, HaProxy, Nginx, Postfix, Haraka)}
