#include "proxy/relay/connection.h"

#include <algorithm>
#include <utility>

namespace sallyport::relay {
namespace {

// Commands in one write: their replies must fit what the kernel buffers for us, or both sides would wait
// for each other (RFC 2920 3.1).
constexpr std::size_t kBatch = 100;
constexpr std::size_t kUnread = 64 * 1024;
constexpr auto kGoodbye = std::chrono::seconds(1);

}  // namespace

Connection::Connection(HopSettings settings, std::shared_ptr<HostState> host,
                       std::unique_ptr<io::Stream> stream)
    : settings_(std::move(settings)), host_(std::move(host)), stream_(std::move(stream)) {}

Connection::~Connection() = default;

io::Task<Result<>> Connection::send(std::string_view bytes, int replies, TimePoint deadline) {
  const std::string_view parts[] = {bytes};
  co_return co_await send(parts, replies, deadline);
}

io::Task<Result<>> Connection::send(std::span<const std::string_view> parts, int replies,
                                    TimePoint deadline) {
  if (owed_ == 0) {
    const auto presence = stream_->poll(inbound_, kUnread);
    if (!inbound_.empty()) co_return fail(Errc::invalid, "a reply to no command");
    if (presence != io::Presence::here) co_return fail(Errc::closed, "closed by the next hop");
  }
  owed_ += replies;
  co_return co_await stream_->write(parts, deadline);
}

io::Task<Result<>> Connection::write(std::span<const std::string_view> parts, TimePoint deadline) {
  co_return co_await stream_->write(parts, deadline);
}

bool Connection::parse(mail::ReplyParser::State& state) {
  if (inbound_.empty()) return false;
  std::string_view rest = inbound_;
  state = parser_.feed(rest);
  inbound_.erase(0, inbound_.size() - rest.size());
  mid_reply_ = state == mail::ReplyParser::State::more;
  return state != mail::ReplyParser::State::more;
}

io::Task<Result<mail::Reply>> Connection::receive(TimePoint deadline) {
  auto state = mail::ReplyParser::State::more;
  while (!parse(state)) {
    auto bytes = co_await stream_->read(deadline);
    if (!bytes) co_return bytes.error();
    inbound_ = *bytes;
  }
  if (state == mail::ReplyParser::State::broken) {
    co_return fail(Errc::invalid, "not a reply: " + parser_.why_broken());
  }
  --owed_;
  co_return parser_.reply();
}

io::Task<Result<mail::Reply>> Connection::command(std::string line, TimePoint deadline) {
  if (auto sent = co_await send(line, 1, deadline); !sent) co_return sent.error();
  co_return co_await receive(deadline);
}

io::Task<Result<>> Connection::exchange(const std::vector<std::string>& lines,
                                        std::vector<mail::Reply>& replies,
                                        std::function<TimePoint()> deadline) {
  const std::size_t batch = capabilities_.pipelining ? kBatch : 1;
  replies.reserve(replies.size() + lines.size());
  for (std::size_t from = 0; from < lines.size(); from += batch) {
    const auto count = std::min(batch, lines.size() - from);
    std::string together;
    for (std::size_t i = 0; i < count; ++i) together += lines[from + i];
    auto sent = co_await send(together, static_cast<int>(count), deadline());
    if (!sent) co_return sent;
    for (std::size_t i = 0; i < count; ++i) {
      auto reply = co_await receive(deadline());
      if (!reply) co_return reply.error();
      replies.push_back(std::move(*reply));
    }
    if (!replies.front().positive()) co_return Result<void>{};
  }
  co_return Result<void>{};
}

io::Task<Connection::Aside> Connection::early_reply(mail::Reply& reply, TimePoint deadline) {
  const auto presence = stream_->poll(inbound_, kUnread);
  if (inbound_.empty() && !mid_reply_) {
    co_return presence == io::Presence::here ? Aside::nothing : Aside::lost;
  }
  auto received = co_await receive(deadline);
  if (!received) co_return Aside::lost;
  reply = std::move(*received);
  co_return Aside::reply;
}

bool Connection::in_step() {
  if (owed_ != 0 || !inbound_.empty()) return false;
  return stream_->poll(inbound_, kUnread) == io::Presence::here && inbound_.empty();
}

io::Task<> Connection::quit() {
  const auto deadline = std::chrono::steady_clock::now() + kGoodbye;
  if (in_step()) (void)co_await stream_->write("QUIT\r\n", deadline);
  co_await stream_->close();
}

io::Task<Result<>> Connection::start_tls(TimePoint deadline) {
  // Whatever came behind the 220 was not encrypted and would be read as if it were (RFC 3207 6).
  if (!in_step()) co_return fail(Errc::invalid, "plaintext behind the reply to STARTTLS");
  co_return co_await stream_->start_tls(settings_.tls_settings, settings_.host.name, deadline);
}

}  // namespace sallyport::relay
