#include "proxy/explained_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "proxy/event_words.h"
#include "proxy/explained_account.h"
#include "proxy/explained_evidence.h"
#include "proxy/explained_recipient.h"
#include "proxy/explained_refusals.h"

namespace sallyport::proxy {
namespace {

std::string line(std::string_view text) { return fmt::format("  {}\n", text); }
std::string line_below(std::string_view text) { return fmt::format("    {}\n", text); }

bool tells_of_421(const JsonValue& list) {
  return std::ranges::any_of(list.items(),
                             [](const JsonValue& told) { return told["code"].number() == 421; });
}

// With an answer to a recipient, or to another command.
bool was_hung_up_on(const JsonValue& event, std::span<const JsonView> more) {
  return tells_of_421(event["to"]) || tells_of_421(event["refused"]) ||
         std::ranges::any_of(more, [](const JsonView& one) { return tells_of_421(one["to"]); });
}

std::string fate_in_words(const JsonValue& event, std::span<const JsonView> more) {
  const std::string fate = event["fate"].text();
  if (fate == "delivered") return "the next hop took it";
  if (fate == "refused") return "it was refused";
  if (fate == "deferred") return "the client was told to try again";
  if (fate == "ambiguous")
    return "the next hop's answer was lost: it may have it, and the client tries again";
  if (fate == "client gone") return "the client was gone before it was handed over: nothing was delivered";
  if (fate == "abandoned" && was_hung_up_on(event, more))
    return "we closed the connection with that 421, before it was sent";
  if (fate == "abandoned") return "the client went on or away without sending it";
  if (fate == "reset") return "the client took it back (RSET, or a new EHLO)";
  return fate;
}

// -- the message -----------------------------------------------------------------------------------------

std::string sender_of(const JsonValue& event) {
  const std::string from = shown(event["from"]);
  return from.starts_with('<') ? from : fmt::format("<{}>", from);
}

std::string next_hop_of(const JsonValue& event) {
  std::string out;
  if (event["host"])
    out += line(fmt::format("the next hop {} (route {}) said: {}", shown(event["host"]),
                            shown(event["route"]), shown(event["next_hop_reply"])));
  else if (event["next_hop_reply"])
    out += line(fmt::format("of the next hop: {}", shown(event["next_hop_reply"])));
  if (event["ms_next_hop"])
    out += line(fmt::format("handing over took {}", span_shown(span_of(event["ms_next_hop"]))));
  return out;
}

std::string content_of(const JsonValue& event) {
  const auto size = event["size"].number().value_or(0);
  if (size <= 0) return {};
  std::string out = fmt::format("content: {} octets", size);
  if (event["ms_content"])
    out += fmt::format(", which took the client {}", span_shown(span_of(event["ms_content"])));
  return line(out);
}

std::string recipients_of(const JsonValue& told_in, const JsonValue& event) {
  std::string out;
  for (const JsonValue& recipient : told_in["to"].items())
    out += recipient_explained(recipient, told_in, event);
  return out;
}

std::string all_recipients_of(const JsonValue& event, std::span<const JsonView> more) {
  std::string out = recipients_of(event, event);
  std::size_t kept = event["to"].items().size();
  for (const JsonView& one : more) {
    out += recipients_of(one.root(), event);
    kept += one["to"].items().size();
  }
  const auto all = static_cast<std::size_t>(event["recipients"].number().value_or(0));
  return all > kept ? out + line(fmt::format("of its {} recipients the others were not kept", all)) : out;
}

std::string end_of(const JsonValue& event, std::span<const JsonView> more) {
  std::string out = line(fmt::format("in the end: {}", shown(fate_in_words(event, more))));
  if (event["code"]) out += line_below("the client was told " + reply_shown(event));
  if (event["why"]) out += line_below(reason_shown(event["why"].text()));
  return out;
}

}  // namespace

std::string message_explained(const JsonValue& event, std::span<const JsonView> more, WallTime began) {
  static constexpr std::array<std::string_view, 25> said = {
      "time",     "type",       "id",    "session",   "client",         "listener",    "helo",
      "user",     "spared",     "from",  "to",        "size",           "fate",        "code",
      "enhanced", "reply",      "route", "host",      "next_hop_reply", "ms_next_hop", "ms_content",
      "ms",       "rule_texts", "why",   "recipients"};
  std::vector<std::string_view> keys(said.begin(), said.end());
  std::ranges::copy(evidence_keys(), std::back_inserter(keys));
  std::ranges::copy(refusal_keys(), std::back_inserter(keys));
  std::ranges::copy(account_keys(), std::back_inserter(keys));
  std::string out = fmt::format("message {}\n", shown(event["id"]));
  out += line(fmt::format("{} UTC: from {}, brought by {}", time_shown(began), sender_of(event),
                          shown(event["client"])));
  out += evidence_explained(event);
  out += all_recipients_of(event, more);
  out += refusals_explained(event) + content_of(event) + account_explained(event, "  ") +
         next_hop_of(event) + rest_shown(event, keys, "  ") + end_of(event, more);
  return out + line_below(fmt::format("that was {} after MAIL", span_shown(span_of(event["ms"]))));
}

}  // namespace sallyport::proxy
