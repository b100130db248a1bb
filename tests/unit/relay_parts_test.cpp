// The pure parts: command lines, capabilities, replies passed on, hosts as text.
#include <doctest/doctest.h>

#include "proxy/relay/capabilities.h"
#include "proxy/relay/command.h"
#include "proxy/relay/route.h"
#include "proxy/relay/way.h"

namespace sallyport::relay {

TEST_CASE("R10 a command line with a control character is never built") {
  for (int c = 0; c < 0x20; ++c) {
    const std::string evil = std::string("a") + static_cast<char>(c) + "b";
    CHECK_FALSE(command_line({"RCPT TO:<", evil, ">"}).has_value());
    CHECK_FALSE(rcpt_command(evil, {}, {}).has_value());
    HopCapabilities dsn;
    dsn.dsn = true;
    mail::MailParameters with_envid;
    with_envid.envid = evil;
    CHECK_FALSE(rcpt_command("a", {.notify = "", .orcpt = evil}, dsn).has_value());
    CHECK_FALSE(mail_command({}, with_envid, 1, dsn).has_value());
  }
  CHECK_FALSE(command_line({"a\x7f"}).has_value());
  CHECK(command_line({"RCPT TO:<", "m\xc3\xbcller", ">"}).value() == "RCPT TO:<m\xc3\xbcller>\r\n");
  CHECK_FALSE(command_line({std::string(2048, 'x')}).has_value());
}

TEST_CASE("capabilities are read, kept and read back the same") {
  const auto read = HopCapabilities::parse({"hop.test STARTTLS", "size 1000", "PIPELINING", "8bitmime",
                                            "AUTH PLAIN LOGIN CRAM-MD5", "X-THING", "", "DSN "});
  HopCapabilities expected;
  expected.size_offered = expected.pipelining = expected.eight_bit = expected.dsn = true;
  expected.auth_plain = expected.auth_login = true;
  expected.size = 1000;
  CHECK(read == expected);
  CHECK(HopCapabilities::from_record(read.to_record()) == expected);
  CHECK(HopCapabilities::from_record("") == HopCapabilities{});
  CHECK(HopCapabilities::parse({"x", "SIZE 99999999999999999999999"}).size == 0);
}

TEST_CASE("what is passed on is bounded, printable and has an enhanced code of its class") {
  const auto long_text = passed_on(mail::reply(550, {}, std::string(5000, 'x')), Asked::recipient);
  CHECK(long_text.text.size() == 1000);
  CHECK(passed_on(mail::reply(550, {}, ""), Asked::recipient).text == "Refused by the destination");
  CHECK(passed_on(mail::reply(550, {}, "a\tb\x01"), Asked::content).text == "a?b?");
  CHECK(passed_on(mail::reply(421, {4, 3, 2}, "x"), Asked::content) == mail::reply(451, {4, 3, 2}, "x"));
  for (const int code : {450, 451, 452, 499, 500, 550, 551, 552, 553, 554, 599}) {
    for (const auto asked : {Asked::sender, Asked::recipient, Asked::content}) {
      CHECK(passed_on(mail::reply(code, {}, "x"), asked).enhanced.klass == code / 100);
      CHECK(passed_on(mail::reply(code, {2, 0, 0}, "x"), asked).enhanced.klass == code / 100);
    }
  }
}

TEST_CASE("hosts as an admin writes them") {
  CHECK(Host{.name = "10.0.0.25", .port = 25}.to_string() == "10.0.0.25:25");
  CHECK(Host{.name = "mail.example.com", .port = 24, .lmtp = true}.to_string() ==
        "lmtp://mail.example.com:24");
  CHECK(Host{.name = "::1", .port = 465, .implicit_tls = true}.to_string() == "smtps://[::1]:465");
}

}  // namespace sallyport::relay
