#include <doctest/doctest.h>

#include <string>

#include "base/mail/digest.h"
#include "tests/unit/splits.h"

using namespace sallyport::mail;
using sallyport::tests::same_for_every_split;

namespace {

class Subject {
 public:
  void feed(std::string_view bytes) { digest_.feed(bytes); }
  std::string result() { return digest_.finish(); }

 private:
  MessageDigest digest_;
};

std::string digest(std::string_view message) {
  return same_for_every_split(message, [] { return Subject(); });
}

const std::string message =
    "Subject: x\r\nDKIM-Signature: v=1;\r\n\tb=abc\r\nTo: u@x.example\r\n\r\nbody\r\n";

}  // namespace

TEST_CASE("digest: SHA-256 of what is no trace") {
  CHECK(digest("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(digest("Received: x\r\nabc") == digest("abc"));
}

TEST_CASE("digest: trace fields change nothing, folded or not, in any case of letters") {
  for (const char* field : {"Received: from a\r\n\tby b;\r\n date\r\n", "received:x\r\n",
                            "RECEIVED : x\r\n", "Return-Path: <a@b>\r\n", "Delivered-To: u\r\n",
                            "X-Received: x\r\n", "Authentication-Results: mx;\r\n spf=pass\r\n",
                            "Received-SPF: pass\r\n", "ARC-Seal: i=1;\r\n\tb=x\r\n",
                            "arc-message-signature: x\r\n", "Received:\r\n", "Received:\r\n\t\r\n x\r\n"}) {
    CHECK_MESSAGE(digest(field + message) == digest(message), field);
    std::string inside = message;
    inside.insert(message.find("To:"), field);
    CHECK_MESSAGE(digest(inside) == digest(message), field);
  }
}

TEST_CASE("digest: everything else does") {
  for (const char* field : {"X: y\r\n", "DKIM-Signature: x\r\n", "Receive: x\r\n", "Received-X: x\r\n",
                            "XReceived: y\r\n", "ARCH: x\r\n", "Received\r\n", "Reply-To: x\r\n"})
    CHECK_MESSAGE(digest(field + message) != digest(message), field);
  CHECK(digest("Subject: a\r\n\tb\r\n\r\n") != digest("Subject: a\r\n\tc\r\n\r\n"));
  CHECK(digest(std::string(100, 'n') + ": a\r\n\r\n") != digest(std::string(100, 'n') + ": b\r\n\r\n"));
}

TEST_CASE("digest: the body counts to the last octet, and trace names in it are text") {
  CHECK(digest(message + "Received: x\r\n") != digest(message));
  CHECK(digest(message + "\r\nReceived: x\r\n") != digest(message + "\r\nReceived: y\r\n"));
  CHECK(digest("\r\nReceived: x\r\n") != digest("\r\nReceived: y\r\n"));
  CHECK(digest(message + "x") != digest(message + "y"));
}

TEST_CASE("digest: a message that ends inside its header") {
  CHECK(digest("A: x\r\nRece") != digest("A: x\r\n"));
  CHECK(digest("A: x\r\nReceived: a") == digest("A: x\r\nReceived: b"));
}
