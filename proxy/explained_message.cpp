#include "proxy/explained_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/mail/replies.h"
#include "proxy/event_words.h"
#include "proxy/explained_evidence.h"

namespace sallyport::proxy {
namespace {

std::string line(std::string_view text) { return fmt::format("  {}\n", text); }
std::string line_below(std::string_view text) { return fmt::format("    {}\n", text); }

// 550 5.7.1 cannot relay for example.org
std::string reply_of(const JsonValue& told) {
  std::string out = shown(told["code"]);
  if (told["enhanced"]) out += " " + shown(told["enhanced"]);
  return out + " " + shown(told["reply"]);
}

std::string_view fate_in_words(std::string_view fate) {
  if (fate == "delivered") return "the next hop took it";
  if (fate == "refused") return "it was refused";
  if (fate == "deferred") return "the client was told to try again";
  if (fate == "ambiguous")
    return "the next hop's answer was lost: it may have it, and the client tries again";
  if (fate == "client gone") return "the client was gone before it was handed over: nothing was delivered";
  if (fate == "abandoned") return "the client went on or away without sending it";
  if (fate == "reset") return "the client took it back (RSET)";
  return fate;
}

// -- one recipient ---------------------------------------------------------------------------------------

std::string_view reason(std::string_view why) {
  const auto texts = mail::refusal_texts();
  const auto found = std::ranges::find_if(texts, [&](const auto& text) { return text.name == why; });
  return found == texts.end() ? std::string_view() : found->help;
}

std::string why_of(const JsonValue& recipient) {
  const std::string why = recipient["why"].text();
  if (why.empty()) return {};
  if (why == "next hop") {
    const bool remembered = recipient["from_memory"].flag();
    return line_below(remembered
                          ? "that is the internal server's word, remembered from when it was last asked"
                          : "that is the internal server's word: it was asked");
  }
  const std::string_view help = reason(why);
  return line_below(fmt::format("reason: {}{}{}", shown(why), help.empty() ? "" : ". ", help));
}

// Where the rules have other values for one recipient than for another.
std::string score_of(const JsonValue& recipient) {
  if (!recipient["score"]) return {};
  std::string out;
  if (recipient["counts"]) out += line_below("for it counts: " + shown(recipient["counts"]));
  return out + line_below(fmt::format("its score: {}; its mail is refused from {} on",
                                      shown(recipient["score"]), shown(recipient["reject_at"])));
}

std::string waited_of(const JsonValue& recipient) {
  const Duration took = span_of(recipient["ms"]), waited = span_of(recipient["ms_evidence"]);
  if (took < std::chrono::milliseconds(1)) return {};
  std::string out = "answered after " + span_shown(took);
  if (waited > Duration::zero())
    out += fmt::format(", {} of it waiting for what was asked", span_shown(waited));
  return line_below(out);
}

std::string limits_of(const JsonValue& recipient) {
  const std::string who = shown(recipient["identity"]);
  std::string out;
  if (recipient["rate"])
    out += line_below(fmt::format("{} had reached its limit: {}", who, shown(recipient["rate"])));
  if (recipient["penalty"])
    out += line_below(fmt::format(
        "its penalty is {}: what {} did wrong lately, less the mail of it that was taken{}",
        shown(recipient["penalty"]), who, recipient["slowed"].flag() ? "; so it was answered late" : ""));
  return out;
}

std::string rule_of(const JsonValue& recipient) {
  if (recipient["correspondent"])
    return line_below(
        fmt::format("somebody of {} has written to this sender: it waits for no greylisting, "
                    "and more speaks for it (`lists.correspondents`)",
                    shown(recipient["correspondent"])));
  if (!recipient["rule"]) return {};
  if (recipient["rule"].text() == "correspondent")
    return line_below(
        fmt::format("{} has written to this sender: `sallyport correspondents` says when, and forgets it",
                    shown(recipient["address"])));
  return line_below(fmt::format("by the line {}", shown(recipient["rule"])));
}

std::string recipient_explained(const JsonValue& recipient) {
  static constexpr std::array<std::string_view, 16> always = {
      "address",     "code",  "enhanced",  "reply",  "why",  "rule",    "ms",     "ms_evidence",
      "from_memory", "score", "reject_at", "counts", "rate", "penalty", "slowed", "correspondent"};
  std::vector<std::string_view> said(always.begin(), always.end());
  const std::string limits = limits_of(recipient);
  if (!limits.empty()) said.emplace_back("identity");
  const auto code = recipient["code"].number().value_or(0);
  const std::string_view word = code < 400 ? "taken" : code < 500 ? "deferred" : "refused";
  std::string out = line(fmt::format("to <{}>: {}", shown(recipient["address"]), word));
  if (recipient["reply"]) out += line_below(reply_of(recipient));
  out += why_of(recipient);
  out += rule_of(recipient);
  return out + limits + score_of(recipient) + waited_of(recipient) + rest_shown(recipient, said, "    ");
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

std::string end_of(const JsonValue& event) {
  std::string out = line(fmt::format("in the end: {}", shown(fate_in_words(event["fate"].text()))));
  if (event["code"]) out += line_below("the client was told " + reply_of(event));
  return out;
}

}  // namespace

std::string message_explained(const JsonValue& event, WallTime began) {
  static constexpr std::array<std::string_view, 22> said = {
      "time",           "type",        "id",         "session", "client", "listener",
      "helo",           "user",        "spared",     "from",    "to",     "size",
      "fate",           "code",        "enhanced",   "reply",   "route",  "host",
      "next_hop_reply", "ms_next_hop", "ms_content", "ms"};
  std::vector<std::string_view> keys(said.begin(), said.end());
  std::ranges::copy(evidence_keys(), std::back_inserter(keys));
  std::string out = fmt::format("message {}\n", shown(event["id"]));
  out += line(fmt::format("{} UTC: from {}, brought by {}", time_shown(began), sender_of(event),
                          shown(event["client"])));
  out += evidence_explained(event);
  for (const JsonValue& recipient : event["to"].items()) out += recipient_explained(recipient);
  out += content_of(event) + next_hop_of(event) + rest_shown(event, keys, "  ") + end_of(event);
  return out + line_below(fmt::format("that was {} after MAIL", span_shown(span_of(event["ms"]))));
}

}  // namespace sallyport::proxy
