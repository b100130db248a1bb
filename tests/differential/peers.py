"""The two that are compared, each with a sink of its own, set up alike for a group of sessions."""

import os
import tempfile

from harness import certificates
from harness.gateway import Gateway, base_config, merged
from harness.ports import free_port
from harness.postfix import before_queue
from sink import Sink
from test_dialogues import configuration

LIMITS = {
    "errors": "smtpd_hard_error_limit",
    "junk": "smtpd_junk_command_limit",
    "recipients": "smtpd_recipient_limit",
    "message_size": "message_size_limit",
}
OURS = 50_000_000  # limits.message_size, as shipped


def sink_for(settings):
    return Sink([name.upper() for name in ("smtputf8", "dsn") if name in settings])


class Ours:
    name = "ours"

    def __init__(self, binary, directory, settings):
        self.sink, self.port = sink_for(settings), free_port()
        os.makedirs(os.path.join(directory, "tmp"))
        config = base_config(directory, f"127.0.0.1:{self.sink.port}", self.port)
        self.gateway = Gateway(binary, directory, merged(config, configuration(None, settings)))
        self.gateway.start()

    def stop(self):
        self.gateway.terminate()
        self.sink.close()


class Theirs:
    """Postfix with its own defaults, and with what its authors recommend against smuggling and injection."""

    name = "theirs"

    def __init__(self, binary, directory, settings):
        self.sink = sink_for(settings)
        self.postfix = before_queue(directory, self.sink.port, settings=self.written(settings))
        self.port = self.postfix.port

    def written(self, settings):
        pair = certificates.self_signed("mx.example.test")
        level = "none" if "no_starttls" in settings else "encrypt" if "tls_required" in settings else "may"
        kind = {"lenient", "normalize"} & set(settings)
        return {
            "smtpd_tls_cert_file": pair.certificate,
            "smtpd_tls_key_file": pair.key,
            "smtpd_tls_security_level": level,
            "smtpd_tls_wrappermode": "yes" if "implicit_tls" in settings else "no",
            "smtpd_forbid_bare_newline": "normalize" if kind else "reject",
            "smtpd_helo_required": "yes",
            "parent_domain_matches_subdomains": "",
            "smtpd_forbid_unauth_pipelining": "yes",
            "smtpd_error_sleep_time": "0",
            "smtpd_discard_ehlo_keywords": "etrn" if "dsn" in settings else "etrn, dsn",
            "smtputf8_enable": "yes" if "smtputf8" in settings else "no",
            "message_size_limit": str(OURS),
            **{LIMITS[name]: settings[name] for name in LIMITS if name in settings},
        }

    def stop(self):
        self.postfix.stop()
        self.sink.close()


def directory_in(root):
    return tempfile.mkdtemp(dir=root)
