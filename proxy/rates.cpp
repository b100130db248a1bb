#include "proxy/rates.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/needed_memory.h"

namespace sallyport::proxy {
namespace {

using policy::RateRecord;

constexpr std::string_view kKind = "rate";

std::string key_of(const RateCase& one) {
  return fmt::format("{}{} {} {}", one.apart ? "observed " : "", policy::to_string(one.rated),
                     policy::written(one.rate, one.rated), one.who);
}

RateRecord read(std::string_view packed, const RateCase& one, WallTime now) {
  return RateRecord::unpack(packed).value_or(RateRecord{0, now}).as_of(now, one.rate);
}

}  // namespace

Duration Rates::look(const RateCase& one) const {
  return read(state_.get(kKind, key_of(one)).value_or(""), one, state_.now()).free_in(one.rate);
}

template <class Step>
void Rates::update(const RateCase& one, WallTime now, Step step) {
  state_.update(kKind, key_of(one), [&](store::StateEntry& entry) {
    const std::optional<RateRecord> record = step(read(entry.value, one, now));
    if (!record) return false;
    entry.value = record->packed();
    entry.expires = record->worthless_from(one.rate);
    return true;
  });
}

Rates::Taken Rates::take(const RateCase& one, std::uint64_t more, Over over) {
  Taken taken{.at = state_.now()};
  update(one, taken.at, [&](const RateRecord& record) -> std::optional<RateRecord> {
    taken.wait = record.free_in(one.rate);
    if (taken.wait > Duration::zero() && over == Over::refused) return std::nullopt;
    const RateRecord after = record.plus(more, one.rate);
    taken.counted = after.used - record.used;
    return after;
  });
  return taken;
}

void Rates::give_back(const RateCase& one, double counted, WallTime at) {
  const WallTime now = state_.now();
  const double left = policy::left_of(counted, now - at, one.rate);
  update(one, now, [&](const RateRecord& record) { return record.minus(left); });
}

HeldRates::~HeldRates() {
  const NeededMemory needed;
  give_back();
}

// Recipients of one message are one entry, as of the first: what went by since then went by once.
Duration HeldRates::take(const RateCase& one, std::uint64_t more, Rates::Over over) {
  const Rates::Taken taken = rates_.take(one, more, over);
  if (taken.counted <= 0) return taken.wait;
  if (const auto held = std::ranges::find(held_, one, &Held::one); held != held_.end())
    held->taken.counted += taken.counted;
  else
    held_.push_back({one, taken});
  return taken.wait;
}

bool HeldRates::has(const RateCase& one) const {
  return std::ranges::find(held_, one, &Held::one) != held_.end();
}

void HeldRates::give_back(const RateCase& one) {
  const auto held = std::ranges::find(held_, one, &Held::one);
  if (held == held_.end()) return;
  rates_.give_back(one, held->taken.counted, held->taken.at);
  held_.erase(held);
}

void HeldRates::give_back() {
  for (const Held& held : held_) rates_.give_back(held.one, held.taken.counted, held.taken.at);
  held_.clear();
}

}  // namespace sallyport::proxy
