#include "tests/fuzz/session_reading.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "proxy/smtp/command_line.h"
#include "tests/fuzz/data_reference.h"
#include "tests/fuzz/promise.h"

namespace sallyport::fuzz {
namespace {

using smtp::Verb;

constexpr std::uint64_t kAnyLine = std::uint64_t{1} << 40;

// -- what was heard ------------------------------------------------------------------------------------

// The digits of "5.1.1 ..." agree with the code.
bool has_enhanced_code(std::string_view text, char klass) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view code = text.substr(0, end);
  return code.size() >= 5 && code[0] == klass && code[1] == '.' && std::ranges::count(code, '.') == 2 &&
         std::ranges::all_of(code, [](char c) { return is_digit(c) || c == '.'; });
}

std::string_view take_reply_line(std::string_view& heard) {
  const std::size_t end = heard.find("\r\n");
  promise(end != std::string_view::npos && end >= 4 && end + 2 <= 512, "a reply line is whole and bounded");
  const std::string_view line = heard.substr(0, end);
  promise(std::ranges::all_of(line, [](char c) { return c >= ' ' && c < '\x7f'; }), "a reply is printable");
  promise(line[0] >= '2' && line[0] <= '5' && is_digit(line[1]) && is_digit(line[2]), "a reply has a code");
  promise(line[3] == ' ' || line[3] == '-', "a blank or a hyphen follows the code");
  heard.remove_prefix(end + 2);
  return line;
}

// The codes of all replies.
std::vector<int> read_replies(std::string_view heard) {
  std::vector<int> codes;
  std::string id;
  while (!heard.empty()) {
    std::string_view line = take_reply_line(heard);
    const std::string_view code = line.substr(0, 3);
    const bool negative = code[0] >= '4';
    while (true) {
      promise(line.substr(0, 3) == code, "one code in one reply");
      promise(!negative || has_enhanced_code(line.substr(4), code[0]), "4xx and 5xx have an enhanced code");
      if (line[3] == ' ') break;
      line = take_reply_line(heard);
    }
    if (negative) {
      const std::size_t at = line.rfind("; id ");
      promise(at != std::string_view::npos, "4xx and 5xx end in an id");
      const std::string_view whole = line.substr(at + 5);
      const std::string session(whole.substr(0, whole.find('.')));
      promise(id.empty() || id == session, "the id is the session's");
      id = session;
    }
    codes.push_back((code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0'));
  }
  return codes;
}

// -- the two side by side ------------------------------------------------------------------------------

class Reader {
 public:
  Reader(std::string_view sent, std::vector<int> replies) : rest_(sent), replies_(std::move(replies)) {}

  SessionReading read() {
    reading_.replies = replies_.size();
    if (replies_.empty()) return std::move(reading_);
    next_ = 1;  // the greeting
    if (replies_[0] == 220)
      while (step()) {
      }
    // What we say unasked (421, or a line that was broken before it ended) is the last word.
    const auto broken = static_cast<std::size_t>(std::ranges::count(rest_, '\r'));
    promise(replies_.size() - next_ <= 2 + broken, "one reply for each command");
    for (std::size_t i = next_; i < replies_.size(); ++i)
      promise(replies_[i] >= 400, "nothing is answered that was not asked");
    return std::move(reading_);
  }

 private:
  // nullopt: the session was over before it was answered.
  std::optional<int> reply() {
    if (next_ == replies_.size()) return std::nullopt;
    return replies_[next_++];
  }

  bool step() {
    const std::size_t lf = rest_.find('\n');
    if (lf == std::string_view::npos) return false;
    std::string_view line = rest_.substr(0, lf);
    rest_.remove_prefix(lf + 1);
    const bool crlf = line.ends_with('\r');
    if (crlf) line.remove_suffix(1);
    const auto bare = std::ranges::count(line, '\r');
    if (bare > 0 || !crlf) return broken_line(std::max<std::size_t>(static_cast<std::size_t>(bare), 1));
    if (std::exchange(in_sasl_, false)) return sasl();
    return command(line);
  }

  bool broken_line(std::size_t times) {
    for (; times > 0; --times) {
      const auto code = reply();
      if (!code) return false;
      promise(*code >= 400, "a line with a wrong end is executed by nobody");
    }
    in_sasl_ = false;
    return true;
  }

  bool sasl() {
    const auto code = reply();
    in_sasl_ = code == 334;
    return code.has_value();
  }

  bool command(std::string_view line) {
    const auto command = smtp::parse_command(line);
    if (command.verb == Verb::bdat) return chunk(command.argument);
    if (command.verb == Verb::rcpt) note_asked(command.argument);
    const auto code = reply();
    if (!code) return false;
    if (command.verb == Verb::data && code == 354) return data();
    in_sasl_ = code == 334;
    if (*code < 300) apply(command);
    return true;
  }

  static std::string between_brackets(std::string_view argument) {
    const std::size_t open = argument.find('<');
    if (open == std::string_view::npos) return {};
    return std::string(argument.substr(open + 1, argument.find('>') - open - 1));
  }

  void note_asked(std::string_view argument) { reading_.asked.push_back(between_brackets(argument)); }

  void apply(const smtp::CommandLine& command) {
    switch (command.verb) {
      case Verb::helo:
      case Verb::ehlo:
      case Verb::rset:
        mail_.reset();
        chunked_ = false;
        return;
      case Verb::mail:
        promise(!mail_, "one MAIL a transaction");
        mail_.emplace(between_brackets(command.argument));
        return;
      case Verb::rcpt:
        promise(mail_.has_value() && !chunked_, "RCPT belongs to a MAIL");
        mail_->recipients.push_back(between_brackets(command.argument));
        return;
      case Verb::starttls:
        promise(!mail_, "no TLS inside a transaction");
        return;
      default:
        return;
    }
  }

  bool data() {
    promise(mail_ && !mail_->recipients.empty() && !chunked_, "content only behind a recipient");
    const ReadData read = read_data(rest_, kAnyLine, false);
    if (!read.ended) {
      rest_ = {};
      return false;  // whatever we said of it was our last word
    }
    rest_.remove_prefix(read.taken);
    mail_->content = read.content;
    const bool clean = read.fault == mail::ContentFault::none;
    const bool goes_on = settle(clean);
    if (!clean) promise(next_ == replies_.size(), "behind a wrong line end nothing is executed");
    return goes_on && clean;
  }

  // The message is whole: what became of it?
  bool settle(bool clean) {
    const auto code = reply();
    mail_->code = code.value_or(0);
    promise(clean || mail_->code == 0 || mail_->code >= 400, "bare CR, bare LF and NUL never pass");
    reading_.attempts.push_back(*std::exchange(mail_, std::nullopt));
    chunked_ = false;
    return code.has_value();
  }

  bool chunk(std::string_view argument) {
    const auto announced = smtp::parse_chunk_argument(argument);
    if (!announced) {
      const auto code = reply();
      promise(!code || *code >= 400, "a chunk of unknown length is refused");
      promise(next_ == replies_.size(), "and nothing behind it is executed");
      return false;
    }
    if (announced->octets > rest_.size()) {
      rest_ = {};
      return false;
    }
    const std::string_view octets = rest_.substr(0, announced->octets);
    rest_.remove_prefix(octets.size());
    if (mail_) mail_->content += octets;
    if (announced->last && mail_ && !mail_->recipients.empty()) return settle(is_clean(mail_->content));
    const auto code = reply();
    if (!code) return false;
    promise(*code >= 400 || (mail_ && !mail_->recipients.empty()), "content only behind a recipient");
    chunked_ = *code < 300;
    if (!chunked_) mail_.reset();
    return true;
  }

  static bool is_clean(std::string_view content) {
    mail::ContentWatch watch(kAnyLine);
    watch.feed(content);
    watch.finish();
    return watch.fault() == mail::ContentFault::none;
  }

  std::string_view rest_;
  std::vector<int> replies_;
  std::size_t next_ = 0;
  SessionReading reading_;
  std::optional<Attempt> mail_;
  bool chunked_ = false;
  bool in_sasl_ = false;
};

}  // namespace

std::size_t SessionReading::delivered() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(attempts, [](const Attempt& attempt) { return attempt.code / 100 == 2; }));
}

SessionReading read_session(std::string_view sent, std::string_view heard) {
  return Reader(sent, read_replies(heard)).read();
}

}  // namespace sallyport::fuzz
