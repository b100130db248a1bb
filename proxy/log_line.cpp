#include "proxy/log_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mail/replies.h"
#include "base/text.h"
#include "policy/wildcard_pattern.h"
#include "proxy/event_words.h"
#include "proxy/verdict_words.h"

namespace sallyport::proxy {
namespace {

constexpr std::size_t kWordsShown = 200;
constexpr std::string_view kWould = "would-";
// Why somebody was taken, as events have it.
constexpr const char *kRole = "role", *kAllowed = "allowed";

// An event with all recipients of its message.
struct Logged {
  Logged(const JsonValue& event, std::span<const JsonView> more) : own(event), to(event["to"].items()) {
    for (const JsonView& one : more) std::ranges::copy(one["to"].items(), std::back_inserter(to));
  }
  JsonValue operator[](std::string_view key) const { return own[key]; }

  JsonValue own;
  std::vector<JsonValue> to;
};

LoggedVerdict verdict_of_code(std::int64_t code) {
  if (code >= 500) return LoggedVerdict::reject;
  return code >= 400 ? LoggedVerdict::defer : LoggedVerdict::accept;
}

LoggedVerdict verdict_of_recipient(const JsonValue& recipient) {
  return verdict_of_code(recipient["code"].number().value_or(0));
}

// The worst that a recipient heard, if none was taken.
LoggedVerdict verdict_at_recipients(const Logged& event) {
  auto verdict = LoggedVerdict::none;
  for (const JsonValue& recipient : event.to) {
    const LoggedVerdict one = verdict_of_recipient(recipient);
    if (one == LoggedVerdict::accept) return LoggedVerdict::none;
    if (verdict != LoggedVerdict::reject) verdict = one;
  }
  return verdict;
}

// Of what was refused beside recipients and content. A client that fell silent was refused nothing.
std::vector<JsonValue> refusals_of(const Logged& event) {
  std::vector<JsonValue> refusals;
  for (const JsonValue& refused : event["refused"].items())
    if (refused["why"].text() != mail::text_of(mail::Refusal::timeout).name) refusals.push_back(refused);
  return refusals;
}

LoggedVerdict worst(const std::vector<JsonValue>& refusals) {
  auto verdict = LoggedVerdict::none;
  for (const JsonValue& refused : refusals)
    if (verdict != LoggedVerdict::reject) verdict = verdict_of_recipient(refused);
  return verdict;
}

LoggedVerdict verdict_of(const Logged& event) {
  const std::string fate = event["fate"].text();
  if (fate == "delivered") return LoggedVerdict::accept;
  if (const auto code = event["code"].number()) return verdict_of_code(*code);
  const auto verdict = verdict_at_recipients(event);
  return verdict == LoggedVerdict::none ? worst(refusals_of(event)) : verdict;
}

// The first of those by whose answer a line is called.
const JsonValue& foremost(const std::vector<JsonValue>& refusals) {
  const LoggedVerdict verdict = worst(refusals);
  return *std::ranges::find(refusals, verdict, verdict_of_recipient);
}

// What would have become of a recipient, or of a session at connect, did what only observes act: the event
// has the refusal's name ("blocked-sender lists/block:3"), or that it would have been let through. "" =
// nothing else.
std::string_view would_be_word(std::string_view written) {
  if (written.empty()) return {};
  const auto* const refusal = mail::refusal_named(written.substr(0, written.find(' ')));
  return to_string(refusal ? verdict_of_code(refusal->code) : LoggedVerdict::accept);
}

// What would have become of a message as a whole, as the event has it. "" = nothing else.
std::string_view verdict_word(std::string_view written) {
  for (const char* word : {verdict::kAccept, verdict::kDefer, verdict::kReject})
    if (written == word) return word;
  return {};
}

// Of the message as a whole, and of its recipients: each once.
std::vector<std::string> would_be(const Logged& event) {
  std::vector<std::string> all;
  const auto add = [&](std::string_view word) {
    if (!word.empty() && std::ranges::find(all, word) == all.end()) all.emplace_back(word);
  };
  add(event["would_be"].text());
  add(would_be_word(event["would_be_at_connect"].text()));
  for (const JsonValue& recipient : event.to) add(would_be_word(recipient["would_be"].text()));
  return all;
}

// Somebody who was answered: a recipient, the message as a whole, or who else was refused under its id.
struct Answered {
  std::optional<std::string> address;  // a recipient's
  std::vector<std::string> why;
  std::optional<LoggedVerdict> verdict;
  std::vector<std::string_view> would_be;
};

Answered whole(const Logged& event) {
  return {.address = {},
          .why = {event["why"].text()},
          .verdict = verdict_of(event),
          .would_be = {verdict_word(event["would_be"].text()),
                       would_be_word(event["would_be_at_connect"].text())}};
}

// One that was taken heard what the message did.
Answered recipient_of(const Logged& event, const JsonValue& recipient) {
  Answered one{.address = recipient["address"].text(),
               .why = {recipient["why"].text()},
               .verdict = verdict_of_recipient(recipient),
               .would_be = {would_be_word(recipient["would_be"].text())}};
  if (one.would_be.front().empty()) one.would_be = {verdict_word(event["would_be"].text())};
  if (one.verdict != LoggedVerdict::accept) return one;
  one.verdict = verdict_of(event);
  one.why.push_back(event["why"].text());
  return one;
}

// What was refused beside a message that arrived is no verdict on it.
Answered beside(const Logged& event, const JsonValue& refused) {
  Answered one{.address = {}, .why = {refused["why"].text()}, .verdict = {}, .would_be = {}};
  const bool silent = one.why.front() == mail::text_of(mail::Refusal::timeout).name;
  if (!silent && event["fate"].text() != "delivered") one.verdict = verdict_of_recipient(refused);
  return one;
}

bool is_chosen(const Answered& one, const LogChoice& choice) {
  const auto has = [](const auto& all, std::string_view word) {
    return std::ranges::find(all, word) != all.end();
  };
  const std::string_view verdict = choice.verdict;
  if (!choice.to.empty() && !(one.address && address_matches(choice.to, *one.address))) return false;
  if (!choice.why.empty() && !has(one.why, choice.why)) return false;
  if (verdict.starts_with(kWould)) return has(one.would_be, verdict.substr(kWould.size()));
  return verdict.empty() || (one.verdict && to_string(*one.verdict) == verdict);
}

// All that is chosen by answers has to be true of one who was answered.
bool is_answered_so(const Logged& event, const LogChoice& choice) {
  if (choice.to.empty() && choice.why.empty() && choice.verdict.empty()) return true;
  const auto recipient = [&](const JsonValue& one) { return is_chosen(recipient_of(event, one), choice); };
  const auto refused = [&](const JsonValue& one) { return is_chosen(beside(event, one), choice); };
  return is_chosen(whole(event), choice) || std::ranges::any_of(event.to, recipient) ||
         std::ranges::any_of(event["refused"].items(), refused);
}

bool is_chosen(const Logged& event, const LogChoice& choice) {
  if (choice.ip) {
    const auto client = IpAddress::parse(event["client"].text());
    if (!client || !choice.ip->contains(*client)) return false;
  }
  if (!choice.from.empty() && !address_matches(choice.from, event["from"].text())) return false;
  if (!choice.user.empty() && !iequals(choice.user, event["user"].text())) return false;
  return is_answered_so(event, choice);
}

std::string in_brackets(const std::string& address) {
  return address.starts_with('<') ? address : fmt::format("<{}>", address);
}

std::string recipients_of(const Logged& event) {
  if (event.to.empty()) return "nobody";
  std::string out = in_brackets(shown(event.to.front()["address"], kWordsShown));
  if (event.to.size() > 1) out += fmt::format(" and {} more", event.to.size() - 1);
  return out;
}

std::string reply_of(const JsonValue& told) {
  std::string out;
  for (const char* key : {"code", "enhanced", "reply"})
    if (told[key]) out += (out.empty() ? "" : " ") + shown(told[key], kWordsShown);
  return out;
}

// What was said to the message, else to the first recipient by whose answer it is called; where some were
// taken, to the first that was not.
std::string words_of(const Logged& event) {
  if (event["code"]) return reply_of(event.own);
  const LoggedVerdict verdict = verdict_at_recipients(event);
  for (const JsonValue& recipient : event.to) {
    const LoggedVerdict one = verdict_of_recipient(recipient);
    if (one == verdict || (verdict == LoggedVerdict::none && one != LoggedVerdict::accept))
      return reply_of(recipient);
  }
  const auto refusals = refusals_of(event);
  return refusals.empty() ? shown(event["fate"]) : reply_of(foremost(refusals));
}

std::string line(WallTime written, const Logged& event, std::string_view verdict, std::string_view rest) {
  std::string word(verdict);
  if (const auto all = would_be(event); !all.empty())
    word += fmt::format(" (would {})", printable(fmt::format("{}", fmt::join(all, ", ")), 40));
  return fmt::format("{}  {:<14}  {:<6}  {}  {}", time_shown(written), shown(event["id"], 40), word,
                     shown(event["client"], 50), rest);
}

std::string message_line(const Logged& event, WallTime written) {
  return line(written, event, to_string(verdict_of(event)),
              fmt::format("{} -> {}  {}", in_brackets(shown(event["from"], kWordsShown)),
                          recipients_of(event), words_of(event)));
}

bool is_without_mail(const Logged& event) { return event["transactions"].number() == 0; }

std::string session_line(const Logged& event, WallTime written) {
  const auto refusals = refusals_of(event);
  const std::string refused = refusals.empty() ? "" : reply_of(foremost(refusals)) + "; ";
  return line(written, event, to_string(worst(refusals)),
              fmt::format("{}; HELO {}; {}{}", is_without_mail(event) ? "no mail" : "beside its mail",
                          event["helo"] ? shown(event["helo"], kWordsShown) : "not said", refused,
                          shown(event["end"], kWordsShown)));
}

}  // namespace

std::string_view to_string(LoggedVerdict verdict) {
  switch (verdict) {
    case LoggedVerdict::accept:
      return verdict::kAccept;
    case LoggedVerdict::defer:
      return verdict::kDefer;
    case LoggedVerdict::reject:
      return verdict::kReject;
    case LoggedVerdict::none:
      return "none";
  }
  std::unreachable();
}

std::vector<std::string> reasons() {
  std::vector<std::string> names{kRole, kAllowed, std::string(mail::kNextHop)};
  for (const mail::RefusalText& refusal : mail::refusal_texts()) names.emplace_back(refusal.name);
  return names;
}

bool is_reason(std::string_view why) {
  const auto all = reasons();
  return std::ranges::find(all, why) != all.end();
}

std::vector<std::string> verdict_choices() {
  std::vector<std::string> words;
  for (const char* word : {verdict::kAccept, verdict::kDefer, verdict::kReject}) words.emplace_back(word);
  words.emplace_back(to_string(LoggedVerdict::none));
  for (const char* word : {verdict::kAccept, verdict::kDefer, verdict::kReject})
    words.push_back(std::string(kWould) + word);
  return words;
}

bool address_matches(std::string_view pattern, std::string_view address) {
  std::string whole(pattern);
  if (pattern != "<>" && pattern.find('@') == std::string_view::npos) whole = "*@" + whole;
  return policy::wildcard_matches(whole, address, policy::Star::zero_or_more);
}

std::optional<std::string> log_line(const JsonValue& written, std::span<const JsonView> more, WallTime when,
                                    const LogChoice& choice) {
  const Logged event(written, more);
  const std::string type = event["type"].text();
  const bool is_session = type == "session" && (is_without_mail(event) || !refusals_of(event).empty() ||
                                                event["would_be_at_connect"]);
  if (type != "message" && !is_session) return std::nullopt;
  if (!is_chosen(event, choice)) return std::nullopt;
  return type == "message" ? message_line(event, when) : session_line(event, when);
}

}  // namespace sallyport::proxy
