#include "tests/unit/relay_fake_hop.h"

#include <algorithm>

#include "base/io/acceptor.h"
#include "base/mail/content.h"
#include "base/text.h"

namespace sallyport::relay::testing {
namespace {

using State = FakeHop::State;

TimePoint far() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }

class Session {
 public:
  Session(std::unique_ptr<io::Stream> stream, std::shared_ptr<State> state,
          std::shared_ptr<const HopRules> rules)
      : stream_(std::move(stream)), state_(std::move(state)), rules_(std::move(rules)) {
    ++state_->connections;
    state_->most_open = std::max(state_->most_open, ++state_->open);
  }
  ~Session() { --state_->open; }

  io::Task<> run();

 private:
  io::Task<bool> more();
  io::Task<bool> line(std::string& out);
  io::Task<bool> say(std::string text);
  io::Task<bool> obey(const std::string& line);
  io::Task<bool> data();
  io::Task<bool> bdat(const std::string& line);
  io::Task<bool> take();
  io::Task<bool> start_tls();
  std::string capabilities(const std::string& line) const;
  const std::string* scripted(const std::string& line) const;
  io::Task<bool> recipient(const std::string& line, const std::string* answer);

  std::unique_ptr<io::Stream> stream_;
  std::shared_ptr<State> state_;
  std::shared_ptr<const HopRules> rules_;
  bool interrupted_ = false;
  std::string in_;
  std::size_t content_seen_ = 0;
  Taken now_;
};

io::Task<bool> Session::more() {
  const auto bytes = co_await stream_->read(far());
  if (!bytes) co_return false;
  if (stream_->tls().version.empty()) state_->plaintext += *bytes;
  in_ += *bytes;
  co_return true;
}

io::Task<bool> Session::line(std::string& out) {
  while (in_.find("\r\n") == std::string::npos) {
    if (!co_await more()) co_return false;
  }
  out = in_.substr(0, in_.find("\r\n"));
  in_.erase(0, out.size() + 2);
  state_->lines.push_back(out);
  co_return true;
}

bool take_suffix(std::string& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.resize(text.size() - suffix.size());
  return true;
}

io::Task<bool> Session::say(std::string text) {
  const bool close = take_suffix(text, "<close>");
  const bool reset = take_suffix(text, "<reset>");
  const bool hang = take_suffix(text, "<hang>");
  const bool raw = take_suffix(text, "<raw>");
  if (take_suffix(text, "<late>")) co_await io::sleep_for(std::chrono::milliseconds(150));
  if (!text.empty()) {
    if (!raw) text += "\r\n";
    if (!co_await stream_->write(text, far())) co_return false;
  }
  if (close) co_await stream_->close();
  if (hang) co_await io::sleep_for(std::chrono::seconds(20));
  co_return !(close || reset || hang);
}

const std::string* Session::scripted(const std::string& line) const {
  const std::string* found = nullptr;
  std::size_t length = 0;
  for (const auto& [beginning, answer] : rules_->answers) {
    if (!istarts_with(line, beginning) || beginning.size() < length) continue;
    if (beginning.size() == length && !line.starts_with(beginning)) continue;
    found = &answer;
    length = beginning.size();
  }
  return found;
}

std::string Session::capabilities(const std::string& line) const {
  if (istarts_with(line, "HELO")) return "250 hop.test";
  const bool in_tls = !stream_->tls().version.empty();
  auto offers = in_tls && !rules_->offers_in_tls.empty() ? rules_->offers_in_tls : rules_->offers;
  if (rules_->tls && !in_tls) offers.push_back("STARTTLS");
  std::string reply = "250-hop.test greets you";
  for (const auto& offer : offers) reply += "\r\n250-" + offer;
  reply[reply.rfind("250-") + 3] = ' ';
  return reply;
}

io::Task<bool> Session::start_tls() {
  if (!co_await say("220 go ahead")) co_return false;
  co_return (co_await stream_->start_tls(rules_->tls, far())).has_value();
}

io::Task<bool> Session::recipient(const std::string& line, const std::string* answer) {
  const bool accepted = !answer || answer->starts_with("2");
  if (accepted) now_.to.push_back(line.substr(8));
  co_return co_await say(answer ? *answer : "250 2.1.5 ok");
}

io::Task<bool> Session::obey(const std::string& line) {
  const auto* answer = scripted(line);
  if (istarts_with(line, "RCPT TO:")) co_return co_await recipient(line, answer);
  if (answer && !(istarts_with(line, "DATA") && answer->starts_with("354"))) {
    if (istarts_with(line, "MAIL")) now_ = {};
    co_return co_await say(*answer);
  }
  if (istarts_with(line, "EHLO") || istarts_with(line, "LHLO") || istarts_with(line, "HELO")) {
    co_return co_await say(capabilities(line));
  }
  if (istarts_with(line, "STARTTLS")) co_return co_await start_tls();
  if (istarts_with(line, "MAIL FROM:")) now_ = {.from = line.substr(10), .to = {}, .content = {}};
  if (istarts_with(line, "RSET")) now_ = {};
  if (istarts_with(line, "DATA")) {
    if (now_.to.empty() && !rules_->accepts_data_without_recipients)
      co_return co_await say("503 5.5.1 no recipients");
    if (!co_await say(answer ? *answer : "354 go on")) co_return false;
    co_return co_await data();
  }
  if (istarts_with(line, "BDAT ")) co_return co_await bdat(line);
  co_return co_await say(istarts_with(line, "QUIT") ? "221 bye<close>" : "250 2.0.0 ok");
}

io::Task<bool> Session::data() {
  mail::DataDecoder decoder(1 << 30);
  for (;;) {
    content_seen_ += in_.size();
    std::string_view rest = in_;
    const bool done = decoder.feed(rest, now_.content);
    in_.erase(0, in_.size() - rest.size());
    if (rules_->mid_data_at > 0 && !interrupted_ && content_seen_ >= rules_->mid_data_at) {
      if (!co_await say(rules_->mid_data)) co_return false;
      interrupted_ = true;
    }
    if (done) co_return co_await take();
    if (!co_await more()) co_return false;
  }
}

io::Task<bool> Session::bdat(const std::string& line) {
  const auto size = parse_unsigned(line.substr(5, line.find(' ', 5) - 5)).value_or(0);
  while (in_.size() < size) {
    if (!co_await more()) co_return false;
  }
  now_.content += in_.substr(0, size);
  in_.erase(0, size);
  co_return co_await take();
}

io::Task<bool> Session::take() {
  now_.tls = !stream_->tls().version.empty();
  state_->taken.push_back(now_);
  const std::size_t answers = rules_->lmtp ? std::max(now_.to.size(), rules_->dot.size()) : 1;
  for (std::size_t i = 0; i < answers; ++i) {
    if (!co_await say(rules_->dot[std::min(i, rules_->dot.size() - 1)])) co_return false;
  }
  now_ = {};
  co_return true;
}

io::Task<> Session::run() {
  if (rules_->implicit_tls && !co_await stream_->start_tls(rules_->tls, far())) co_return;
  if (!co_await say(rules_->greeting)) co_return;
  std::string command;
  while (co_await line(command)) {
    if (!co_await obey(command)) break;
  }
}

// A moment later, so that the ends of connections closed before this one was opened are counted first.
io::Task<> serve_one(std::unique_ptr<io::Stream> stream, std::shared_ptr<State> state,
                     std::shared_ptr<const HopRules> rules) {
  co_await io::sleep_for(std::chrono::milliseconds(1));
  Session session(std::move(stream), std::move(state), std::move(rules));
  co_await session.run();
}

io::Task<> accept_all(std::unique_ptr<io::Listener> listener, std::shared_ptr<State> state,
                      io::TaskGroup& tasks, io::Executor executor) {
  co_await listener->run([executor](const Endpoint&) { return executor; },
                         [state, &tasks](std::unique_ptr<io::Stream> stream, const io::Executor& on) {
                           auto& hop = *state->hop;
                           // The usual rules may be changed while connections are open.
                           std::shared_ptr<const HopRules> rules(std::shared_ptr<void>(), &hop.rules);
                           if (!hop.next.empty()) {
                             rules = std::make_shared<const HopRules>(hop.next.front());
                             hop.next.erase(hop.next.begin());
                           }
                           tasks.spawn(on, "fake hop", serve_one(std::move(stream), state, rules));
                         },
                         [](const Error&) {});
  state->close_listener = nullptr;
}

}  // namespace

void FakeHop::start(io::TaskGroup& tasks, const io::Executor& executor) {
  const auto at = state_->endpoint.port != 0 ? state_->endpoint : *Endpoint::parse("127.0.0.1:0");
  auto listener = io::Listener::bind(executor, at);
  if (!listener) throw std::runtime_error(listener.error().detail);
  state_->hop = this;
  state_->endpoint = (*listener)->local();
  state_->close_listener = [open = listener->get()] { open->close(); };
  tasks.spawn(executor, "fake hop", accept_all(std::move(*listener), state_, tasks, executor));
}

void FakeHop::stop() {
  if (state_->close_listener) state_->close_listener();
}

Host FakeHop::host() const {
  return {.name = "127.0.0.1",
          .port = state_->endpoint.port,
          .lmtp = rules.lmtp,
          .implicit_tls = rules.implicit_tls};
}

Endpoint FakeHop::endpoint() const { return state_->endpoint; }

int FakeHop::count(std::string_view beginning) const {
  return static_cast<int>(std::ranges::count_if(
      state_->lines, [&](const std::string& line) { return istarts_with(line, beginning); }));
}

}  // namespace sallyport::relay::testing
