#include "proxy/read_budget.h"

#include <algorithm>

namespace sallyport::proxy {

ReadBudget::ReadBudget(const Timeouts& timeouts, TimePoint session_start)
    : timeouts_(timeouts), session_end_(session_start + timeouts.session) {}

void ReadBudget::begin(smtp::Waiting stage) {
  // Content that turns out to be refused goes on under the budget that it began with.
  bool same_message = stage_ != smtp::Waiting::command && stage != smtp::Waiting::command;
  stage_ = stage;
  if (same_message) return;
  spent_ = {};
  octets_ = 0;
}

Duration ReadBudget::allowance() const {
  if (stage_ == smtp::Waiting::command) return timeouts_.command;
  auto earned = std::chrono::milliseconds(octets_ * 1000 / std::max<std::uint64_t>(timeouts_.data_rate, 1));
  return std::min<Duration>(timeouts_.data + earned, timeouts_.data_total);
}

TimePoint ReadBudget::deadline(TimePoint now) const {
  TimePoint end = now + std::max(allowance() - spent_, Duration::zero());
  if (stage_ == smtp::Waiting::discard) end = std::min(end, now + kDiscardSilence);
  return std::min(end, session_end_);
}

void ReadBudget::waited(TimePoint began, TimePoint now, std::size_t octets) {
  spent_ += now - began;
  octets_ += octets;
}

}  // namespace sallyport::proxy
