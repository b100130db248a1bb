#include "proxy/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "base/json_view.h"
#include "base/store/event_lines.h"
#include "proxy/event_words.h"
#include "proxy/explained_account.h"
#include "proxy/explained_evidence.h"
#include "proxy/explained_message.h"
#include "proxy/explained_recipient.h"
#include "proxy/explained_refusals.h"

namespace sallyport::proxy {
namespace {

struct Told {
  WallTime begins;    // by which they are told in order,
  std::size_t place;  // and as they were written, where that is the same
  JsonView event;
  std::vector<JsonView> more;  // of a message: what else tells of its recipients
};

std::string line(std::string_view text) { return fmt::format("  {}\n", text); }

// -- the session -----------------------------------------------------------------------------------------

std::string client_of(const JsonValue& event) {
  std::string out = shown(event["client"]);
  if (event["helo"]) out += fmt::format(", which called itself {}", shown(event["helo"]));
  if (event["user"]) out += fmt::format(", logged in as {}", shown(event["user"]));
  return out;
}

std::string tls_of(const JsonValue& event) {
  if (!event["tls"]) return "without TLS";
  return fmt::format("{} {}", shown(event["tls"]), shown(event["cipher"]));
}

std::string greeting_of(const JsonValue& event) {
  if (event["early_talker"].flag()) return line("it talked before it was greeted, as no mail server does");
  if (!event["ms_greeting"]) return {};
  return line(fmt::format(
      "it was greeted after {}: strangers are kept waiting, and who talks first is no mail server",
      span_shown(span_of(event["ms_greeting"]))));
}

std::string spared_of(const JsonValue& event) {
  if (!event["spared"]) return {};
  const std::string word = event["spared"].text();
  return line(fmt::format("nothing was asked about it: {}", shown(spared_explained(word))));
}

std::string commands_of(const JsonValue& event) {
  if (!event["commands"]) return {};
  const auto number = [&](const char* key) { return event[key].number().value_or(0); };
  return line(fmt::format("commands: {}, answers of 5xx: {}; transactions: {}, messages: {}",
                          number("commands"), number("errors"), number("transactions"),
                          number("messages")));
}

std::string session_explained(const Told& told) {
  static constexpr std::array<std::string_view, 21> said = {"time",
                                                            "type",
                                                            "id",
                                                            "listener",
                                                            "client",
                                                            "helo",
                                                            "user",
                                                            "commands",
                                                            "errors",
                                                            "tls",
                                                            "cipher",
                                                            "spared",
                                                            "early_talker",
                                                            "transactions",
                                                            "messages",
                                                            "end",
                                                            "ms",
                                                            "ms_greeting",
                                                            "rule_texts",
                                                            "observed_rule_texts",
                                                            "would_be_at_connect"};
  const JsonValue event = told.event.root();
  std::vector<std::string_view> keys(said.begin(), said.end());
  std::ranges::copy(evidence_keys(), std::back_inserter(keys));
  std::ranges::copy(refusal_keys(), std::back_inserter(keys));
  std::ranges::copy(account_keys(), std::back_inserter(keys));
  std::string out = fmt::format("session {}\n", shown(event["id"]));
  out += line(fmt::format("{} UTC: {}", time_shown(told.begins), client_of(event)));
  out += line(fmt::format("it came to the listener {}, {}", shown(event["listener"]), tls_of(event)));
  for (const JsonValue& rule : event["rule_texts"].items()) out += line(rule_shown(rule));
  for (const JsonValue& rule : event["observed_rule_texts"].items())
    out += line(rule_shown(rule, "would be") + ", which is only observed");
  if (const auto would_be = event["would_be_at_connect"])
    out += line("if all that is only observed counted, at connect: " + refusal_shown(would_be.text()));
  out += account_explained(event, "  ");
  out += greeting_of(event) + spared_of(event) + commands_of(event) + refusals_explained(event);
  out += line(fmt::format("it ended after {}: {}", span_shown(span_of(event["ms"])), shown(event["end"])));
  return out + rest_shown(event, keys, "  ") + evidence_explained(event);
}

// -- everything else -------------------------------------------------------------------------------------

std::string other_explained(const Told& told) {
  static constexpr std::array<std::string_view, 2> said = {"time", "type"};
  return fmt::format("{} UTC: {}\n{}", time_shown(told.begins), shown(told.event["type"]),
                     rest_shown(told.event.root(), said, "  "));
}

std::string explained(const Told& told) {
  const std::string type = told.event["type"].text();
  if (type == "session") return session_explained(told);
  if (type == "message") return message_explained(told.event.root(), told.more, told.begins);
  return other_explained(told);
}

// A session and a message write their event when they are over.
WallTime beginning(const JsonView& event, WallTime written) {
  return written - std::chrono::duration_cast<WallTime::duration>(span_of(event["ms"]));
}

// What was asked for, each message with all that was written of its recipients.
std::vector<Told> read(std::span<const std::string> events, std::string_view id) {
  const bool all = id.find('.') == std::string_view::npos;
  std::vector<Told> told;
  std::map<std::string, std::vector<Told>, std::less<>> more;  // by id, until its message comes
  std::size_t place = 0;
  for (const std::string& one : events) {
    auto event = JsonView::parse(one);
    const auto head = store::head_of(one);
    if (!event || !head) continue;
    const bool wanted = all || head->id == id || head->type == "session";
    if (!wanted) continue;
    auto& where = head->type == store::kMoreRecipients ? more[std::string(head->id)] : told;
    where.push_back({beginning(*event, head->time), place++, std::move(*event), {}});
    const auto before = head->type == "message" ? more.find(head->id) : more.end();
    if (before == more.end()) continue;
    for (Told& part : before->second) told.back().more.push_back(std::move(part.event));
    more.erase(before);
  }
  for (auto& [of, parts] : more) std::ranges::move(parts, std::back_inserter(told));  // we were killed
  return told;
}

}  // namespace

std::string explanation(std::span<const std::string> events, std::string_view id) {
  std::vector<Told> told = read(events, id);
  std::ranges::sort(told, {}, [](const Told& one) { return std::pair(one.begins, one.place); });
  const bool ended =
      std::ranges::any_of(told, [](const Told& one) { return one.event["type"].text() == "session"; });
  std::string out;
  if (!ended) out += "the session has not ended yet, or nothing was written of its end\n";
  for (const Told& one : told) out += (out.empty() ? "" : "\n") + explained(one);
  return out;
}

}  // namespace sallyport::proxy
