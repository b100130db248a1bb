#include "proxy/explained_recipient.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include "base/mail/replies.h"
#include "policy/sender_entry.h"
#include "proxy/event_words.h"
#include "proxy/explained_account.h"
#include "proxy/explained_evidence.h"
#include "proxy/explained_refusals.h"

namespace sallyport::proxy {
namespace {

constexpr std::size_t kMostOfEntry = 300;

std::string line(std::string_view text) { return fmt::format("  {}\n", text); }
std::string line_below(std::string_view text) { return fmt::format("    {}\n", text); }

std::string_view word_for(std::int64_t code) {
  return code < 400 ? "taken" : code < 500 ? "deferred" : "refused";
}

// -- the reason ------------------------------------------------------------------------------------------

std::string why_of(const JsonValue& recipient) {
  const std::string why = recipient["why"].text();
  if (why.empty()) return {};
  if (why == mail::kNextHop) {
    if (recipient["remembered_from"]) return line_below("that is the internal server's word");
    const bool remembered = recipient["from_memory"].flag();
    return line_below(remembered
                          ? "that is the internal server's word, remembered from when it was last asked"
                          : "that is the internal server's word: it was asked");
  }
  if (why == "role")
    return line_below(
        "a role address: its mail is taken whatever is found about the client, and whatever "
        "lists say (`role_names`)");
  if (why == "allowed")
    return line_below(
        "allowed: nothing was held against the sender that lists, or what was found about "
        "the client, say");
  return line_below(reason_shown(why));
}

// Where we speak for a next hop that could not be asked: what it said to us, or what failed.
std::string hop_of(const JsonValue& recipient) {
  if (!recipient["next_hop_reply"]) return {};
  const std::string host = recipient["host"] ? " " + shown(recipient["host"]) : "";
  return line_below(fmt::format("of the next hop{}: {}", host, shown(recipient["next_hop_reply"])));
}

// What would have become of it, had nobody decided that it is taken.
std::string otherwise_of(const JsonValue& recipient) {
  if (!recipient["otherwise"]) return {};
  return line_below(fmt::format("else it would have been {} ({}): {} {}",
                                word_for(recipient["otherwise_code"].number().value_or(0)),
                                shown(recipient["otherwise"]), shown(recipient["otherwise_code"]),
                                shown(recipient["otherwise_reply"])));
}

std::string remembered_of(const JsonValue& recipient) {
  if (!recipient["remembered_from"]) return {};
  return line_below(fmt::format("remembered from message {}, at whose delivery it was refused",
                                shown(recipient["remembered_from"])));
}

// -- lines of lists --------------------------------------------------------------------------------------

// "*.partner.example, for sales@example.com; reason: the shop's orders; owner: anna; ends 2027-01-31"
std::string sender_entry_of(const std::string& written) {
  const auto entry = policy::parse_sender_entry(written);
  if (!entry) return shown(written, kMostOfEntry);
  std::string out = entry->pattern;
  if (!entry->recipient.empty()) out += ", for " + entry->recipient;
  if (entry->authenticated) out += ", where SPF passes";
  if (!entry->reason.empty()) out += "; reason: " + entry->reason;
  if (!entry->owner.empty()) out += "; owner: " + entry->owner;
  constexpr std::string_view expires = " expires=";
  if (const auto at = written.find(expires); entry->expires && at != std::string::npos)
    out += "; ends with " + written.substr(at + expires.size(), std::string_view("2027-01-31").size());
  return shown(out, kMostOfEntry);
}

std::string entry_of(const JsonValue& recipient) {
  const std::string why = recipient["why"].text(), rule = shown(recipient["rule"]);
  const std::string entry = recipient["entry"].text();
  if (entry.empty()) return line_below("by the line " + rule);
  const bool is_pattern = why.starts_with("barred");
  const std::string_view word = is_pattern ? "barred" : why == "allowed" ? "allowed" : "blocked";
  return line_below(fmt::format("{}: {} ({})", word,
                                is_pattern ? shown(entry, kMostOfEntry) : sender_entry_of(entry), rule));
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
  return entry_of(recipient);
}

// -- rules -----------------------------------------------------------------------------------------------

// "a: b" in "x: y, a: b, ..."
bool names(std::string_view places, std::string_view one) {
  for (auto at = places.find(one); at != std::string_view::npos; at = places.find(one, at + 1)) {
    const auto end = at + one.size();
    const bool begins = at == 0 || places.substr(0, at).ends_with(", ");
    if (begins && (end == places.size() || places.substr(end).starts_with(", "))) return true;
  }
  return false;
}

// The words of a refusal that there was not are of no interest.
bool is_of_another_refusal(std::string_view value, const JsonValue& recipient) {
  if (!value.ends_with("reply") && !value.ends_with("reply_id")) return false;
  const std::string_view refusal = value.starts_with("barring.") ? "barred" : "blocked";
  return !recipient["why"].text().starts_with(refusal) && !recipient["would_be"].text().contains(refusal);
}

std::string rules_of(const JsonValue& recipient, std::string_view key, const JsonValue& texts,
                     std::string_view is, std::string_view behind) {
  const std::string written = recipient[key].text();
  std::string out;
  bool found = false;
  for (const JsonValue& rule : texts.items()) {
    if (!names(written, fmt::format("{}: {}", rule["value"].text(), rule["at"].text()))) continue;
    found = true;
    if (!is_of_another_refusal(rule["value"].text(), recipient))
      out += line_below(rule_shown(rule, is) + std::string(behind));
  }
  if (!found && !written.empty()) out = line_below("by the rules " + shown(written) + std::string(behind));
  return out;
}

// What SPF had to say for it to hold.
std::string want_of_proof(const JsonValue& event) {
  return ", but it does not hold without an SPF pass: " + shown(spf_explained(event));
}

std::string all_rules_of(const JsonValue& recipient, const JsonValue& texts, const JsonValue& event) {
  return rules_of(recipient, "rules", texts, "is", "") +
         rules_of(recipient, "observed_rules", texts, "would be", ", which is only observed") +
         rules_of(recipient, "unproven_rules", texts, "would be", want_of_proof(event));
}

// Who would have been allowed, could he prove who he is.
std::string unheld_of(const JsonValue& recipient, const JsonValue& event) {
  if (!recipient["unheld"]) return {};
  const std::string rule = recipient["unheld"].text();
  const std::string what =
      rule == "correspondent" ? "that somebody here has written to this sender would count for it"
                              : fmt::format("an allow entry fits: {} ({})",
                                            sender_entry_of(recipient["unheld_entry"].text()), shown(rule));
  return line_below(what + want_of_proof(event));
}

std::string would_be_of(const JsonValue& recipient) {
  if (!recipient["would_be"]) return {};
  const std::string name = recipient["would_be"].text();
  return line_below("if all that is only observed counted: " +
                    (name == "accept" ? "taken" : refusal_shown(name)));
}

// -- what else was asked ---------------------------------------------------------------------------------

// Where the rules have other values for one recipient than for another.
std::string score_of(const JsonValue& recipient) {
  if (!recipient["score"]) return {};
  std::string out;
  if (recipient["counts"]) out += line_below("for it counts: " + shown(recipient["counts"]));
  if (recipient["observed_counts"])
    out += line_below("only observed: " + shown(recipient["observed_counts"]));
  out +=
      line_below(fmt::format("its score: {}{}; its mail is refused from {} on", shown(recipient["score"]),
                             recipient["would_be_score"] ? fmt::format(" ({} with what is only observed)",
                                                                       shown(recipient["would_be_score"]))
                                                         : "",
                             shown(recipient["reject_at"])));
  return out;
}

// `passed` in spite of it: it is only observed.
std::string_view greylisting(std::string_view word, bool passed) {
  if (word == "begins" && passed)
    return "it comes for the first time, and would have to come again, were this not only observed";
  if (word == "waits" && passed)
    return "it came back too early, and would have to come again, were this not only observed";
  if (word == "begins") return "it comes for the first time, and has to come again";
  if (word == "waits") return "it came back too early";
  if (word == "came back") return "it came back, and passes from now on";
  if (word == "came back, refused")
    return "the delay is over, but what is known by now speaks against it: it has not passed";
  if (word == "passes") return "it has come back before, and passes";
  if (word == "known") return "it has come back so often that it waits no more";
  if (word == "state is still read") return "what is remembered is still being read: nobody waits";
  return word;
}

std::string greylist_of(const JsonValue& recipient) {
  if (!recipient["greylist"]) return {};
  std::string out = fmt::format("greylisting of {}", shown(recipient["identity"]));
  if (recipient["greylist_for"]) out += fmt::format(" ({})", shown(recipient["greylist_for"]));
  out += fmt::format(": {}", shown(greylisting(recipient["greylist"].text(),
                                               recipient["code"].number().value_or(0) < 400)));
  if (recipient["first_seen"]) out += fmt::format("; it first came {}", shown(recipient["first_seen"]));
  return line_below(out);
}

std::string waited_of(const JsonValue& recipient) {
  const Duration took = span_of(recipient["ms"]), waited = span_of(recipient["ms_evidence"]);
  if (took < std::chrono::milliseconds(1)) return {};
  std::string out = "answered after " + span_shown(took);
  if (waited > Duration::zero())
    out += fmt::format(", {} of it waiting for what was asked", span_shown(waited));
  return line_below(out);
}

}  // namespace

std::string rule_shown(const JsonValue& rule, std::string_view is) {
  return fmt::format("{} {} {} here: rule {} ({})", shown(rule["value"]), is, shown(rule["use"]),
                     shown(rule["if"]), shown(rule["at"]));
}

std::string recipient_explained(const JsonValue& recipient, const JsonValue& told_in,
                                const JsonValue& event) {
  static constexpr std::array<std::string_view, 31> said = {"address",
                                                            "code",
                                                            "enhanced",
                                                            "reply",
                                                            "why",
                                                            "rule",
                                                            "entry",
                                                            "rules",
                                                            "observed_rules",
                                                            "unproven_rules",
                                                            "unheld",
                                                            "unheld_entry",
                                                            "would_be",
                                                            "ms",
                                                            "ms_evidence",
                                                            "score",
                                                            "from_memory",
                                                            "remembered_from",
                                                            "reject_at",
                                                            "counts",
                                                            "observed_counts",
                                                            "would_be_score",
                                                            "correspondent",
                                                            "greylist",
                                                            "greylist_for",
                                                            "first_seen",
                                                            "otherwise",
                                                            "otherwise_code",
                                                            "otherwise_reply",
                                                            "host",
                                                            "next_hop_reply"};
  std::vector<std::string_view> keys(said.begin(), said.end());
  std::ranges::copy(account_keys(), std::back_inserter(keys));
  const auto code = recipient["code"].number().value_or(0);
  std::string out = line(fmt::format("to <{}>: {}", shown(recipient["address"]), word_for(code)));
  if (recipient["reply"]) out += line_below(reply_shown(recipient));
  out += why_of(recipient) + remembered_of(recipient) + hop_of(recipient) + rule_of(recipient) +
         unheld_of(recipient, event) + otherwise_of(recipient);
  out += greylist_of(recipient) + account_explained(recipient, "    ") + score_of(recipient);
  out += all_rules_of(recipient, told_in["rule_texts"], event) + would_be_of(recipient);
  return out + waited_of(recipient) + rest_shown(recipient, keys, "    ");
}

}  // namespace sallyport::proxy
