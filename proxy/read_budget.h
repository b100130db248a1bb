// How long a session waits for its client: one total deadline a stage, so that a byte now and then does
// not keep a session alive (slow-loris), and a minimum rate for content.
//
// Only time spent waiting for the client counts: what we or the next hop take ourselves is not charged.
// Pure: time is passed in. One per session.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "proxy/settings.h"
#include "proxy/smtp/server_machine.h"

namespace sallyport::proxy {

class ReadBudget {
 public:
  ReadBudget(const Timeouts& timeouts, TimePoint session_start);

  // A new stage begins: a command is awaited, or content is.
  void begin(smtp::Waiting stage);
  smtp::Waiting stage() const { return stage_; }
  // When the wait that begins `now` must end.
  TimePoint deadline(TimePoint now) const;
  // The wait that began at `began` ended `now` with this many octets.
  void waited(TimePoint began, TimePoint now, std::size_t octets);

  // A client that was refused in mid-content and falls silent is not waited for any longer than this
  // for the true end of its message.
  static constexpr Duration kDiscardSilence = std::chrono::seconds(2);

 private:
  Duration allowance() const;

  const Timeouts timeouts_;
  TimePoint session_end_;
  smtp::Waiting stage_ = smtp::Waiting::command;
  Duration spent_{};
  std::uint64_t octets_ = 0;
};

}  // namespace sallyport::proxy
