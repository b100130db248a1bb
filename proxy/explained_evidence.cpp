#include "proxy/explained_evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/mail/replies.h"
#include "base/store/evidence_record.h"
#include "policy/client.h"
#include "proxy/event_words.h"
#include "proxy/explained_refusals.h"
#include "proxy/fact_words.h"
#include "proxy/verdict_words.h"

namespace sallyport::proxy {
namespace {

constexpr int kWordsWidth = 76;

// The names of the lists that the event speaks of stand for those of the settings, so that a fact is told
// in the words that the reply had.
std::vector<std::string> lists_of(const JsonValue& event) {
  std::vector<std::string> names;
  for (const JsonValue& item : event["evidence"].items()) {
    std::string name = item["subject"].text();
    if (item["check"].text() == "dnsbl" && std::ranges::count(names, name) == 0)
      names.push_back(std::move(name));
  }
  return names;
}

policy::CheckSettings settings_for(const std::vector<std::string>& lists) {
  policy::CheckSettings settings;
  for (const std::string& name : lists) settings.lists.emplace_back().name = name;
  return settings;
}

std::string counts(const JsonValue& item) {
  const std::string word = item["counts"].text();
  if (item["off"].flag()) return "(off)";
  if (item["observed"].flag()) return fmt::format("({}, only observed)", word.empty() ? "0" : word);
  return word.empty() ? "0" : word;
}

std::string asked_words(const JsonValue& asked) {
  return fmt::format("      asked {} -> {} ({})\n", shown(asked["question"]), shown(asked["answer"]),
                     asked["cached"].flag() ? "remembered" : span_shown(span_of(asked["ms"])));
}

std::string fact_explained(const JsonValue& item, const std::vector<std::string>& lists) {
  const auto fact = store::read_fact(item, lists);
  const std::string words =
      fact ? in_words(*fact, settings_for(lists)) : shown(item["check"]) + ": " + shown(item["found"]);
  std::string out = fmt::format("    {:<{}}  {}\n", shown(words), kWordsWidth, shown(counts(item)));
  for (const JsonValue& asked : item["asked"].items()) out += asked_words(asked);
  return out;
}

// "SPF of the sender (off), ..."
std::string not_asked_explained(const JsonValue& event) {
  std::string out;
  for (const JsonValue& item : event["not_asked"].items()) {
    out += fmt::format("{}{}", out.empty() ? "    not known: " : ", ", shown(item["check"]));
    if (item["subject"]) out += fmt::format(" {} of {}", shown(item["subject"]), shown(item["of"]));
    out += fmt::format(" ({})", shown(item["why"]));
  }
  return out.empty() ? out : out + "\n";
}

// +5 +1 -3 = 3
std::string sum_explained(const JsonValue& event) {
  std::string terms, decisive;
  const auto add = [&](const std::string& counts) {
    const bool points = counts.starts_with('+') || counts.starts_with('-');
    if (points) terms += (terms.empty() ? "" : " ") + counts;
    if (counts == verdict::kReject || (counts == verdict::kDefer && decisive.empty())) decisive = counts;
  };
  for (const JsonValue& item : event["evidence"].items())
    if (!item["observed"].flag() && !item["off"].flag()) add(item["counts"].text());
  if (!event["observed"].flag()) add(event["own_sender"].text());
  std::string out = "    score: ";
  const auto score = event["score"].number().value_or(0);
  out += shown(terms) + (terms.empty() ? "" : " = ") + std::to_string(score);
  if (was_refused(event, mail::text_of(mail::Refusal::talked_early).name))
    out += "; it was turned away for talking early, whatever that is";
  else if (const auto limit = event["reject_at"].number())
    out += fmt::format("; mail is refused from {} on", *limit);
  if (!decisive.empty()) out += fmt::format("; a finding that says {} decides alone", decisive);
  return out + "\n";
}

std::string would_be_explained(const JsonValue& event) {
  const std::string would_be = event["would_be"].text();
  const auto score = event["would_be_score"].number();
  if (would_be.empty() && !score) return {};
  std::string out = "    if all that is only observed counted: ";
  out += would_be.empty() ? "the same" : shown(would_be);
  return out + (score ? fmt::format(" (score {})\n", *score) : "\n");
}

// Whether its recipients are judged by different values.
bool by_own_values(const JsonValue& event) {
  return std::ranges::any_of(event["to"].items(),
                             [](const JsonValue& one) { return one["score"] && !one["correspondent"]; });
}

}  // namespace

std::span<const std::string_view> evidence_keys() {
  static constexpr std::array<std::string_view, 11> keys = {
      "evidence_form",  "sender_is_ours", "score",     "reject_at",  "own_sender", "would_be",
      "would_be_score", "evidence",       "not_asked", "taken_from", "observed"};
  return keys;
}

std::string_view spared_explained(std::string_view spared) {
  if (spared == "submission") return "the listener requires a login";
  if (spared == "trusted") return "it is in trusted_networks";
  if (spared == "upstream") return "it is in upstream";
  if (spared == "internal") return "its address is private, loopback, or our own";
  return spared;
}

std::string spf_explained(const JsonValue& event) {
  std::optional<mail::Fact> spf;
  if (!event["taken_from"])
    for (const JsonValue& item : event["evidence"].items())
      if (item["check"].text() == mail::to_string(mail::Check::spf_mailfrom))
        spf = store::read_fact(item, {});
  return spf_in_words(spf ? &*spf : nullptr);
}

std::string evidence_explained(const JsonValue& event) {
  if (!event["evidence"]) return {};
  const auto lists = lists_of(event);
  const JsonValue taken_from = event["taken_from"];
  std::string out =
      taken_from
          ? fmt::format("  What was found out about {}, from which upstream took it (only observed)\n",
                        shown(taken_from))
      : by_own_values(event)
          ? "  What was found out about the client, and what it counts where no rule holds\n"
          : "  What was found out about the client, and what it counts\n";
  for (const JsonValue& item : event["evidence"].items()) out += fact_explained(item, lists);
  if (const std::string own = event["own_sender"].text(); !own.empty())
    out += fmt::format("    {:<{}}  {}\n",
                       "the sender's domain is ours, and SPF does not vouch for the client", kWordsWidth,
                       shown(own));
  return out + not_asked_explained(event) + sum_explained(event) + would_be_explained(event);
}

}  // namespace sallyport::proxy
