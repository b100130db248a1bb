#include "proxy/demo_sessions.h"

namespace sallyport::proxy {
namespace {

using enum DemoStep::Kind;

std::string message(const std::string& subject, const std::string& body) {
  return "From: Carol <carol@example.net>\r\nTo: Anna <anna@example.com>\r\nSubject: " + subject +
         "\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <" + std::to_string(subject.size()) +
         ".demo@example.net>\r\n\r\n" + body;
}

constexpr const char* kClient = "client.example.net";

std::vector<DemoStep> opening(const std::string& recipient, int expect, const std::string& helo = kClient) {
  return {{say, "EHLO " + helo, 250},
          {say, "MAIL FROM:<carol@example.net>", 250},
          {say, "RCPT TO:<" + recipient + ">", expect}};
}

std::vector<DemoStep> refused_at_rcpt(const std::string& recipient, const std::string& helo = kClient) {
  auto steps = opening(recipient, 550, helo);
  steps.push_back({say, "QUIT", 221});
  return steps;
}

std::vector<DemoStep> delivered(const std::string& subject, const std::string& helo = kClient) {
  auto steps = opening("anna@example.com", 250, helo);
  steps.push_back({say, "DATA", 354});
  steps.push_back(
      {content, message(subject, "Hello Anna,\r\nshall we meet at the gate?\r\n") + ".\r\n", 250});
  steps.push_back({say, "QUIT", 221});
  return steps;
}

std::vector<DemoStep> smuggling() {
  auto steps = opening("anna@example.com", 250);
  steps.push_back({say, "DATA", 354});
  std::string hidden =
      "\n.\nMAIL FROM:<boss@example.com>\r\nRCPT TO:<anna@example.com>\r\nDATA\r\nFrom: boss\r\n\r\nPay "
      "this.\r\n";
  steps.push_back({content, message("two in one", "Nothing to see here.") + hidden + ".\r\n", 550});
  return steps;
}

std::vector<DemoStep> under_tls() {
  std::vector<DemoStep> steps = {{say, "EHLO client.example.net", 250}, {start_tls, "STARTTLS", 220}};
  auto rest = delivered("over TLS");
  steps.insert(steps.end(), rest.begin(), rest.end());
  return steps;
}

std::vector<DemoSession> make_sessions() {
  return {
      {"A mail is delivered",
       "The 250 behind the final dot is the internal server's own.",
       {},
       delivered("first mail"),
       1,
       "It is on the internal server's disk before the client hears 250."},
      {"An unknown recipient",
       "The internal server is asked at RCPT, before a byte of the message comes.",
       {},
       refused_at_rcpt("nobody@example.com"),
       0,
       "Refused in the session: no bounce is ever needed."},
      {"A relay attempt",
       "example.org is none of our domains, and this client has no right to relay.",
       {},
       refused_at_rcpt("victim@example.org"),
       0,
       "Not an open relay."},
      {"A percent hack",
       "The local part asks us to pass the mail on to another host.",
       {},
       refused_at_rcpt("victim%example.org@example.com"),
       0,
       "The internal server never sees it."},
      {"A smuggling attempt",
       "A bare LF.LF tries to end the message early and hide a second one behind it.",
       {},
       smuggling(),
       0,
       "Only CRLF.CRLF ends a message: neither the cover nor the hidden mail went through."},
      {"A mail over STARTTLS",
       "The same mail as the first, under TLS.",
       {},
       under_tls(),
       1,
       "Its Received header names protocol and cipher."},
      {"A stranger that may send",
       "A front end names the client's address: reverse name, HELO, SPF and a DNS list are asked about it.",
       "203.0.113.25", delivered("from a stranger", "mx.example.net"), 1,
       "All of it was asked while the client was still talking; the event has every answer."},
      {"A stranger that may not",
       "It claims to send for example.net too, from an address that no reverse name and no SPF record has.",
       "198.51.100.66", refused_at_rcpt("anna@example.com", "mx.example.net"), 0,
       "Refused in one sentence that says why, and whom to ask: a list, SPF, a missing reverse name."},
  };
}

constexpr std::string_view kZone = R"($ORIGIN example.net.
@   MX 10 mx
@   TXT "v=spf1 mx -all"
mx  A 203.0.113.25
25.113.0.203.in-addr.arpa. PTR mx
66.100.51.198.bl.example.  A 127.0.0.2
66.100.51.198.bl.example.  TXT "sent spam on Friday, see https://bl.example/198.51.100.66"
2.0.0.127.bl.example.      A 127.0.0.2
)";

}  // namespace

std::string_view demo_zone() { return kZone; }

std::span<const DemoSession> demo_sessions() {
  static const std::vector<DemoSession> sessions = make_sessions();
  return sessions;
}

}  // namespace sallyport::proxy
