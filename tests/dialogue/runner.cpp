#include "tests/dialogue/runner.h"

#include <algorithm>
#include <functional>
#include <map>

#include "base/text.h"

namespace sallyport::dialogue {
namespace {

class Runner {
 public:
  Runner(const Script& script, Pieces pieces)
      : script_(script), pieces_(pieces), session_(options_of(script), script.has("implicit_tls")) {}

  Run run() {
    for (const Step& step : script_.steps) {
      line_ = step.line;
      std::visit([this](const auto& what) { perform(what); }, step.what);
    }
    if (replied_ < session_.output().size())
      fail("a reply is left over: " + session_.output().substr(replied_));
    return {failures_, transcript()};
  }

 private:
  void perform(const Send& send) {
    if (replied_ < session_.output().size()) fail("a reply before: " + session_.output().substr(replied_));
    std::string_view rest = send.octets;
    std::size_t size = pieces_.first;
    while (!rest.empty()) {
      const std::string piece(rest.substr(0, size));  // its own allocation: the sanitizer sees its end
      rest.remove_prefix(piece.size());
      session_.receive(piece, !rest.empty());
      size = pieces_.others;
    }
  }

  void perform(const Expect& expected) {
    reply_ = next_reply();
    const std::string code = std::to_string(expected.code);
    if (!reply_.starts_with(code) || reply_.find(expected.text) == std::string::npos)
      fail("expected " + code + ' ' + expected.text + ", got " + (reply_.empty() ? "nothing" : reply_));
  }

  void perform(const ExpectNot& unwanted) {
    if (reply_.find(unwanted.text) != std::string::npos) fail("holds " + unwanted.text + ": " + reply_);
  }

  void perform(const Answer& answer) { session_.answer_with(answer.event, answer.reply); }
  void perform(const Discard& discard) { session_.discard_with(discard.reply); }
  void perform(const Handshake&) { session_.complete_handshake(); }

  void perform(const ExpectClosed&) {
    if (!session_.closed()) fail("still open");
  }

  void perform(const ExpectDelivered& expected) {
    if (session_.delivered().size() != expected.count)
      fail(std::to_string(session_.delivered().size()) + " messages were delivered");
  }

  void perform(const ExpectContent& expected) {
    if (session_.delivered().empty() || !session_.delivered().back().ends_with(expected.ending))
      fail("content differs");
  }

  // What the owner was asked before illegal pipelining was noticed may depend on how the octets arrived.
  std::string transcript() const {
    std::string all = session_.output();
    for (const std::string& content : session_.delivered()) all += content + '\n';
    if (session_.abused()) return all;
    for (const std::string& entry : session_.log()) all += entry + '\n';
    return all;
  }

  // One reply, all its lines; "" when there is none.
  std::string next_reply() {
    const std::string& output = session_.output();
    const std::size_t begin = replied_;
    while (replied_ < output.size()) {
      const std::size_t line = replied_;
      const std::size_t end = output.find("\r\n", line);
      if (end == std::string::npos) break;
      replied_ = end + 2;
      if (output[line + 3] != '-') break;
    }
    return output.substr(begin, replied_ - begin);
  }

  void fail(const std::string& what) {
    failures_.push_back(script_.name + ':' + std::to_string(line_) + ": " + printable(what));
  }

  const Script& script_;
  Pieces pieces_;
  MemorySession session_;
  std::vector<std::string> failures_;
  std::string reply_;
  std::size_t replied_ = 0;
  int line_ = 0;
};

using Apply = std::function<void(smtp::ServerOptions&, const std::string&)>;

const std::map<std::string, Apply>& settings() {
  static const std::map<std::string, Apply> table = {
      {"lmtp", [](auto& options, const auto&) { options.lmtp = true; }},
      {"lenient", [](auto& options, const auto&) { options.lenient = true; }},
      {"normalize", [](auto& options, const auto&) { options.normalize_line_ends = true; }},
      {"auth", [](auto& options, const auto&) { options.auth_offered = true; }},
      {"auth_required", [](auto& options, const auto&) { options.auth_required = true; }},
      {"tls_required", [](auto& options, const auto&) { options.tls_required = true; }},
      {"no_starttls", [](auto& options, const auto&) { options.starttls = false; }},
      {"smtputf8", [](auto& options, const auto&) { options.smtputf8 = true; }},
      {"dsn", [](auto& options, const auto&) { options.dsn = true; }},
      {"message_size", [](auto& options, const auto& value) { options.message_size = std::stoull(value); }},
      {"line_length", [](auto& options, const auto& value) { options.line_length = std::stoull(value); }},
      {"recipients", [](auto& options, const auto& value) { options.recipients = std::stoull(value); }},
      {"errors", [](auto& options, const auto& value) { options.errors = std::stoi(value); }},
      {"junk", [](auto& options, const auto& value) { options.junk_commands = std::stoi(value); }},
  };
  return table;
}

}  // namespace

smtp::ServerOptions options_of(const Script& script) {
  smtp::ServerOptions options;
  options.hostname = "mx.example.test";
  options.starttls = true;
  for (const Setting& setting : script.settings)
    if (const auto entry = settings().find(setting.name); entry != settings().end())
      entry->second(options, setting.value);
  return options;
}

Run run(const Script& script, Pieces pieces) { return Runner(script, pieces).run(); }

std::size_t longest_write(const Script& script) {
  std::size_t longest = 0;
  for (const Step& step : script.steps)
    if (const auto* send = std::get_if<Send>(&step.what)) longest = std::max(longest, send->octets.size());
  return longest;
}

}  // namespace sallyport::dialogue
