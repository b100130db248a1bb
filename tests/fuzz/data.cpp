// DATA: the decoder against a simple reading of the RFC, at every cut; the encoder against the decoder.
#include <tuple>

#include "tests/fuzz/data_reference.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sallyport::fuzz {
namespace {

using mail::ContentFault;

class Decoding {
 public:
  Decoding(std::uint64_t max_line, bool normalize) : decoder_(max_line, normalize) {}
  void feed(std::string_view piece) {
    ended_ = decoder_.feed(piece, content_);
    rest_ += piece;
    promise(ended_ || piece.empty(), "input is left only behind the end");
  }
  auto result() const {
    const bool good = decoder_.fault() == ContentFault::none;
    return std::tuple(ended_, rest_, decoder_.fault(), good ? content_ : std::string(), decoder_.octets());
  }

 private:
  mail::DataDecoder decoder_;
  bool ended_ = false;
  std::string content_;
  std::string rest_;
};

class Watching {
 public:
  void feed(std::string_view piece) { watch_.feed(piece); }
  ContentFault result() {
    watch_.finish();
    return watch_.fault();
  }

 private:
  mail::ContentWatch watch_{std::uint64_t{1} << 40};
};

class Encoding {
 public:
  void feed(std::string_view piece) {
    if (encoder_.passes(piece))
      out_ += piece;
    else
      encoder_.feed(piece, out_);
  }
  std::string result() {
    encoder_.finish(out_);
    return out_;
  }

 private:
  mail::DotEncoder encoder_;
  std::string out_;
};

void check_decoder(std::string_view bytes, std::uint64_t max_line, bool normalize) {
  const auto [ended, rest, fault, content, octets] =
      same_however_cut(bytes, [&] { return Decoding(max_line, normalize); });
  const ReadData expected = read_data(bytes, max_line, normalize);
  promise(ended == expected.ended, "the message ends where RFC 5321 ends it, and nowhere else");
  promise(fault == expected.fault, "the first fault is found");
  if (ended) promise(rest == bytes.substr(expected.taken), "what follows the end is left alone");
  promise(octets == bytes.size() - rest.size(), "octets are counted");
  if (fault == ContentFault::none) promise(content == expected.content, "the content is what was sent");
  promise(normalize || content.size() <= bytes.size(), "content is no longer than its framing");
}

// Whatever is encoded comes out of the decoder again, and with clean line ends.
void check_encoder(std::string_view content) {
  const std::string encoded = same_however_cut(content, [] { return Encoding(); });
  const ReadData read = read_data(encoded, std::uint64_t{1} << 40, false);
  promise(read.ended && read.taken == encoded.size(), "an encoded message ends where it is told to");
  if (content.find('\0') != std::string_view::npos) return;
  promise(read.fault == ContentFault::none, "no bare CR or LF leaves");
  const bool clean = same_however_cut(content, [] { return Watching(); }) == ContentFault::none;
  const std::string expected(content);
  const bool whole_lines = content.empty() || content.ends_with("\r\n");
  if (clean)
    promise(read.content == (whole_lines ? expected : expected + "\r\n"), "content stays as it was");
}

}  // namespace

void data(std::string_view input) {
  const std::size_t choice = take_choice(input, content_letters());
  const std::string bytes = spell(input, content_letters());
  check_decoder(bytes, choice % 2 == 0 ? 12 : 1000, choice % 4 < 2);
  check_encoder(bytes);
}

}  // namespace sallyport::fuzz
