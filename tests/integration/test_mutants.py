"""Each known bug of the faults build does its harm, and the gateway without it does not: what the proofs of
the harness (tests/chaos) rest on."""

import threading

from harness.client import message, stuffed
from harness.next_hop_script import close, hold
from harness.outcome import check
from harness.scenes import offer


def with_mutant(case, name, **options):
    site = case.site(environment={"SALLYPORT_MUTANT": name}, **options)
    site.exact = site.control = site.count_sessions = False
    return site


def both(case, name, scene, **options):
    """What the scene tells of the gateway with the bug, and without."""
    return scene(with_mutant(case, name, **options)), scene(with_mutant(case, "", **options))


def held(site):
    return site.hop.messages + site.hop.unanswered


def test_mutant_early_250(case):
    def scene(site):
        site.hop.on("DOT", "451 4.3.0 not now")
        with site.client() as client:
            return offer(client).code

    check(both(case, "early-250", scene) == (250, 451), "a next hop's refusal")


def test_mutant_retry_after_dot(case):
    def scene(site):
        site.hop.on("DOT", close, times=1)
        with site.client() as client:
            return offer(client).code, len(held(site))

    check(both(case, "retry-after-dot", scene) == ((250, 2), (451, 1)), "a connection that broke after the dot")


def test_mutant_skipped_fsync(case):
    def scene(site):
        content = message(Message_ID="<one@example.net>")
        answer = threading.Event()
        site.hop.on("DOT", hold(answer, "250 2.0.0 taken"), times=1)
        client = site.client()
        client.envelope()
        client.command("DATA", "354")
        client.send(stuffed(content))
        site.hop.await_true(lambda: site.hop.dots() == 1, 15, "the dot")
        client.reset()
        answer.set()
        site.gateway.await_event("ack_unconfirmed")
        site.gateway.kill()
        site.gateway.start()
        site.deliver(content)
        return len(held(site))

    check(both(case, "skipped-fsync", scene) == (2, 1), "a retry after kill -9")


def test_mutant_recipients_not_reset(case):
    def scene(site):
        with site.client() as client:
            for recipient in ("anna@example.test", "bert@example.test"):
                client.envelope(recipient)
                client.data(message())
        return [sorted(one.to) for one in site.hop.messages]

    anna, bert = "anna@example.test", "bert@example.test"
    check(both(case, "recipients-not-reset", scene) == ([[anna], [anna, bert]], [[anna], [bert]]), "two mails")


def test_mutant_truncated_header(case):
    def scene(site):
        content = site.deliver(message())
        return site.hop.messages[0].own_content == content

    check(both(case, "truncated-header", scene) == (False, True), "content")


def test_mutant_names_are_checked(case):
    """A misspelled name must not make a test pass because nothing happens."""
    site = case.site(start=False)
    for variable in ("SALLYPORT_MUTANT", "SALLYPORT_CRASH"):
        site.gateway.environment[variable] = "early-251"
        ended = site.gateway.run("--version")
        check(ended.returncode == 64 and variable in ended.stderr, f"{variable}: {ended}")
        del site.gateway.environment[variable]


for one in [value for name, value in list(globals().items()) if name.startswith("test_")]:
    one.build = "faults"
