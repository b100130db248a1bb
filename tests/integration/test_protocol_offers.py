"""Group P, what EHLO offers and what the next hop can do (P25)."""

from harness.client import message
from harness.outcome import check


def test_P25_poor_next_hop(case):
    """Nothing but RFC 821: no parameter is forwarded that it did not offer (the next hop checks each)."""
    site = case.site(capabilities=[])
    content = "Subject: ümläut\r\n\r\nünïcode\r\n".encode()
    with site.client() as client:
        client.mail("a@example.net", f"SIZE={len(content)} BODY=8BITMIME")
        client.rcpt("anna@example.test")
        client.data(content)
        client.envelope()
        client.bdat(content, True)
        check("SMTPUTF8" not in client.offers and "DSN" not in client.offers, f"{client.offers}")
        client.mail("a@example.net", "SMTPUTF8", "555 5.5.4", "501 5.5.4", "504 5.5.4")
        client.mail("a@example.net", "RET=HDRS", "555 5.5.4", "501 5.5.4")
    site.expect_delivered(content, content)


def test_P25_rich_next_hop(case):
    hop = case.next_hop(capabilities=["SIZE 100000", "8BITMIME", "SMTPUTF8", "DSN", "PIPELINING"], known=None)
    site = case.site(hop=hop)
    site.deliver(message("learn\r\n"))
    with site.client() as client:
        client.mail("jörg@example.net", "SMTPUTF8 BODY=8BITMIME SIZE=500 RET=HDRS ENVID=abc+2B1")
        client.rcpt("ännä@example.test", parameters="NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@example.test")
        client.data(message("utf8\r\n"))
    site.expect_delivered(message("utf8\r\n"))
    stored = hop.await_messages(2)[1]
    check(
        stored.to == ["ännä@example.test"] and stored.sender == "jörg@example.net",
        f"{stored.to} {stored.sender}",
    )
    check(
        {"SMTPUTF8", "RET=HDRS", "ENVID=abc+2B1"} <= set(stored.sender_parameters),
        f"{stored.sender_parameters}",
    )
    check("NOTIFY=SUCCESS,FAILURE" in stored.recipients[0][1], f"{stored.recipients}")


def test_P25_smtputf8_refused_by_route(case):
    """Offered because one route has it; 550 5.6.7 at RCPT for the others."""
    able = case.next_hop(capabilities=["8BITMIME", "SMTPUTF8"])
    site = case.site(
        {
            "routes": {"able": {"hosts": [able.host], "tls": "never"}},
            "domains": {"example.com": {"route": "able"}},
        }
    )
    with site.client() as client:
        client.envelope("anna@example.com")
        client.data(message("learn\r\n"))
    site.deliver(message("learn too\r\n"))
    with site.client() as client:
        check("SMTPUTF8" in client.offers, f"{client.offers}")
        client.mail("jörg@example.net", "SMTPUTF8")
        client.rcpt("anna@example.test", "550 5.6.7")
        client.rcpt("anna@example.com")
        client.data(message("utf8\r\n"))


def test_P25_eight_bit_refused_by_route(case):
    site = case.site({"routes": {"groupware": {"eight_bit": "refuse"}}})
    with site.client() as client:
        client.mail("a@example.net", "BODY=8BITMIME")
        client.rcpt("anna@example.test", "554 5.6.3", "550 5.6.3")
