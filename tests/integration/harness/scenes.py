"""Moves that many tests make, and pieces of configuration that go with them."""

from .client import message, stuffed

QUICK = {"timeouts": {"connect": "1s", "greeting": "1s", "command": "1s", "data": "2s"}}


def route(**settings):
    return {"routes": {"groupware": settings}}


def offer(client, *recipients, content=None):
    """A transaction up to the answer to the dot, whatever it is."""
    client.mail()
    for recipient in recipients or ("anna@example.test",):
        reply = ask(client, recipient)
        if reply.code != 250:
            return reply
    client.command("DATA", "354")
    client.send(stuffed(content or message()))
    return client.read_reply()


def ask(client, recipient, *wanted, raw=None):
    """RCPT, with any answer or with one that is wanted; `raw`: the line as it is."""
    client.line(f"RCPT TO:<{recipient}>" if raw is None else raw)
    return client.expect(*wanted) if wanted else client.read_reply()


def known_first(site, content=None):
    """A delivery, so that the recipient is known from now on and what follows is about the way."""
    return site.deliver(content or message("first\r\n"))


def big(octets):
    return message(("w" * 76 + "\r\n") * (octets // 78))


# Environment of a gateway under strace, which takes the place that the leak check would need.
TRACED = {"ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1:quarantine_size_mb=32"}
