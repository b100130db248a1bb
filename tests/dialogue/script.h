// A dialogue script (README.md in this folder describes the lines) as a list of steps.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/mail/reply.h"

namespace sallyport::dialogue {

struct Send {
  std::string octets;  // one write
};
struct Expect {
  int code = 0;
  std::string text;
};
struct ExpectNot {
  std::string text;
};
struct Answer {
  std::string event;
  sallyport::mail::Reply reply;  // code 0: the default again
};
struct Discard {
  sallyport::mail::Reply reply;
};
struct Handshake {};
struct ExpectClosed {};
struct ExpectDelivered {
  std::size_t count = 0;
};
struct ExpectContent {
  std::string ending;
};

struct Step {
  int line = 0;
  std::variant<Send, Expect, ExpectNot, Answer, Discard, Handshake, ExpectClosed, ExpectDelivered,
               ExpectContent>
      what;
};

struct Setting {
  std::string name;
  std::string value;
};

struct Script {
  std::string name;
  std::vector<Setting> settings;
  std::vector<Step> steps;
  std::vector<std::string> errors;  // lines that could not be read

  bool has(std::string_view setting) const;
};

Script parse_script(std::string name, std::string_view text);

// \r \n \t \0 \\ \xNN
std::string unescape(std::string_view text);

}  // namespace sallyport::dialogue
