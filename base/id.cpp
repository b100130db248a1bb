#include "base/id.h"

#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/text.h"

namespace sallyport {
namespace {

constexpr char kAlphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t kLength = 11;
constexpr int kSequenceBits = 13;
constexpr std::int64_t kEpoch = 1'704'067'200'000;  // 2024-01-01T00:00:00Z in milliseconds

std::uint64_t fresh(std::int64_t wall_milliseconds) {
  std::uint16_t noise = 0;
  (void)!getrandom(&noise, sizeof noise, 0);
  // The upper half of the sequence is left for ids that follow in the same millisecond.
  return static_cast<std::uint64_t>(wall_milliseconds - kEpoch) << kSequenceBits | (noise & 0xfffU);
}

std::uint64_t next_value(std::int64_t wall_milliseconds) {
  static std::atomic<std::uint64_t> last{0};
  std::uint64_t before = last.load(std::memory_order_relaxed);
  std::uint64_t value = 0;
  do {
    bool same_millisecond =
        before >> kSequenceBits >= static_cast<std::uint64_t>(wall_milliseconds - kEpoch);
    value = same_millisecond ? before + 1 : fresh(wall_milliseconds);
  } while (!last.compare_exchange_weak(before, value, std::memory_order_relaxed));
  return value;
}

}  // namespace

std::string new_id(const Clock& clock) {
  auto since_epoch = std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch());
  std::uint64_t value = next_value(std::max<std::int64_t>(since_epoch.count(), kEpoch));
  std::string id(kLength, '0');
  for (auto c = id.rbegin(); c != id.rend(); ++c, value >>= 5) *c = kAlphabet[value & 31];
  return id;
}

std::optional<std::uint64_t> session_number(std::string_view id) {
  const std::string_view session = id.substr(0, id.find('.'));
  if (session.size() != kLength) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : session) {
    const auto digit = std::string_view(kAlphabet).find(lower(c));
    if (digit == std::string_view::npos) return std::nullopt;
    value = value << 5 | digit;
  }
  return value;
}

WallTime began_at(std::uint64_t session) {
  const auto milliseconds = static_cast<std::int64_t>(session >> kSequenceBits) + kEpoch;
  return WallTime(std::chrono::milliseconds(milliseconds));
}

}  // namespace sallyport
