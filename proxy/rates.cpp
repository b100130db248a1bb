#include "proxy/rates.h"

#include <fmt/format.h>

namespace sallyport::proxy {
namespace {

using policy::RateRecord;

constexpr std::string_view kKind = "rate";

std::string key_of(const RateCase& one) {
  return fmt::format("{} {} {}", policy::to_string(one.rated), policy::written(one.rate, one.rated),
                     one.who);
}

RateRecord read(std::string_view packed, const RateCase& one, WallTime now) {
  return RateRecord::unpack(packed).value_or(RateRecord{0, now}).as_of(now, one.rate);
}

}  // namespace

Duration Rates::look(const RateCase& one) const {
  return read(state_.get(kKind, key_of(one)).value_or(""), one, state_.now()).free_in(one.rate);
}

template <class Step>
void Rates::update(const RateCase& one, Step step) {
  const WallTime now = state_.now();
  state_.update(kKind, key_of(one), [&](store::StateEntry& entry) {
    const std::optional<RateRecord> record = step(read(entry.value, one, now));
    if (!record) return false;
    entry.value = record->packed();
    entry.expires = record->worthless_from(one.rate);
    return true;
  });
}

Duration Rates::take(const RateCase& one) {
  Duration wait{0};
  update(one, [&](const RateRecord& record) -> std::optional<RateRecord> {
    wait = record.free_in(one.rate);
    if (wait > Duration::zero()) return std::nullopt;
    return record.plus(1, one.rate);
  });
  return wait;
}

void Rates::give_back(const RateCase& one) {
  update(one, [](const RateRecord& record) { return record.minus(1); });
}

void Rates::count(const RateCase& one, std::uint64_t more) {
  update(one, [&](const RateRecord& record) { return record.plus(more, one.rate); });
}

}  // namespace sallyport::proxy
