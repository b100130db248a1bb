#include "tests/fuzz/session_hop.h"

#include <algorithm>

#include "base/text.h"
#include "tests/fuzz/data_reference.h"
#include "tests/fuzz/session_stream.h"

namespace sallyport::fuzz {
namespace {

thread_local std::shared_ptr<HopWorld> the_world;

class HopStream final : public MemoryStream {
 public:
  explicit HopStream(std::shared_ptr<HopWorld> world) : world_(std::move(world)) { answer("220 hop.test"); }

  io::Task<Result<std::string_view>> read(TimePoint, std::size_t at_most) override {
    scratch_ = std::exchange(out_, {}).substr(0, at_most);
    if (!scratch_.empty()) co_return std::string_view(scratch_);
    co_return fail(closed_ ? Errc::closed : Errc::timeout);
  }

  io::Presence poll(std::string& into, std::size_t) override {
    into += std::exchange(out_, {});
    return closed_ ? io::Presence::closed : io::Presence::here;
  }

 private:
  Result<> heard(const std::string& bytes) override {
    if (closed_) return fail(Errc::reset);
    in_ += bytes;
    while (!closed_ && (in_data_ ? take_data() : take_line())) {
    }
    return {};
  }

  void require(bool holds, const char* what) {
    if (!holds && world_->broken.empty()) world_->broken = what;
  }

  char next_letter() {
    if (world_->script.empty()) return '1';
    const char letter = world_->script.front();
    world_->script.pop_front();
    return letter;
  }

  // True: it agreed.
  bool answer(const std::string& yes, char letter) {
    switch (letter) {
      case '2':
      case '9':
        closed_ = true;
        return false;
      case '3':
        return say("354 what?", false);
      case '4':
        return say("451 4.2.0 not now", false);
      case '5':
        return say("550 5.1.1 no", false);
      case '6':
        return say("550 5.7.1 not you", false);
      case '7':
        say("421 4.3.2 closing", false);
        closed_ = true;
        return false;
      case '8':
        return say("hello", false);
      case '=':
        return false;
      case '&':
        return say(yes + "\r\n250 and more", true);
      case '+':
        return say(yes.substr(0, 3) + "-first\r\n" + yes, true);
      default:
        return say(yes, true);
    }
  }
  bool answer(const std::string& yes) { return answer(yes, next_letter()); }
  bool say(const std::string& line, bool agreed) {
    out_ += line + "\r\n";
    return agreed;
  }

  bool take_line() {
    const std::size_t lf = in_.find('\n');
    if (lf == std::string::npos) return false;
    std::string line = in_.substr(0, lf);
    in_.erase(0, lf + 1);
    require(line.ends_with('\r'), "a command to the next hop ends in CRLF");
    if (line.ends_with('\r')) line.pop_back();
    require(std::ranges::none_of(line, is_control), "no control character in a command to the next hop");
    obey(line);
    return true;
  }

  static std::string between_brackets(const std::string& line) {
    const std::size_t open = line.find('<');
    return open == std::string::npos ? std::string() : line.substr(open + 1, line.rfind('>') - open - 1);
  }

  void obey(const std::string& line) {
    if (istarts_with(line, "EHLO") || istarts_with(line, "LHLO")) {
      answer("250-hop.test\r\n" + world_->offers + "250 HELP");
    } else if (istarts_with(line, "MAIL FROM:<")) {
      now_ = {};
      if (answer("250 2.1.0 ok")) now_.sender = between_brackets(line);
    } else if (istarts_with(line, "RCPT TO:<")) {
      world_->asked.push_back(between_brackets(line));
      if (answer("250 2.1.5 ok")) now_.recipients.push_back(between_brackets(line));
    } else if (line == "DATA") {
      if (now_.recipients.empty()) return (void)say("503 5.5.1 no recipients", false);
      const char letter = next_letter();
      in_data_ = answer("354 go on", letter == '3' ? '1' : letter);
    } else if (istarts_with(line, "BDAT ")) {
      take_chunk(line);
    } else if (line == "QUIT") {
      say("221 2.0.0 bye", true);
      closed_ = true;
    } else {
      require(line == "RSET" || istarts_with(line, "HELO"), "a command that the next hop knows");
      if (line == "RSET") now_ = {};
      answer("250 2.0.0 ok");
    }
  }

  bool take_data() {
    const ReadData read = read_data(in_, std::uint64_t{1} << 40, false);
    if (!read.ended) return false;
    require(read.fault == mail::ContentFault::none, "no bare CR, bare LF or NUL reaches the next hop");
    in_.erase(0, read.taken);
    in_data_ = false;
    store(read.content);
    return true;
  }

  void take_chunk(const std::string& line) {
    const auto octets = parse_unsigned(line.substr(5, line.find(' ', 5) - 5));
    require(octets && line.ends_with(" LAST"), "BDAT n LAST");
    require(octets && in_.size() >= *octets, "a small message comes in one write");
    const std::string content = in_.substr(0, octets.value_or(0));
    in_.erase(0, content.size());
    mail::ContentWatch watch(std::uint64_t{1} << 40);
    watch.feed(content);
    watch.finish();
    require(watch.fault() == mail::ContentFault::none, "no bare CR, bare LF or NUL reaches the next hop");
    if (now_.recipients.empty()) return (void)say("503 5.5.1 no recipients", false);
    store(content);
  }

  void store(const std::string& content) {
    now_.content = content;
    if (world_->lmtp) return store_each();
    const char letter = next_letter();
    now_.confirmed = answer("250 2.0.0 stored", letter);
    if (now_.confirmed || letter == '2') world_->stored.push_back(now_);
    now_ = {};
  }

  // RFC 2033 4.2: an answer for each recipient, in their order: whoever is silent for one is silent for all
  // that follow, or the next answer would be taken for the one that is missing.
  void store_each() {
    bool silent = false;
    for (const std::string& recipient : now_.recipients) {
      char letter = closed_ ? '9' : silent ? '=' : next_letter();
      silent = letter == '=';
      if (letter == '&')
        letter = '1';  // one answer too many would be the next recipient's: nobody can know
      Stored one{now_.sender, {recipient}, now_.content, answer("250 2.0.0 stored", letter)};
      if (one.confirmed || letter == '2') world_->stored.push_back(std::move(one));
    }
    now_ = {};
  }

  std::shared_ptr<HopWorld> world_;
  std::string in_;
  std::string out_;
  std::string scratch_;
  Stored now_;
  bool in_data_ = false;
  bool closed_ = false;
};

}  // namespace

void set_hop_world(std::shared_ptr<HopWorld> world) { the_world = std::move(world); }

}  // namespace sallyport::fuzz

namespace sallyport::io {

Task<Result<std::unique_ptr<Stream>>> connect(Endpoint, ConnectOptions) {
  const auto world = fuzz::the_world;
  if (!world || (!world->script.empty() && world->script.front() == '9')) {
    if (world) world->script.pop_front();
    co_return fail(Errc::refused, "connection refused");
  }
  co_return std::unique_ptr<Stream>(std::make_unique<fuzz::HopStream>(world));
}

}  // namespace sallyport::io
