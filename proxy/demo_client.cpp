#include "proxy/demo_client.h"

#include <fmt/format.h>

#include "base/mail/reply.h"

namespace sallyport::proxy {
namespace {

TimePoint soon() { return system_clock().now() + kDemoPatience; }

}  // namespace

io::Task<std::string> DemoClient::play(const DemoSession& session, Endpoint gateway) {
  auto connected = co_await io::connect(gateway, {{}, soon()});
  if (!connected) co_return "cannot connect: " + connected.error().detail;
  stream_ = std::move(*connected);
  received_.clear();
  std::string wrong;
  if (!session.client.empty()) wrong = co_await name_client(session.client);
  if (wrong.empty()) wrong = co_await expect(220);
  for (const DemoStep& step : session.steps)
    if (wrong.empty()) wrong = co_await take(step);
  co_await stream_->close();
  co_return wrong;
}

// As a front end does (PROXY protocol, version 1).
io::Task<std::string> DemoClient::name_client(const std::string& address) {
  const std::string line = fmt::format("PROXY TCP4 {} 127.0.0.1 40000 25", address);
  stage_.client(line);
  auto written = co_await stream_->write(line + "\r\n", soon());
  co_return written ? std::string() : "the connection broke: " + written.error().detail;
}

io::Task<std::string> DemoClient::take(const DemoStep& step) {
  stage_.client(step.send);
  std::string bytes = step.kind == DemoStep::Kind::content ? step.send : step.send + "\r\n";
  auto written = co_await stream_->write(bytes, soon());
  if (!written) co_return "the connection broke: " + written.error().detail;
  std::string wrong = co_await expect(step.expect);
  if (wrong.empty() && step.kind == DemoStep::Kind::start_tls) wrong = co_await start_tls();
  co_return wrong;
}

io::Task<std::string> DemoClient::start_tls() {
  auto done = co_await stream_->start_tls(tls_, "mx.example.com", soon());
  if (!done) co_return "no TLS: " + done.error().detail;
  stage_.aside(fmt::format("{} {}", stream_->tls().version, stream_->tls().cipher));
  co_return std::string();
}

io::Task<std::string> DemoClient::expect(int code) {
  mail::ReplyParser parser;
  while (true) {
    std::string_view input = received_;
    auto state = parser.feed(input);
    std::size_t used = received_.size() - input.size();
    show(std::string_view(received_).substr(0, used));
    received_.erase(0, used);
    if (state == mail::ReplyParser::State::broken) co_return "a broken reply: " + parser.why_broken();
    if (state == mail::ReplyParser::State::done) break;
    auto bytes = co_await stream_->read(soon());
    if (!bytes) co_return "no reply: " + bytes.error().detail;
    received_ += *bytes;
  }
  if (parser.reply().code == code) co_return std::string();
  co_return fmt::format("expected {}, got {}", code, parser.reply().code);
}

void DemoClient::show(std::string_view reply) {
  if (reply == greeting_) return stage_.server_again(reply);
  stage_.server(reply);
  if (reply.find("\r\n250 ") != std::string_view::npos) greeting_ = reply;
}

}  // namespace sallyport::proxy
