#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <tuple>
#include <vector>

#include "base/mail/content.h"
#include "base/mail/line_octets.h"
#include "tests/unit/splits.h"

using namespace sallyport::mail;
using namespace std::string_literals;
using sallyport::tests::same_for_every_split;
using enum ContentFault;

namespace {

constexpr std::uint64_t line_limit = 998;

struct Decoded {
  bool ended = false;
  ContentFault fault = none;
  std::string content;  // without a fault
  std::string rest;     // what follows the end
  std::uint64_t octets = 0;
  bool operator==(const Decoded&) const = default;
};

class Decoder {
 public:
  explicit Decoder(bool normalize, std::uint64_t limit) : decoder_(limit, normalize) {}
  void feed(std::string_view bytes) {
    seen_.ended = decoder_.feed(bytes, seen_.content);
    seen_.rest += bytes;
    if (!seen_.ended) CHECK(bytes.empty());
  }
  Decoded result() const {
    Decoded out = seen_;
    out.fault = decoder_.fault();
    out.octets = decoder_.octets();
    if (out.fault != none) out.content.clear();
    return out;
  }

 private:
  DataDecoder decoder_;
  Decoded seen_;
};

Decoded decode(std::string_view wire, bool normalize = false, std::uint64_t limit = line_limit) {
  return same_for_every_split(wire, [&] { return Decoder(normalize, limit); });
}

class Watch {
 public:
  explicit Watch(std::uint64_t limit) : watch_(limit) {}
  void feed(std::string_view bytes) { watch_.feed(bytes); }
  ContentFault result() {
    watch_.finish();
    return watch_.fault();
  }

 private:
  ContentWatch watch_;
};

ContentFault watched(std::string_view content, std::uint64_t limit = line_limit) {
  return same_for_every_split(content, [&] { return Watch(limit); });
}

// As a whole, or leaving alone what may pass as it is: no difference.
class Encoder {
 public:
  explicit Encoder(bool may_pass) : may_pass_(may_pass) {}
  void feed(std::string_view bytes) {
    if (may_pass_ && encoder_.passes(bytes))
      out_ += bytes;
    else
      encoder_.feed(bytes, out_);
  }
  std::string result() {
    encoder_.finish(out_);
    return out_;
  }

 private:
  bool may_pass_;
  DotEncoder encoder_;
  std::string out_;
};

std::string encoded(std::string_view content) {
  std::string copied = same_for_every_split(content, [] { return Encoder(false); });
  CHECK(same_for_every_split(content, [] { return Encoder(true); }) == copied);
  return copied;
}

const std::vector<std::string> wrong_ends = {
    "\n.\n",   "\n.\r\n", "\r\n.\n",     "\n.\r",         "\r.\r",        "\r.\n",
    "\r.\r\n", "\r\n.\r", "\r\n.\r\r\n", "\r\r\n.\r\r\n", "\r\n\0.\r\n"s, "\r\n.\0\r\n"s,
};

const std::string smuggled =
    "MAIL FROM:<evil@x.example>\r\nRCPT TO:<v@y.example>\r\nDATA\r\nSubject: s\r\n\r\nhi";
const std::string true_end = "\r\n.\r\n";

}  // namespace

TEST_CASE("the octets that matter to framing are found wherever they stand, and no others") {
  for (std::size_t at = 0; at < 40; ++at) {
    for (const char wanted : {'\r', '\n', '\0'}) {
      std::string text(40, '\t');
      text[39 - at] = '\xff';
      text[at] = wanted;
      CHECK(find_line_octet(text.data(), text.data() + text.size()) == text.data() + at);
      CHECK(find_line_octet(text.data(), text.data() + at) == text.data() + at);
    }
  }
}

TEST_CASE("decoder: a message, its end, and what follows") {
  const Decoded out = decode("Subject: x\r\n\r\nHello\r\n.\r\nQUIT\r\n");
  CHECK(out.ended);
  CHECK(out.fault == none);
  CHECK(out.content == "Subject: x\r\n\r\nHello\r\n");
  CHECK(out.rest == "QUIT\r\n");
  CHECK(out.octets == 24);
}

TEST_CASE("decoder: the empty message ends at once") {
  const Decoded out = decode(".\r\n");
  CHECK(out.ended);
  CHECK(out.content.empty());
  CHECK(decode("\r\n.\r\n").content == "\r\n");
}

TEST_CASE("decoder: dots are undone at line starts only") {
  CHECK(decode("..\r\n..x\r\n...\r\na..b\r\n.x\r\n. \r\nx.\r\n.\r\n").content ==
        ".\r\n.x\r\n..\r\na..b\r\nx\r\n \r\nx.\r\n");
  CHECK(decode("..\r\n.\r\n").content == ".\r\n");
}

TEST_CASE("decoder: without its end a message has not ended") {
  for (const char* wire :
       {"", "x", "x\r", "x\r\n", "x\r\n.", "x\r\n.\r", ".", ".\r", "x.\r\n", "x\r\n..\r\n"})
    CHECK_FALSE(decode(wire).ended);
}

TEST_CASE("decoder: after the end nothing more is consumed") {
  DataDecoder decoder(line_limit);
  std::string out;
  std::string_view input = ".\r\n";
  CHECK(decoder.feed(input, out));
  input = "QUIT\r\n";
  CHECK(decoder.feed(input, out));
  CHECK(input == "QUIT\r\n");
  CHECK(out.empty());
  CHECK(decoder.octets() == 3);
}

TEST_CASE("P01, P02: none of the wrong ends is an end, at any split") {
  for (const std::string& wrong : wrong_ends) {
    const Decoded out = decode("Subject: a\r\n\r\ntext" + wrong + smuggled + true_end + "NOOP\r\n");
    CHECK(out.ended);
    CHECK(out.rest == "NOOP\r\n");
    CHECK(out.fault != none);
  }
}

TEST_CASE("P01: wrong ends at the very start of the data") {
  for (const std::string& wrong :
       {".\n"s, ".\r"s, ".\r\r\n"s, "\n.\r\n"s, "\r.\r\n"s, "\0.\r\n"s, ".\0\r\n"s}) {
    const Decoded out = decode(wrong + smuggled + true_end + "NOOP\r\n");
    CHECK(out.ended);
    CHECK(out.rest == "NOOP\r\n");
    CHECK(out.fault != none);
  }
}

TEST_CASE("P01: normalised, the wrong ends are content, and still no ends") {
  for (const std::string& wrong : wrong_ends) {
    const Decoded out = decode("text" + wrong + smuggled + true_end + "NOOP\r\n", true);
    CHECK(out.ended);
    CHECK(out.rest == "NOOP\r\n");
    CHECK(out.fault == (wrong.contains('\0') ? nul : none));
    CHECK(watched(out.content) == none);  // CRLF only towards the next hop
    if (out.fault == none) CHECK(out.content.contains("MAIL FROM:<evil"));
  }
}

TEST_CASE("P01: the suite's sequences end nothing") {
  std::ifstream file("../shared/suites/smtp/eod-sequences.json");
  if (!file) file.open("../../../shared/suites/smtp/eod-sequences.json");  // run from the build directory
  if (!file) {
    MESSAGE("skipped: the suite is not there");
    return;
  }
  // The file is small and flat: every string with a '.' and an escape in it is a sequence.
  const std::string json((std::istreambuf_iterator<char>(file)), {});
  int sequences = 0;
  for (std::size_t at = 0; (at = json.find('"', at)) != std::string::npos;) {
    const std::size_t end = json.find('"', at + 1);
    std::string raw = json.substr(at + 1, end - at - 1);
    at = end + 1;
    if (!raw.starts_with("\\") || !raw.contains('.')) continue;
    std::string wire;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '\\') {
        wire += raw[i];
      } else if (raw[++i] == 'u') {
        wire += '\0';
        i += 4;
      } else {
        wire += raw[i] == 'n' ? '\n' : '\r';
      }
    }
    const Decoded out = decode("text" + wire + smuggled + true_end + "NOOP\r\n");
    CHECK_MESSAGE(out.rest == "NOOP\r\n", raw);
    CHECK_MESSAGE(out.fault != none, raw);
    ++sequences;
  }
  CHECK(sequences == 26);
}

TEST_CASE("decoder: the first fault stays") {
  CHECK(decode("a\rb\nc\0d\r\n.\r\n"s).fault == bare_cr);
  CHECK(decode("a\nb\rc\r\n.\r\n").fault == bare_lf);
  CHECK(decode("a\0b\n\r\n.\r\n"s).fault == nul);
  CHECK(decode("\r\r\n.\r\n").fault == bare_cr);
  CHECK(decode("a\n\r\n.\r\n").fault == bare_lf);
}

TEST_CASE("P01: a wrong line end does not hide behind a line that is too long") {
  CHECK(decode("12345678901\r\na\n.\r\n\r\n.\r\n", false, 10).fault == bare_lf);
  CHECK(decode("a\n12345678901\r\n.\r\n", false, 10).fault == bare_lf);
  CHECK(watched("12345678901\r\na\rb\r\n", 10) == bare_cr);
}

TEST_CASE("P03: after a fault the true end is found again") {
  // CR LF begins a line whatever stood before it; nothing else does.
  CHECK(decode("a\r\r\n.\r\nX").rest == "X");
  CHECK(decode("a\n\r\n.\r\nX").rest == "X");
  CHECK(decode("a\r\n.\r.\r\n.\r\nX").rest == "X");
  CHECK(decode("a\r\n.\n.\r\n.\r\nX").rest == "X");
  CHECK(decode("a\r\n.\r\r\n.\r\nX").rest == "X");
  CHECK_FALSE(decode("a\n.\r\n").ended);
  CHECK_FALSE(decode("a\r\n.\n.\r\n").ended);
  CHECK_FALSE(decode("a\r\n.\r.\r\n").ended);
}

TEST_CASE("decoder: nothing is appended after a fault") {
  DataDecoder decoder(line_limit);
  std::string out;
  std::string_view input = "a\r\nb\nc\r\nd\r\n";
  decoder.feed(input, out);
  input = "e\r\n.\r\n";
  CHECK(decoder.feed(input, out));
  CHECK(out == "a\r\nb");
}

TEST_CASE("P05: bare line ends, normalised") {
  CHECK(decode("a\nb\rc\r\n.\r\n", true).content == "a\r\nb\r\nc\r\n");
  CHECK(decode("a\r\r\nb\r\n.\r\n", true).content == "a\r\n\r\nb\r\n");
  CHECK(decode("a\n\nb\n\r\n.\r\n", true).content == "a\r\n\r\nb\r\n\r\n");
  CHECK(decode("a\n.\r\n.\r\n", true).content == "a\r\n.\r\n");      // the dot stays content
  CHECK(decode("a\n..b\r\n.\r\n", true).content == "a\r\n..b\r\n");  // and is not undone
  CHECK(decode("a\r\n..\nb\r\n.\r\n", true).content == "a\r\n.\r\nb\r\n");
  CHECK(decode("a\r\n.\rb\r\n.\r\n", true).content == "a\r\n\r\nb\r\n");
  CHECK(decode("a\0\r\n.\r\n"s, true).fault == nul);
}

TEST_CASE("P08: a line's length is its content without CRLF and without the undone dot") {
  const std::string longest(10, 'x');
  CHECK(decode(longest + "\r\n.\r\n", false, 10).fault == none);
  CHECK(decode(longest + "y\r\n.\r\n", false, 10).fault == line_too_long);
  CHECK(decode("." + longest + "\r\n.\r\n", false, 10).fault == none);
  CHECK(decode(".." + longest + "\r\n.\r\n", false, 10).fault == line_too_long);
  CHECK(decode(longest + "\r\n" + longest + "\r\n.\r\n", false, 10).fault == none);
  const Decoded out = decode(longest + "y\r\n.\r\nNOOP", false, 10);
  CHECK(out.ended);
  CHECK(out.rest == "NOOP");
  CHECK(decode(longest + "\n" + longest + "\r\n.\r\n", true, 10).fault == none);
}

TEST_CASE("watch: CRLF passes, anything else is named") {
  CHECK(watched("") == none);
  CHECK(watched("a\r\n.\r\n\r\nb") == none);
  CHECK(watched("a\rb") == bare_cr);
  CHECK(watched("a\r") == bare_cr);
  CHECK(watched("a\r\r\n") == bare_cr);
  CHECK(watched("\nb") == bare_lf);
  CHECK(watched("a\n\r\n") == bare_lf);
  CHECK(watched("a\0b"s) == nul);
  CHECK(watched("a\nb\0\r"s) == bare_lf);
  CHECK(watched("\r\n\0.\r\n"s) == nul);
}

TEST_CASE("P22: every wrong end inside a chunk is seen") {
  for (const std::string& wrong : wrong_ends) CHECK(watched("text" + wrong + smuggled) != none);
}

TEST_CASE("watch: line length") {
  CHECK(watched(std::string(10, 'x') + "\r\n" + std::string(10, 'y'), 10) == none);
  CHECK(watched(std::string(10, 'x') + "\r\n" + std::string(11, 'y'), 10) == line_too_long);
}

TEST_CASE("P04: dots and line ends towards a next hop") {
  CHECK(encoded("") == ".\r\n");
  CHECK(encoded("a\r\n") == "a\r\n.\r\n");
  CHECK(encoded("a") == "a\r\n.\r\n");
  CHECK(encoded("\r\n") == "\r\n.\r\n");
  CHECK(encoded(".\r\n..\r\n...x\r\na.b\r\n.") == "..\r\n...\r\n....x\r\na.b\r\n..\r\n.\r\n");
  CHECK(encoded("a\0.\r\n.\0"s) == "a\0.\r\n..\0\r\n.\r\n"s);
}

TEST_CASE("encoder: should bare CR or LF get as far as the encoder, it leaves as CRLF") {
  CHECK(encoded("a\nb") == "a\r\nb\r\n.\r\n");
  CHECK(encoded("a\n.\nb") == "a\r\n..\r\nb\r\n.\r\n");
  CHECK(encoded("a\r.\r\n") == "a\r\n..\r\n.\r\n");
  CHECK(encoded("a\r\r\n.") == "a\r\n\r\n..\r\n.\r\n");
  CHECK(encoded("a\r") == "a\r\n.\r\n");
  for (const std::string& wrong : wrong_ends) {
    const Decoded out = decode(encoded("text" + wrong + smuggled) + "NOOP");
    CHECK(out.rest == "NOOP");
    CHECK((out.fault == none || out.fault == nul));
  }
}

TEST_CASE("P04: what the encoder writes the decoder gives back") {
  // Every content of up to five octets over the alphabet that matters.
  const std::string alphabet = ".x\r\n";
  for (unsigned n = 0; n < 1024; ++n) {
    std::string content;
    for (unsigned i = 0; i < 5; ++i) content += alphabet[n >> (2 * i) & 3];
    content += "\r\n";
    ContentWatch watch(line_limit);
    watch.feed(content);
    watch.finish();
    if (watch.fault() != none) continue;
    const std::string wire = encoded(content);
    DataDecoder decoder(line_limit);
    std::string back;
    std::string_view input = wire;
    CHECK(decoder.feed(input, back));
    CHECK(input.empty());
    CHECK(back == content);
  }
}

TEST_CASE("only what needs no dot and no line end passes as it is") {
  const auto passes = [](std::string_view content) { return DotEncoder().passes(content); };
  for (const char* whole : {"", "x", "x.\r\n", "x\r\n\r\ny.\r\n"}) CHECK(passes(whole));
  for (const char* other :
       {".", ".x\r\n", "x\r\n.\r\n", "x\r\n.", "x\ny", "x\ry", "x\r", "\n", "x\n\r\n"}) {
    CAPTURE(other);
    CHECK_FALSE(passes(other));
  }
}

TEST_CASE("P01: the decoder agrees with the rule's plain wording") {
  // Oracle: the end is the first CRLF.CRLF in CRLF + data. All data of up to seven octets.
  const std::string alphabet = ".\r\nx";
  for (unsigned n = 0; n < 1U << 14; ++n) {
    std::string wire;
    for (unsigned i = 0; i < 7; ++i) wire += alphabet[n >> (2 * i) & 3];
    const std::size_t end = ("\r\n" + wire).find("\r\n.\r\n");
    for (const bool normalize : {false, true}) {
      DataDecoder decoder(line_limit, normalize);
      std::string out;
      std::string_view input = wire;
      const bool ended = decoder.feed(input, out);
      CHECK(ended == (end != std::string::npos));
      if (ended) CHECK(wire.size() - input.size() == end + 3);
    }
  }
}
