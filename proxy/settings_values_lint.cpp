// Values that are possible, each by itself, and do little, or what nobody means. An admin may want them,
// for a test: they are warned of, by `check`.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <span>

#include "proxy/settings_treatments.h"

namespace sallyport::proxy {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

struct Surprise {
  std::vector<std::string> way;  // to the value that is blamed
  bool (*holds)(const PolicySections& sections);
  const char* what;
  const char* hint;
};

bool by_points(const PolicySections& sections) {
  const policy::GreylistSettings& greylist = sections.checks.greylist;
  return greylist.mode != Mode::off && greylist.apply == policy::GreylistApply::doubtful;
}

constexpr std::uint64_t kSmallMessage = 64'000;

std::span<const Surprise> surprises() {
  static const std::vector<Surprise> all{
      {{"thresholds", "doubtful"},
       [](const auto& one) { return by_points(one) && one.thresholds.doubtful > one.thresholds.reject; },
       "above thresholds.reject: nobody is greylisted for his points",
       "whoever is doubtful has fewer points than whoever is refused"},
      {{"limits", "penalty", "slow_at"},
       [](const auto& one) {
         const policy::PenaltySettings& penalty = one.limits.penalty;
         return penalty.mode != Mode::off && penalty.refuse_at > 0 && penalty.slow_at > penalty.refuse_at;
       },
       "above refuse_at: a client of which no mail was taken is turned away before it is ever slowed",
       "slowed from fewer points on than turned away"},
      {{"checks", "greylist", "window"},
       [](const auto& one) {
         return one.checks.greylist.mode != Mode::off && one.checks.greylist.window < hours(4);
       },
       "many mail servers come back later than that, and are asked to come back once more",
       "good for a test; \"2d\" where mail is to come in"},
      {{"checks", "greylist", "remember"},
       [](const auto& one) {
         return one.checks.greylist.mode != Mode::off && one.checks.greylist.remember < hours(24);
       },
       "whoever writes once a day has to wait each time",
       "good for a test; \"36d\" spans a newsletter of every month"},
      {{"limits", "message_size"},
       [](const auto& one) { return one.limits.message_size < kSmallMessage; },
       "a mail with a picture or a signature in it is larger",
       "good for a test; \"50MB\" is usual"},
      {{"limits", "penalty", "half_life"},
       [](const auto& one) {
         return one.limits.penalty.mode != Mode::off && one.limits.penalty.half_life < minutes(1);
       },
       "a penalty is gone before it adds up",
       "good for a test; \"1h\" is usual"},
  };
  return all;
}

// Where it is written; the whole configuration, if it is not.
config::Position place_of(const std::vector<std::string>& way, const Loading& loading) {
  const config::Node* const at = loading.document.follow(way);
  return at ? at->position : loading.whole();
}

// Of rules those alone that make it so.
void lint(const Surprise& surprise, const Loading& loading) {
  const auto tell = [&](const config::Position& position) {
    loading.diagnostics.warning(
        position, fmt::format("{}: {}", fmt::join(surprise.way, "."), surprise.what), surprise.hint);
  };
  if (surprise.holds(loading.written)) return tell(place_of(surprise.way, loading));
  for_each_variant(loading.written, loading.rulesets,
                   [&](const PolicySections& sections, const config::Rule* rule) {
                     if (rule && surprise.holds(sections)) tell(rule->position);
                   });
}

}  // namespace

void lint_values(const Loading& loading) {
  for (const Surprise& surprise : surprises()) lint(surprise, loading);
  if (loading.written.dns.budget.waiting < seconds(1))
    loading.diagnostics.warning(place_of({"dns", "budget"}, loading),
                                "dns.budget: most questions fail in so short a time, and their mail waits",
                                "good for a test; \"15s\" is usual");
}

}  // namespace sallyport::proxy
