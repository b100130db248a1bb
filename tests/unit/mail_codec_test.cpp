#include <doctest/doctest.h>

#include <string>

#include "base/mail/codec.h"

using namespace sallyport::mail;
using namespace std::string_literals;

TEST_CASE("base64: the vectors of RFC 4648 10") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    CHECK(base64_encode(plain) == encoded);
    CHECK(base64_decode(encoded) == plain);
  }
}

TEST_CASE("base64: every octet survives") {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  CHECK(base64_decode(base64_encode(all)) == all);
  CHECK(base64_decode("AHVzZXIAcGFzcw==") == "\0user\0pass"s);
  CHECK(base64_encode("\xff\xff\xfe") == "///+");
}

TEST_CASE("base64: decoding is strict") {
  for (const std::string& text :
       {"Z"s, "Zg"s, "Zg="s, "Zg==="s, "Z==="s, "===="s, "="s, "Zg=a"s, "Zm9v\r\n"s, "Zm 9"s, "Zm-_"s,
        "Zh=="s,  // bits behind the last octet
        "Zm9="s, "Zm9v=AAA"s, "Zg==Zg=="s, "Zm9\0"s, "Zm9\xc3"s})
    CHECK_MESSAGE(!base64_decode(text), text);
}

TEST_CASE("hex: both ways") {
  CHECK(hex_encode("\0\x7f\xff"s) == "007fff");
  CHECK(hex_decode("007FfF") == "\0\x7f\xff"s);
  CHECK(hex_decode("") == "");
  CHECK_FALSE(hex_decode("0"));
  CHECK_FALSE(hex_decode("0g"));
  CHECK_FALSE(hex_decode("g0"));
}
