#include "policy/rates.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "base/config/units.h"
#include "base/text.h"
#include "policy/packed_number.h"

namespace sallyport::policy {
namespace {

using std::chrono::floor;
using std::chrono::milliseconds;
using Seconds = std::chrono::duration<double>;

constexpr std::uint64_t kMost = 1'000'000'000'000'000;
constexpr Duration kShortest = std::chrono::seconds(1), kLongest = std::chrono::hours(24 * 31);
constexpr double kRounding = 1e-6;
constexpr double kMostUsed = 2;  // limits

double leak(const Rate& rate) { return static_cast<double>(rate.most) / Seconds(rate.per).count(); }

std::optional<std::uint64_t> parse_many(std::string_view text, Rated rated) {
  return rated == Rated::octets ? config::parse_size(text) : parse_unsigned(text);
}

}  // namespace

std::string_view to_string(Rated rated) {
  switch (rated) {
    case Rated::connections:
      return "connections";
    case Rated::messages:
      return "messages";
    case Rated::recipients:
      return "recipients";
    case Rated::unknown_recipients:
      return "unknown_recipients";
    case Rated::octets:
      return "bytes";
  }
  std::unreachable();
}

Result<Rate> parse_rate(std::string_view text, Rated rated) {
  if (text == "off") return Rate{};
  const auto slash = text.find('/');
  if (slash == std::string_view::npos)
    return fail(Errc::invalid, "how many, \"/\", and in which time; \"off\" is no limit");
  const auto most = parse_many(text.substr(0, slash), rated);
  const auto per = config::parse_duration(text.substr(slash + 1));
  if (!most) return fail(Errc::invalid, "in front of the \"/\" stands how many");
  if (*most == 0 || *most > kMost)
    return fail(Errc::invalid, "a limit is one at least; \"off\" is no limit");
  if (!per) return fail(Errc::invalid, "behind the \"/\" stands a duration: \"1h\", not \"h\"");
  if (*per < kShortest || *per > kLongest) return fail(Errc::invalid, "the time is from 1s to 31d");
  return Rate{*most, *per};
}

std::string written(const Rate& rate, Rated rated) {
  if (!rate.is_on()) return "off";
  return fmt::format("{}/{}",
                     rated == Rated::octets ? config::format_size(rate.most) : std::to_string(rate.most),
                     config::format_duration(rate.per));
}

RateRecord RateRecord::as_of(WallTime now, const Rate& rate) const {
  now = floor<milliseconds>(now);
  if (at > now + kOutOfTurn) return {0, now};
  if (at >= now) return *this;
  return {std::max(0.0, used - Seconds(now - at).count() * leak(rate)), now};
}

RateRecord RateRecord::plus(std::uint64_t more, const Rate& rate) const {
  return {std::min(used + static_cast<double>(more), kMostUsed * static_cast<double>(rate.most)), at};
}

RateRecord RateRecord::minus(double less) const { return {std::max(0.0, used - less), at}; }

double left_of(double counted, Duration ago, const Rate& rate) {
  return std::max(0.0, counted - Seconds(std::max(ago, Duration::zero())).count() * leak(rate));
}

Duration RateRecord::free_in(const Rate& rate) const {
  const double over = used + 1 - static_cast<double>(rate.most);
  if (over <= kRounding) return Duration::zero();
  return std::chrono::ceil<milliseconds>(Seconds(over / leak(rate)));
}

WallTime RateRecord::worthless_from(const Rate& rate) const {
  return at + std::chrono::ceil<milliseconds>(Seconds(used / leak(rate)));
}

std::string RateRecord::packed() const {
  std::string out;
  pack_number(out, std::bit_cast<std::uint64_t>(used), 8);
  pack_number(out, static_cast<std::uint64_t>(floor<milliseconds>(at).time_since_epoch().count()), 8);
  return out;
}

std::optional<RateRecord> RateRecord::unpack(std::string_view packed) {
  if (packed.size() != 16) return std::nullopt;
  const auto used = std::bit_cast<double>(unpack_number(packed.substr(0, 8)));
  if (!std::isfinite(used) || used < 0) return std::nullopt;
  return RateRecord{used,
                    WallTime(milliseconds(static_cast<std::int64_t>(unpack_number(packed.substr(8)))))};
}

}  // namespace sallyport::policy
