#include <doctest/doctest.h>

#include <string>

#include "proxy/smtp/command_line.h"
#include "proxy/smtp/sasl.h"

namespace sallyport::smtp {
namespace {

TEST_CASE("verbs are read in any case of letters, and as a whole word") {
  CHECK(parse_command("mAiL FROM:<>").verb == Verb::mail);
  CHECK(parse_command("MAIL  FROM:<> ").argument == "FROM:<>");
  CHECK(parse_command("DATA_").verb == Verb::unknown);
  CHECK(parse_command("MAILFROM:<>").verb == Verb::unknown);
  CHECK(parse_command("").verb == Verb::unknown);
  CHECK(parse_command("QUIT ").argument == "");
  CHECK(parse_command("ETRN x").verb == Verb::obsolete);
  CHECK(parse_command("XCLIENT x").verb == Verb::trusted_only);
}

TEST_CASE("P17 other protocols") {
  for (const char* line :
       {"GET / HTTP/1.1", "post /", "CONNECT x:25 HTTP/1.0", "PUT", "PRI * HTTP/2.0", "SSH-2.0-x", "*1"})
    CHECK_MESSAGE(is_other_protocol(line), line);
  for (const char* line : {"GETTING", "NOOP GET", "*", "SSH", ""})
    CHECK_FALSE_MESSAGE(is_other_protocol(line), line);
  CHECK(is_other_protocol('\x16'));
  CHECK(is_other_protocol('\x03'));
  CHECK_FALSE(is_other_protocol('\0'));
  CHECK_FALSE(is_other_protocol('E'));
}

TEST_CASE("P31 HELO names") {
  for (const char* name :
       {"mx.example", "localhost", "under_score", "[192.0.2.1]", "[IPv6:2001:db8::1]", "x%0d%0a"})
    CHECK_MESSAGE(is_helo_name(name), name);
  for (const char* name : {"", "a b", "a\tb", "[999.1.1.1]", "[", "\xc3\xa9.example", "a\x7f"})
    CHECK_FALSE_MESSAGE(is_helo_name(name), name);
  CHECK(is_helo_name(std::string(255, 'a')));
  CHECK_FALSE(is_helo_name(std::string(256, 'a')));
}

TEST_CASE("R15 paths, strict and kind") {
  PathArgument out;
  const auto strict = [&](std::string_view text) { return split_path_argument("TO", text, false, out); };
  const auto kind = [&](std::string_view text) { return split_path_argument("TO", text, true, out); };

  CHECK(strict("TO:<a@b> X=1  Y") == PathArgumentFault::none);
  CHECK(out.path == "a@b");
  CHECK(out.parameters == " X=1  Y");
  CHECK(strict("to:<\"a> b\"@c>") == PathArgumentFault::none);
  CHECK(out.path == "\"a> b\"@c");
  CHECK(strict("FROM:<a@b>") == PathArgumentFault::keyword);
  CHECK(strict("TO") == PathArgumentFault::keyword);
  CHECK(strict("TO :<a@b>") == PathArgumentFault::keyword);
  CHECK(strict("TO:") == PathArgumentFault::brackets);
  CHECK(strict("TO: <a@b>") == PathArgumentFault::brackets);
  CHECK(strict("TO:a@b") == PathArgumentFault::brackets);
  CHECK(strict("TO:<a@b>X=1") == PathArgumentFault::brackets);
  CHECK(strict("TO:<a@b") == PathArgumentFault::brackets);

  CHECK(kind("TO : <a@b> X") == PathArgumentFault::none);
  CHECK(kind("TO: a@b X=1") == PathArgumentFault::none);
  CHECK(out.path == "a@b");
  CHECK(out.parameters == " X=1");
  CHECK(kind("TO:") == PathArgumentFault::brackets);
  CHECK(kind("TO:<a@b>X") == PathArgumentFault::brackets);
}

TEST_CASE("P19 BDAT arguments") {
  REQUIRE(parse_chunk_argument("18446744073709551615 last"));
  CHECK(parse_chunk_argument("18446744073709551615 last")->octets == 18446744073709551615U);
  CHECK(parse_chunk_argument("18446744073709551615 last")->last);
  CHECK_FALSE(parse_chunk_argument("0")->last);
  for (const char* text : {"", "-1", "+5", "0x10", "1e9", "18446744073709551616", "5 5", "5 LASTX",
                           "5 LAST x", "LAST", "5LAST"})
    CHECK_FALSE_MESSAGE(parse_chunk_argument(text), text);
}

TEST_CASE("AUTH arguments") {
  CHECK(split_auth_argument("PLAIN").mechanism == "PLAIN");
  CHECK_FALSE(split_auth_argument("PLAIN").initial_response);
  CHECK(split_auth_argument("PLAIN =").initial_response == "=");
}

TEST_CASE("P29 SASL PLAIN") {
  using namespace std::string_view_literals;
  const auto credentials = parse_plain("z\0user\0pass"sv);
  REQUIRE(credentials);
  CHECK(credentials->authorize_as == "z");
  CHECK(credentials->user == "user");
  CHECK(credentials->password == "pass");
  for (const auto text :
       {""sv, "user"sv, "user\0pass"sv, "\0\0pass"sv, "\0user\0"sv, "\0user\0pass\0"sv, "\0u\0p\0\0"sv})
    CHECK_FALSE(parse_plain(text));
}

}  // namespace
}  // namespace sallyport::smtp
