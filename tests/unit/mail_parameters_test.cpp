#include <doctest/doctest.h>

#include <string>

#include "base/mail/parameters.h"

using namespace sallyport::mail;
using enum ParameterFault;

namespace {

constexpr ParameterRules all{.smtputf8 = true, .dsn = true, .auth = true};

ParameterFault mail_fault(std::string_view text, const ParameterRules& rules = all) {
  MailParameters out;
  return parse_mail_parameters(text, rules, out);
}

ParameterFault rcpt_fault(std::string_view text, const ParameterRules& rules = all) {
  RcptParameters out;
  return parse_rcpt_parameters(text, rules, out);
}

MailParameters mail(std::string_view text) {
  MailParameters out;
  CHECK_MESSAGE(parse_mail_parameters(text, all, out) == none, text);
  return out;
}

RcptParameters rcpt(std::string_view text) {
  RcptParameters out;
  CHECK_MESSAGE(parse_rcpt_parameters(text, all, out) == none, text);
  return out;
}

}  // namespace

TEST_CASE("parameters: all of MAIL's at once, in any case of letters") {
  const MailParameters out = mail(" size=500000 Body=8bitmime SMTPUTF8 ret=hdrs ENVID=QQ+2B314 AUTH=<>");
  CHECK(out.size == 500000);
  CHECK(out.eight_bit);
  CHECK(out.body_given);
  CHECK(out.smtputf8);
  CHECK(out.ret == "HDRS");
  CHECK(out.envid == "QQ+2B314");
}

TEST_CASE("parameters: none, and blanks around them") {
  const MailParameters out = mail("");
  CHECK_FALSE(out.size);
  CHECK_FALSE(out.body_given);
  CHECK(mail_fault("   ") == none);
  CHECK(mail("   SIZE=1   BODY=7BIT  ").size == 1);
  CHECK_FALSE(mail(" BODY=7BIT").eight_bit);
  CHECK(mail(" BODY=7BIT").body_given);
  CHECK(mail_fault("SIZE=1") == malformed);
  CHECK(mail_fault(">>>>") == malformed);
  CHECK(mail_fault("\tSIZE=1") == malformed);
  CHECK(mail_fault(" SIZE=1\tBODY=7BIT") == malformed);
}

TEST_CASE("P23: SIZE that lies or is no number") {
  CHECK(mail(" SIZE=0").size == 0);
  CHECK(mail(" SIZE=18446744073709551615").size == UINT64_MAX);
  CHECK(mail_fault(" SIZE=18446744073709551616") == too_large);
  CHECK(mail_fault(" SIZE=99999999999999999999") == too_large);
  CHECK(mail_fault(" SIZE=" + std::string(400, '9')) == too_large);
  CHECK(mail_fault(" SIZE=1 SIZE=1") == doubled);
  for (const char* text : {" SIZE=", " SIZE", " SIZE=ABC", " SIZE=-1", " SIZE=-100", " SIZE=+1",
                           " SIZE=0x10", " SIZE=1e9", " SIZE=1=2"})
    CHECK_MESSAGE(mail_fault(text) == malformed, text);
}

TEST_CASE("P32: unknown parameters, and those not offered") {
  for (const char* text : {" HELLO=WORLD", " VERY-LONG-AND-INVALID=PARAM", " BODY=BINARYMIME",
                           " NOTIFY=NEVER", " X", " HOLDFOR=1"})
    CHECK_MESSAGE(mail_fault(text) == unknown, text);
  CHECK(rcpt_fault(" SIZE=1") == unknown);
  CHECK(rcpt_fault(" CONNEG") == unknown);
  const ParameterRules nothing{.size = false, .eight_bit = false};
  for (const char* text : {" SIZE=1", " BODY=7BIT", " SMTPUTF8", " RET=FULL", " ENVID=x", " AUTH=<>"})
    CHECK_MESSAGE(mail_fault(text, nothing) == unknown, text);
  for (const char* text : {" NOTIFY=NEVER", " ORCPT=rfc822;u@x"})
    CHECK(rcpt_fault(text, nothing) == unknown);
}

TEST_CASE("P32: doubled parameters") {
  for (const char* text : {" BODY=7BIT BODY=8BITMIME", " SMTPUTF8 smtputf8", " RET=HDRS RET=FULL",
                           " ENVID=a ENVID=a", " AUTH=<> AUTH=<>"})
    CHECK_MESSAGE(mail_fault(text) == doubled, text);
  CHECK(rcpt_fault(" NOTIFY=NEVER NOTIFY=NEVER") == doubled);
  CHECK(rcpt_fault(" ORCPT=rfc822;a ORCPT=rfc822;b") == doubled);
}

TEST_CASE("P32: malformed keywords and values") {
  using namespace std::string_literals;
  for (const std::string& text :
       {" =1"s, " -X=1"s, " X_Y=1"s, " BODY=OTHER"s, " BODY="s, " BODY"s, " SMTPUTF8=YES"s, " SMTPUTF8="s,
        " RET="s, " RET"s, " RET=ENCHILADA"s, " ENVID="s, " AUTH="s, " AUTH=a=b"s, " AUTH=a+0D"s,
        " X=a\0b"s, " X=a\rb"s, " X=\x7f"s, " \xc3\xa9=1"s})
    CHECK_MESSAGE(mail_fault(text) == malformed, text);
  CHECK(mail_fault(" AUTH=e+3Dmc2@example.com") == none);
}

TEST_CASE("P32: NOTIFY") {
  for (const char* value :
       {"NEVER", "never", "FAILURE", "FAILURE,DELAY", "SUCCESS,FAILURE,DELAY", "delay,Success"})
    CHECK(rcpt(std::string(" NOTIFY=") + value).notify == value);
  for (const char* value :
       {"", "FAILURE,NEVER", "NEVER,NEVER", "CHIMICHANGA", "FAILURE,FAILURE", "FAILURE,", ",FAILURE",
        "FAILURE,,DELAY", ",", "SUCCESS;FAILURE", "SUCCESS,FAILURE,DELAY,SUCCESS"})
    CHECK_MESSAGE(rcpt_fault(std::string(" NOTIFY=") + value) == malformed, value);
}

TEST_CASE("P32: xtext that decodes to control characters never gets through") {
  CHECK(rcpt(" ORCPT=rfc822;Bob@Example.COM").orcpt == "rfc822;Bob@Example.COM");
  CHECK(rcpt(" ORCPT=rfc822;George+20@Tax-+20ME+20.GOV").orcpt == "rfc822;George+20@Tax-+20ME+20.GOV");
  for (const char* value : {"rfc822;+0D+0ARCPT", "rfc822;a+00", "rfc822;a+7F", "rfc822;a+", "rfc822;a+4",
                            "rfc822;a+4G", "rfc822;a=b", "rfc822;a+C3+A9", "", ";hello@domain.org",
                            "rfc822;", ";", "rfc822", "rfc 822;x", "rfc+20;x", "rfc822;\xc3\xa9"})
    CHECK_MESSAGE(rcpt_fault(std::string(" ORCPT=") + value) == malformed, value);
}

TEST_CASE("P32: lengths of ENVID and ORCPT") {
  CHECK(mail_fault(" ENVID=" + std::string(100, 'a')) == none);
  CHECK(mail_fault(" ENVID=" + std::string(101, 'a')) == malformed);
  CHECK(mail_fault(" ENVID=" + std::string(10'240, 'a')) == malformed);
  CHECK(mail_fault(" ENVID=a+0Ab") == malformed);
  CHECK(mail_fault(" ENVID=hi+20there") == none);
  CHECK(rcpt_fault(" ORCPT=rfc822;" + std::string(493, 'a')) == none);
  CHECK(rcpt_fault(" ORCPT=rfc822;" + std::string(494, 'a')) == malformed);
}

TEST_CASE("parameters: ORCPT in UTF-8 (RFC 6533) only with SMTPUTF8 and its own type") {
  CHECK(rcpt(" ORCPT=utf-8;\xc3\xa9@x.example").orcpt == "utf-8;\xc3\xa9@x.example");
  CHECK(rcpt_fault(" ORCPT=utf-8;\xc3\xa9", {.dsn = true}) == malformed);
  CHECK(rcpt_fault(" ORCPT=utf-8;\xe9") == malformed);
  CHECK(rcpt_fault(" ORCPT=utf-8;\xc2\x85") == malformed);  // a C1 control
}

TEST_CASE("P32: ORCPT of the type utf-8 is what RFC 6533 says, and nothing that a next hop would refuse") {
  for (const char* value : {R"(utf-8;anna@example.test)", R"(UTF-8;b\x{FC}cher@example.test)",
                            R"(utf-8;b\x{fc}cher@example.test)", R"(utf-8;a\x{2B}b@example.test)",
                            R"(utf-8;"a\x{20}b\x{5C}\x{3D}"@x)", R"(utf-8;\x{A0})",
                            R"(utf-8;\x{D7FF}\x{E000})", R"(utf-8;\x{10FFFF})"})
    CHECK_MESSAGE(rcpt(std::string(" ORCPT=") + value).orcpt == value, value);
  CHECK(rcpt_fault(R"( ORCPT=utf-8;b\x{FC}cher@example.test)", {.dsn = true}) == none);
  CHECK(rcpt_fault(" ORCPT=utf-8;\xc3\xa9\\x{FC}@x") == none);
  for (const char* value :
       {R"(utf-8;\x{zz})",      R"(utf-8;\x{})",     R"(utf-8;\x{FC)",    R"(utf-8;\xFC)",
        R"(utf-8;\x)",          R"(utf-8;a\b)",      R"(utf-8;\X{FC})",   R"(utf-8;\x{0FC})",
        R"(utf-8;\x{41})",      R"(utf-8;\x{A})",    R"(utf-8;\x{0D})",   R"(utf-8;\x{7F})",
        R"(utf-8;\x{85})",      R"(utf-8;\x{D800})", R"(utf-8;\x{DFFF})", R"(utf-8;\x{110000})",
        R"(utf-8;\x{1000000})", R"(utf-8;\x{-41})",  R"(utf-8;\x{+FC})",  R"(utf-8;\x{0xFC})",
        R"(utf-8;a+2Bb)",       R"(utf-8;a=b)",      R"(utf-8;)"})
    CHECK_MESSAGE(rcpt_fault(std::string(" ORCPT=") + value) == malformed, value);
  CHECK(rcpt(R"( ORCPT=rfc822;\x{zz})").orcpt == R"(rfc822;\x{zz})");  // xtext: it stands for itself
}

TEST_CASE("parameters: a fault leaves nothing behind") {
  MailParameters out;
  CHECK(parse_mail_parameters(" SIZE=5 BODY=8BITMIME ENVID=a+0D", all, out) == malformed);
  CHECK_FALSE(out.size);
  CHECK_FALSE(out.eight_bit);
  CHECK(out.envid.empty());
}

TEST_CASE("xtext: there and back") {
  CHECK(encode_xtext("a b+c=d\xc3") == "a+20b+2Bc+3Dd+C3");
  CHECK(decode_xtext("a+20b+2Bc+3Dd") == "a b+c=d");
  CHECK(decode_xtext("a+2bc") == "a+c");
  CHECK(decode_xtext("") == "");
  for (const char* text : {"+", "+2", "a b", "a=b", "+0A", "+80", "\xc3\xa9", "+2G"})
    CHECK_MESSAGE(!decode_xtext(text), text);
}
