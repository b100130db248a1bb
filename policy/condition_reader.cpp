#include "policy/condition_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <unordered_set>

#include "base/config/suggestion.h"
#include "base/text.h"
#include "policy/list_file.h"
#include "policy/rule_values.h"

namespace sallyport::policy {
namespace {

using config::Node;

RuleFact fact_of(const std::string& name) {
  std::size_t at = 0;
  while (to_string(static_cast<RuleFact>(at)) != name) ++at;
  return static_cast<RuleFact>(at);
}

bool names_network(const Node& value) {
  const auto* text = value.as<std::string>();
  return text && Network::parse(*text);
}

// A network in "from" is the client's, as in the rulesets of MailScanner: no claim.
RuleFact fact_of(const config::Member& condition) {
  const RuleFact fact = fact_of(condition.key);
  if (fact != RuleFact::from) return fact;
  const auto* list = condition.value.as<config::Array>();
  const bool networks =
      list ? !list->empty() && std::ranges::all_of(*list, names_network) : names_network(condition.value);
  return networks ? RuleFact::ip : fact;
}

bool takes_bool(RuleFact fact) { return fact == RuleFact::auth || fact == RuleFact::rdns; }
bool is_no_claim(RuleFact fact) {
  return fact == RuleFact::ip || fact == RuleFact::rdns || fact == RuleFact::auth;
}
// A sixteenth of the world is nobody.
bool is_anybody(const Network& network) { return network.prefix() < 4; }
bool takes_file(RuleFact fact) { return fact != RuleFact::listener && fact != RuleFact::direction; }

std::string hint_of(RuleFact fact) {
  std::string hint = takes_file(fact) ? R"(a text, a list of texts, or {"file": "lists/..."})"
                                      : "a text, or a list of texts";
  return takes_bool(fact) ? hint + "; true: any, false: none" : hint;
}

// As the name of a file is written where a list file is meant.
bool may_be_file(RuleFact fact, std::string_view written) {
  return takes_file(fact) && written.contains('/') &&
         !IpAddress::parse(written.substr(0, written.find('/')));
}

std::string file_hint(std::string_view written) {
  return fmt::format("a list in a file is written {{\"file\": \"{}\"}}, one entry a line there",
                     printable(written, 80));
}

// Each value once: the index wants no pattern twice.
class FileReader {
 public:
  FileReader(RuleFact fact, ConditionFile& out) : fact_(fact), out_(out) {}

  std::optional<ValueFault> read(std::string_view written) {
    auto value = read_rule_value(fact_, written);
    if (auto* fault = std::get_if<ValueFault>(&value)) return std::move(*fault);
    if (const auto* network = std::get_if<Network>(&value))
      out_.networks.add(*network, 0);
    else if (auto& pattern = std::get<std::string>(value); pattern.empty())
      return ValueFault{R"("<>" cannot stand in a file)", R"("from": ["<>", {"file": ...}])"};
    else if (const auto [known, is_new] = seen_.insert(std::move(pattern)); is_new)
      out_.texts.add(*known);
    return std::nullopt;
  }

 private:
  RuleFact fact_;
  ConditionFile& out_;
  std::unordered_set<std::string> seen_;
};

// Recipients of a file that are in no domain of ours, told in one warning.
class Nobodys {
 public:
  void add(const ListEntry& entry, std::string_view written) {
    if (count_++ > 0) return;
    first_ = entry;
    written_ = written;
  }
  void tell(const std::string& path, const RuleContext& context) const {
    if (count_ == 0) return;
    const auto more = count_ > 1 ? fmt::format(", nor are {} more of this list", count_ - 1) : "";
    context.diagnostics.warning(
        {path, first_.line, first_.column},
        fmt::format("\"{}\" is in no domain of ours, and no rule does anything for it{}",
                    printable(written_, 80), more),
        hint_for_recipient(written_, context.site));
  }

 private:
  std::size_t count_ = 0;
  ListEntry first_;
  std::string written_;
};

}  // namespace

bool ConditionReader::error(const config::Position& position, const std::string& message,
                            std::string hint) {
  context_.diagnostics.error(position, fmt::format("{}: {}", ruleset_->path, message), std::move(hint));
  return false;
}

bool ConditionReader::read(const config::Ruleset& ruleset, const config::Rule& rule, ReadRule& out) {
  ruleset_ = &ruleset;
  bool good = read_modifiers(rule, out);
  for (const config::Member& member : rule.conditions) {
    ReadCondition condition;
    if (read_condition(member, condition))
      out.conditions.push_back(std::move(condition));
    else
      good = false;
  }
  std::ranges::sort(out.conditions);
  return good;
}

bool ConditionReader::read_condition(const config::Member& member, ReadCondition& out) {
  out.fact = fact_of(member);
  if (known_from(out.fact) > ruleset_->stage)
    return error(member.position,
                 fmt::format("\"{}\" is known from {} on, but {} is read at {}", member.key,
                             to_string(known_from(out.fact)), ruleset_->path, to_string(ruleset_->stage)),
                 "docs/rules.md says what is known when");
  out.proves = is_no_claim(out.fact);
  bool good = true;
  if (const auto* list = member.value.as<config::Array>()) {
    if (list->empty()) good = error(member.value.position, "this list may not be empty");
    for (const Node& node : *list)
      if (!read_value(node, out)) good = false;
  } else {
    good = read_value(member.value, out);
  }
  std::ranges::sort(out.keys);
  const auto repeated = std::ranges::unique(out.keys);
  out.keys.erase(repeated.begin(), repeated.end());
  return good;
}

bool ConditionReader::read_value(const Node& node, ReadCondition& out) {
  if (const auto* text = node.as<std::string>()) return read_text(node, *text, out);
  if (const auto* any = node.as<bool>(); any && takes_bool(out.fact)) {
    out.keys.push_back(add_any(out.fact, *any));
    out.proves = out.proves && *any;
    return true;
  }
  if (node.as<config::Object>() && takes_file(out.fact)) return read_file(node, out);
  return error(node.position, fmt::format("\"{}\" cannot be {}", to_string(out.fact), node.describe()),
               hint_of(out.fact));
}

// The key that was given out for it.
RuleKey ConditionReader::meaning(RuleKey key, KeyMeaning meaning) {
  if (context_.lint && key == meanings_.size()) meanings_.push_back(std::move(meaning));
  return key;
}

RuleKey ConditionReader::add_any(RuleFact fact, bool any) {
  return meaning(facts(fact).add_any(any, next_),
                 {.kind = any ? KeyMeaning::Kind::anybody : KeyMeaning::Kind::nobody});
}

bool ConditionReader::read_text(const Node& node, std::string_view written, ReadCondition& out) {
  if (out.fact == RuleFact::listener && !check_listener(node, std::string(written))) return false;
  if (out.fact == RuleFact::direction && written != "inbound" && written != "outbound")
    return error(node.position, fmt::format("\"{}\" is no direction", printable(written, 80)),
                 R"("inbound" (to domains of ours) or "outbound")");
  auto value = read_rule_value(out.fact, written);
  if (auto* fault = std::get_if<ValueFault>(&value))
    return error(node.position, fmt::format("\"{}\": {}", to_string(out.fact), fault->message),
                 may_be_file(out.fact, written) ? file_hint(written) : std::move(fault->hint));
  if (const auto* network = std::get_if<Network>(&value)) {
    out.keys.push_back(meaning(facts(out.fact).add(*network, next_),
                               {.kind = KeyMeaning::Kind::network, .network = *network}));
    out.proves = out.proves && !is_anybody(*network);
  } else if (const auto& pattern = std::get<std::string>(value); pattern.empty()) {
    out.keys.push_back(add_any(out.fact, false));
    out.proves = false;
  } else {
    out.keys.push_back(meaning(facts(out.fact).add(pattern, next_), {.pattern = pattern}));
  }
  return true;
}

bool ConditionReader::check_listener(const Node& node, const std::string& name) {
  if (std::ranges::find(context_.listeners, name) != context_.listeners.end()) return true;
  return error(node.position, fmt::format("there is no listener \"{}\"", printable(name, 80)),
               config::did_you_mean(name, context_.listeners));
}

bool ConditionReader::read_file(const Node& node, ReadCondition& out) {
  const auto& members = *node.as<config::Object>();
  const auto* written = members.size() == 1 && members.front().key == "file"
                            ? members.front().value.as<std::string>()
                            : nullptr;
  if (!written || written->empty())
    return error(node.position, fmt::format("\"{}\" cannot be {}", to_string(out.fact), node.describe()),
                 R"({"file": "lists/partners"}, one entry a line)");
  const auto beside = std::filesystem::path(node.position.file).parent_path();
  const auto path = (beside / *written).lexically_normal().string();
  const auto loaded = file(out.fact, path, members.front().value.position);
  if (!loaded) return false;
  out.keys.push_back(
      meaning(facts(out.fact).add(loaded, next_), {.kind = KeyMeaning::Kind::file, .file = loaded}));
  return true;
}

std::shared_ptr<const ConditionFile> ConditionReader::file(RuleFact fact, const std::string& path,
                                                           const config::Position& blame) {
  // Addresses, networks and names are written each in their own way.
  auto& known = files_[fmt::format("{}:{}", static_cast<int>(fact), path)];
  if (known) return known;
  const auto loaded = std::make_shared<ConditionFile>();
  FileReader reader(fact, *loaded);
  const auto text = context_.read_file(path, blame);
  ListReader lines(text ? std::string_view(*text) : std::string_view());
  bool empty = true;
  Nobodys nobodys;
  for (ListEntry entry; lines.next(entry); empty = false) {
    const auto written = without_comment(entry.text);
    if (auto fault = reader.read(written))
      context_.diagnostics.error({path, entry.line, entry.column}, std::move(fault->message),
                                 std::move(fault->hint));
    else if (context_.lint && fact == RuleFact::to && is_nobodys(written, ruleset_->path, context_.site))
      nobodys.add(entry, written);
  }
  nobodys.tell(path, context_);
  if (context_.lint && text && empty)
    context_.diagnostics.warning(
        blame, fmt::format("{}: there is no entry in {}, and no rule holds by it", ruleset_->path, path));
  loaded->texts.finish();
  return known = loaded;
}

bool ConditionReader::read_modifiers(const config::Rule& rule, ReadRule& out) {
  bool good = true;
  const bool has_from = std::ranges::any_of(rule.conditions, [](const config::Member& condition) {
    return fact_of(condition) == RuleFact::from;
  });
  // A claim that only makes it harder for whoever claims it needs no proof.
  const bool looser_perhaps = rule.value.strictness != std::partial_ordering::greater &&
                              rule.value.strictness != std::partial_ordering::equivalent;
  if (has_from && looser_perhaps) out.proof = Proof::where_published;
  for (const auto& [key, position, value] : rule.modifiers) {
    if (key == "mode") {
      const auto* mode = value.as<std::string>();
      if (!mode || (*mode != "enforce" && *mode != "observe" && *mode != "off"))
        good = error(value.position, fmt::format("the mode of a rule is no {}", value.describe()),
                     R"("enforce", "observe" or "off")");
      else
        out.observed = *mode == "observe", out.off = *mode == "off";
    } else if (const auto* wanted = value.as<bool>(); !wanted) {
      good = error(value.position,
                   fmt::format("\"authenticated\" is true or false, not {}", value.describe()));
    } else if (!has_from) {
      if (rule.conditions.empty()) continue;  // told: a rule without a condition
      good =
          error(position, "\"authenticated\" speaks of MAIL FROM, but there is no \"from\" in this rule");
    } else {
      out.proof = *wanted ? Proof::always : Proof::none;
    }
  }
  return good;
}

}  // namespace sallyport::policy
