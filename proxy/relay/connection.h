// One connection to a next hop: commands out, replies in, kept in step.
//
// Ownership: one task at a time; belongs to the core it was opened on; holds its host's permit until it
// is destroyed, which closes the socket. Thread rule: its own core only.
// Errors of every operation: as io::Stream, and `invalid` where the next hop broke the protocol (a reply
// that is none, or that answers nothing). After any error the connection is only good for destruction.
// Replies are untrusted: bounded and made printable by mail::ReplyParser.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/io/stream.h"
#include "base/mail/reply.h"
#include "proxy/relay/capabilities.h"
#include "proxy/relay/host_state.h"
#include "proxy/relay/permits.h"
#include "proxy/relay/route.h"

namespace sallyport::relay {

// What a connection is made with. Connections of equal settings are interchangeable.
struct HopSettings {
  Host host;
  TlsPolicy tls = TlsPolicy::never;
  std::shared_ptr<const io::ClientTls> tls_settings;
  std::optional<Credentials> credentials;
  IpAddress source;
  std::string helo;
  bool operator==(const HopSettings&) const = default;
};

struct HopTimeouts {
  std::chrono::milliseconds connect{};
  std::chrono::milliseconds greeting{};
  std::chrono::milliseconds command{};
};

class Connection final : public Gift {
 public:
  Connection(HopSettings settings, std::shared_ptr<HostState> host, std::unique_ptr<io::Stream> stream);
  ~Connection() override;

  // Writes commands that will be answered by `replies` replies. Refused (`invalid`) if the next hop has
  // said something unasked: its answers could no longer be told apart.
  io::Task<Result<>> send(std::string_view bytes, int replies, TimePoint deadline);
  io::Task<Result<>> send(std::span<const std::string_view> parts, int replies, TimePoint deadline);
  // The next of the replies owed.
  io::Task<Result<mail::Reply>> receive(TimePoint deadline);
  io::Task<Result<mail::Reply>> command(std::string line, TimePoint deadline);
  // Sends the lines, in one write where PIPELINING is offered, and collects their replies in `replies`.
  // It stops behind the first batch (without PIPELINING: the first line) if the first line is refused.
  // `deadline` is asked anew for each write and each reply: many lines take longer than one.
  io::Task<Result<>> exchange(const std::vector<std::string>& lines, std::vector<mail::Reply>& replies,
                              std::function<TimePoint()> deadline);

  // For the middle of a message, when no reply is due: one that came all the same (a refusal on the way),
  // or `lost` if the next hop has gone. Waits only for the rest of a reply that has begun.
  enum class Aside { nothing, reply, lost };
  io::Task<Aside> early_reply(mail::Reply& reply, TimePoint deadline);
  // Part of a message: no reply is owed for it.
  io::Task<Result<>> write(std::span<const std::string_view> parts, TimePoint deadline);
  void owe(int replies) { owed_ += replies; }

  // Nothing owed, nothing unread, still standing.
  bool in_step();
  io::Task<> quit();

  // For the handshake.
  io::Task<Result<>> start_tls(TimePoint deadline);
  // The lines of the last reply received, without code.
  const std::vector<std::string>& lines() const { return parser_.lines(); }
  void set_capabilities(HopCapabilities capabilities) { capabilities_ = capabilities; }
  void hold(Permit permit) { permit_ = std::move(permit); }

  const HopCapabilities& capabilities() const { return capabilities_; }
  const HopSettings& settings() const { return settings_; }
  const std::shared_ptr<HostState>& host() const { return host_; }
  bool encrypted() const { return !stream_->tls().version.empty(); }
  bool lmtp() const { return settings_.host.lmtp; }
  Endpoint local() const { return stream_->local(); }
  Endpoint peer() const { return stream_->peer(); }
  bool reused() const { return reused_; }  // taken from the pool: it may have died unseen
  void set_reused() { reused_ = true; }

 private:
  bool parse(mail::ReplyParser::State& state);

  HopSettings settings_;
  std::shared_ptr<HostState> host_;
  Permit permit_;
  std::unique_ptr<io::Stream> stream_;
  mail::ReplyParser parser_;
  std::string inbound_;     // read and not parsed yet: at most one read's worth
  bool mid_reply_ = false;  // the parser holds the beginning of a reply
  int owed_ = 0;
  bool reused_ = false;
  HopCapabilities capabilities_;
};

}  // namespace sallyport::relay
