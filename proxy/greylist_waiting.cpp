#include "proxy/greylist_waiting.h"

#include <algorithm>
#include <array>

#include "policy/packed_number.h"

namespace sallyport::proxy {
namespace {

using policy::GreylistRecord;
using policy::pack_number;
using policy::unpack_number;
using std::chrono::days;
using std::chrono::floor;
using std::chrono::seconds;

constexpr std::string_view kRecords = "greylist";
constexpr std::string_view kKnown = "greylist-known";
constexpr std::string_view kWaiting = "greylist-waiting";
constexpr std::string_view kDay = "greylist-day";
constexpr std::size_t kMostName = 320;  // of a sender or recipient, as it is shown

std::string packed(const GreylistWaiter& waiter) {
  std::string out;
  pack_number(out, static_cast<std::uint64_t>(floor<seconds>(waiter.first).time_since_epoch().count()), 8);
  out.append(waiter.identity).append(1, '\0');
  out.append(waiter.sender, 0, kMostName).append(1, '\0');
  return out.append(waiter.recipient, 0, kMostName);
}

std::optional<GreylistWaiter> unpack_waiter(std::string_view key, std::string_view packed) {
  if (packed.size() < 8) return std::nullopt;
  const WallTime first{seconds(static_cast<std::int64_t>(unpack_number(packed.substr(0, 8))))};
  packed.remove_prefix(8);
  std::array<std::string, 2> parts;
  for (std::string& part : parts) {
    const auto end = packed.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    part = packed.substr(0, end);
    packed.remove_prefix(end + 1);
  }
  return GreylistWaiter{std::string(key), first, parts[0], parts[1], std::string(packed)};
}

std::string key_of_day(WallTime time) {
  return std::to_string(floor<days>(time).time_since_epoch().count());
}

}  // namespace

std::string GreylistDay::packed() const {
  std::string out;
  pack_number(out, begun, 4);
  pack_number(out, came_back, 4);
  pack_number(out, seconds, 8);
  return out;
}

std::optional<GreylistDay> GreylistDay::unpack(std::string_view packed) {
  if (packed.size() != 16) return std::nullopt;
  return GreylistDay{static_cast<std::uint32_t>(unpack_number(packed.substr(0, 4))),
                     static_cast<std::uint32_t>(unpack_number(packed.substr(4, 4))),
                     unpack_number(packed.substr(8))};
}

void GreylistWaiting::count(const std::function<void(GreylistDay&)>& change) {
  const WallTime now = state_.now();
  state_.update(kDay, key_of_day(now), [&](store::StateEntry& entry) {
    GreylistDay day = GreylistDay::unpack(entry.value).value_or(GreylistDay{});
    change(day);
    entry.value = day.packed();
    entry.expires = now + days(kDays + 1);
    return true;
  });
}

void GreylistWaiting::begins(const GreylistWaiter& waiter, WallTime until) {
  state_.put(kWaiting, waiter.key, packed(waiter), until);
  count([](GreylistDay& day) { ++day.begun; });
}

void GreylistWaiting::came_back(const std::string& key, Duration waited) {
  state_.erase(kWaiting, key);
  const auto for_seconds = std::chrono::duration_cast<seconds>(waited).count();
  count([for_seconds](GreylistDay& day) {
    ++day.came_back;
    day.seconds += static_cast<std::uint64_t>(std::max<std::int64_t>(for_seconds, 0));
  });
}

void GreylistWaiting::show(const std::function<bool(const GreylistWaiter&)>& visitor) const {
  state_.scan(kWaiting, [&](std::string_view key, std::string_view value, WallTime) {
    const auto waiter = unpack_waiter(key, value);
    return !waiter || visitor(*waiter);
  });
}

std::vector<GreylistWaiter> GreylistWaiting::passed(const policy::GreylistChoice& choice) const {
  std::vector<GreylistWaiter> found;
  state_.scan(kRecords, [&](std::string_view key, std::string_view value, WallTime) {
    const auto record = choice.has(key) ? GreylistRecord::unpack(value) : std::nullopt;
    if (record && record->passed) found.push_back({std::string(key), record->first, {}, {}, {}, true});
    return true;
  });
  return found;
}

bool GreylistWaiting::release(const std::string& key, Duration remember) {
  const WallTime now = state_.now();
  WallTime first = now;
  bool waited = false;
  state_.update(kRecords, key, [&](store::StateEntry& entry) {
    auto record = GreylistRecord::unpack(entry.value);
    waited = entry.known && record && !record->passed;
    if (!waited) return false;
    first = record->first;
    record->passed = true;
    record->last = now;
    entry.value = record->packed();
    entry.expires = now + remember;
    return true;
  });
  if (waited) came_back(key, now - first);
  return waited;
}

bool GreylistWaiting::forget(const std::string& key) {
  const bool known = state_.get(kRecords, key).has_value();
  state_.erase(kRecords, key);
  state_.erase(kWaiting, key);
  return known;
}

bool GreylistWaiting::forget_client(const std::string& client) {
  bool was_known = false;
  for (const bool watched : {false, true}) {
    const std::string key = policy::greylist_key(policy::ClientIdentity{.name = client}, watched);
    was_known = state_.get(kKnown, key).has_value() || was_known;
    state_.erase(kKnown, key);
  }
  return was_known;
}

GreylistDay GreylistWaiting::sum(int last) const {
  GreylistDay sum;
  const WallTime now = state_.now();
  for (int back = 0; back < last; ++back) {
    const auto value = state_.get(kDay, key_of_day(now - days(back)));
    const auto day = value ? GreylistDay::unpack(*value) : std::nullopt;
    if (!day) continue;
    sum.begun += day->begun;
    sum.came_back += day->came_back;
    sum.seconds += day->seconds;
  }
  return sum;
}

std::size_t GreylistWaiting::count() const { return state_.count(kWaiting); }

}  // namespace sallyport::proxy
