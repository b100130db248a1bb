// The field tables of `limits.rate` and `limits.penalty`.
#include "proxy/settings_check_types.h"
#include "proxy/settings_types.h"

namespace sallyport::proxy {
namespace {

using config::integer;
using config::Stage;
using config::Table;
using policy::Offence;
using policy::PenaltySettings;
using policy::Rate;
using policy::Rated;
using policy::RateSettings;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

double a_second(const Rate& rate) {
  return static_cast<double>(rate.most) / std::chrono::duration<double>(rate.per).count();
}

// The stricter one allows no more at once, and no more in the long run.
std::partial_ordering rate_strictness(const Rate& one, const Rate& other) {
  if (one == other) return std::partial_ordering::equivalent;
  if (!one.is_on()) return std::partial_ordering::less;
  if (!other.is_on()) return std::partial_ordering::greater;
  const bool at_once = one.most <= other.most, at_length = a_second(one) <= a_second(other);
  if (at_once != at_length) return std::partial_ordering::unordered;
  return at_once ? std::partial_ordering::greater : std::partial_ordering::less;
}

config::Type<Rate> rate(Rated rated) {
  const char* words = rated == Rated::octets ? R"(a rate such as "2GB/1d", or "off")"
                                             : R"(a rate such as "500/1h", or "off")";
  auto type = config::parsed<Rate>(
      words, [rated](std::string_view text) { return policy::parse_rate(text, rated); },
      [rated](const Rate& shown) { return policy::written(shown, rated); });
  type.strictness = rate_strictness;
  return type;
}

Table<RateSettings> with_rate(Table<RateSettings> table, Rated rated, Stage stage, const char* help) {
  return std::move(table).field_at(
      std::string(policy::to_string(rated)), [rated](auto& values) -> auto& { return values.of(rated); },
      rate(rated), stage, help);
}

Table<PenaltySettings> with_weight(Table<PenaltySettings> table, const char* name, Offence offence,
                                   const char* help) {
  return std::move(table).field_at(
      name, [offence](auto& values) -> auto& { return values.weight(offence); }, integer<int>(0, 1'000),
      Stage::rcpt, help);
}

Table<PenaltySettings> penalty_without_weights() {
  return Table<PenaltySettings>(
             "What a stranger did wrong lately, less the mail of it that was taken. Whoever has had mail "
             "taken "
             "is slowed at most, never turned away.")
      .ruled()
      .field("half_life", &PenaltySettings::half_life,
             config::duration<Duration>(seconds(1), hours(24 * 7)), Stage::connect,
             "in which half of it is forgotten")
      .field("remember", &PenaltySettings::remember,
             config::duration<Duration>(minutes(1), hours(24 * 366)), Stage::connect,
             "how long mail that was taken keeps a client from being turned away")
      .field("mode", &PenaltySettings::mode, mode(), Stage::rcpt,
             "`enforce`, `observe` (counted and recorded, nobody is slowed or turned away) or `off`")
      .field("slow_at", &PenaltySettings::slow_at, integer<int>(0, 1'000'000), Stage::rcpt,
             "from so many points on the answer for each recipient comes late; 0 is never")
      .field("delay", &PenaltySettings::delay, config::duration<Duration>(seconds(1), seconds(30)),
             Stage::rcpt, "so late; two minutes in a session, all together")
      .field("refuse_at", &PenaltySettings::refuse_at, integer<int>(0, 1'000'000), Stage::rcpt,
             "from so many points on a client is turned away (421) of which no mail was taken; 0 is never");
}

}  // namespace

const Table<RateSettings>& rate_table() {
  static const auto table = [] {
    auto rates =
        Table<RateSettings>(
            "How much of everything in some time, for each user, trusted address or stranger (as for "
            "greylisting). `\"500/1h\"` is 500 at once, and then one every 7.2 seconds. `upstream` and "
            "mail to "
            "the `role_names` are never held back.")
            .ruled()
            .field("mode", &RateSettings::mode, mode(), Stage::rcpt,
                   "`enforce`, `observe` (counted and recorded, nobody is held back) or `off`; of "
                   "connections by the rules on `ip` and `listener` alone");
    rates = with_rate(std::move(rates), Rated::connections, Stage::connect,
                      "new connections: of a stranger's network, or a trusted address");
    rates = with_rate(std::move(rates), Rated::messages, Stage::rcpt,
                      "messages that are taken, counted from their first recipient on");
    rates = with_rate(std::move(rates), Rated::recipients, Stage::rcpt, "recipients that are taken");
    rates = with_rate(std::move(rates), Rated::unknown_recipients, Stage::rcpt,
                      "recipients that the next hop does not know");
    return with_rate(std::move(rates), Rated::octets, Stage::rcpt,
                     "octets of messages; one message may go beyond it");
  }();
  return table;
}

const Table<PenaltySettings>& penalty_table() {
  static const auto table = [] {
    auto penalty = with_weight(penalty_without_weights(), "unknown_recipient", Offence::unknown_recipient,
                               "points for a recipient that the next hop does not know");
    penalty = with_weight(std::move(penalty), "refusal", Offence::refusal,
                          "points for a recipient or a message that is refused (5xx)");
    penalty = with_weight(std::move(penalty), "early_talk", Offence::early_talk,
                          "points for talking before the greeting");
    return with_weight(std::move(penalty), "relay_attempt", Offence::relay_attempt,
                       "points for mail to a domain that is not ours");
  }();
  return table;
}

}  // namespace sallyport::proxy
