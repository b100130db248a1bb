#include "base/store/evidence_record.h"

#include <algorithm>

namespace sallyport::store {
namespace {

using mail::Check;
using mail::Fact;
using mail::FactKey;
using mail::Finding;
using mail::Listed;

constexpr std::string_view kUnanswered = "unanswered";

std::optional<Check> check_called(std::string_view name) {
  for (std::size_t place = 0; place < mail::kChecks; ++place)
    if (const auto check = static_cast<Check>(place); to_string(check) == name) return check;
  return std::nullopt;
}

std::optional<Finding> finding_called(Check check, std::string_view name) {
  const auto all = mail::findings_of(check);
  const auto found = std::ranges::find_if(all, [&](Finding one) { return to_string(one) == name; });
  return found == all.end() ? std::nullopt : std::optional(*found);
}

std::optional<Listed> listed_called(std::string_view name) {
  for (const Listed one : {Listed::client, Listed::reverse_name, Listed::helo, Listed::sender_domain})
    if (to_string(one) == name) return one;
  return std::nullopt;
}

std::optional<FactKey> read_key(const JsonValue& item, std::span<const std::string> lists) {
  const auto check = check_called(item["check"].text());
  if (!check) return std::nullopt;
  if (*check != Check::dnsbl) return FactKey{*check};
  const auto of = listed_called(item["of"].text());
  const auto list = std::ranges::find(lists, item["subject"].text());
  if (!of || list == lists.end()) return std::nullopt;
  return FactKey{*check, static_cast<int>(list - lists.begin()), *of};
}

Duration read_ms(const JsonValue& item) {
  constexpr std::int64_t most = 1'000'000'000;  // whatever a damaged record says
  return std::chrono::milliseconds(std::clamp<std::int64_t>(item["ms"].number().value_or(0), 0, most));
}

std::vector<IpAddress> read_codes(std::string_view words) {
  std::vector<IpAddress> codes;
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(' '));
    if (const auto code = IpAddress::parse(word)) codes.push_back(*code);
    words.remove_prefix(std::min(word.size() + 1, words.size()));
  }
  return codes;
}

}  // namespace

std::string in_words(const std::vector<IpAddress>& codes) {
  std::string out;
  for (const IpAddress& code : codes) out += (out.empty() ? "" : " ") + code.to_string();
  return out;
}

void write_key(Event& item, const FactKey& key, std::string_view list) {
  item.text("check", to_string(key.check));
  if (key.check == Check::dnsbl) item.text("of", to_string(key.of)).text("subject", list);
}

void write_fact(Event& item, const Fact& fact) {
  item.text("check", to_string(fact.key.check)).text("found", to_string(fact.finding));
  if (fact.key.check == Check::dnsbl) item.text("of", to_string(fact.key.of));
  item.text("subject", fact.subject)
      .text("listed", fact.listed)
      .text("detail", fact.detail)
      .text("mechanism", fact.mechanism == fact.detail ? "" : fact.mechanism)
      .text("codes", in_words(fact.codes));
  if (fact.open) item.flag("open", true);
  if (!fact.asked.empty()) {
    item.begin_list("asked");
    for (const mail::Asked& asked : fact.asked) {
      item.begin_item().text("question", asked.question).text("answer", asked.answer);
      item.milliseconds("ms", asked.took);
      if (asked.at_hand) item.flag("cached", true);
      item.end_item();
    }
    item.end_list();
  }
  item.milliseconds("ms", fact.took);
}

std::optional<Fact> read_fact(const JsonValue& item, std::span<const std::string> lists) {
  const auto key = read_key(item, lists);
  const auto finding = key ? finding_called(key->check, item["found"].text()) : std::nullopt;
  if (!finding) return std::nullopt;
  Fact fact{.key = *key,
            .finding = *finding,
            .subject = item["subject"].text(),
            .listed = item["listed"].text(),
            .detail = item["detail"].text(),
            .mechanism = item["mechanism"].text(),
            .open = item["open"].flag(),
            .codes = read_codes(item["codes"].text()),
            .took = read_ms(item)};
  for (const JsonValue& asked : item["asked"].items())
    fact.asked.push_back(
        {asked["question"].text(), asked["answer"].text(), read_ms(asked), asked["cached"].flag()});
  return fact;
}

std::optional<mail::Evidence> read_evidence(const JsonValue& event, std::span<const std::string> lists) {
  if (event["evidence_form"].number() != kEvidenceForm) return std::nullopt;
  mail::Evidence evidence;
  const JsonValue taken_from = event["taken_from"];  // what upstream brought: its client is looked at
  const auto client = IpAddress::parse((taken_from ? taken_from : event["client"]).text());
  if (!client) return std::nullopt;
  evidence.client = *client;
  evidence.sender_is_ours = event["sender_is_ours"].flag();
  for (const JsonValue& item : event["evidence"].items())
    if (auto fact = read_fact(item, lists)) evidence.known.push_back(std::move(*fact));
  for (const JsonValue& item : event["not_asked"].items())
    if (const auto key = read_key(item, lists); key && item["why"].text() == kUnanswered)
      evidence.pending.push_back(*key);
  return evidence;
}

}  // namespace sallyport::store
