// Rulesets without a configuration around them, and questions to them.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config/document.h"
#include "base/config/table.h"
#include "policy/rules_compiler.h"

namespace sallyport::test {

using namespace policy;
using config::Stage;

struct Values {
  int connect = 0, helo = 0, mail = 0, rcpt = 0, other = 0;
  std::string word;
};
struct Root : Values {};

inline const config::Table<Root>& root_table() {
  using config::integer;
  static const auto values =
      config::Table<Values>("Values.")
          .ruled()
          .field("connect", &Values::connect, integer<int>(0, 100'000), Stage::connect, "")
          .field("helo", &Values::helo, integer<int>(0, 100'000), Stage::helo, "")
          .field("mail", &Values::mail, integer<int>(0, 100'000), Stage::mail, "")
          .field("rcpt", &Values::rcpt, integer<int>(0, 100'000), Stage::rcpt, "")
          .field("other", &Values::other, integer<int>(0, 100'000), Stage::rcpt, "")
          .field("word", &Values::word, config::text(100), Stage::rcpt, "");
  static const auto root = config::Table<Root>("Root.").include(values);
  return root;
}

// A configuration, the files that it may name, and what is told of it.
struct Loaded {
  // With `site` rules that do nothing are told of.
  explicit Loaded(std::string text, std::map<std::string, std::string> named = {},
                  const std::optional<RuleSite>& site = std::nullopt)
      : files(std::move(named)) {
    auto node = config::parse(std::move(text), "conf.d/a.json", diagnostics);
    REQUIRE(node);
    Root root;
    config::RulesetReading reading = rule_words();
    config::Reader reader(diagnostics, &reading);
    root_table().read(*node, root, reader);
    rulesets = reading.rulesets;
    RuleContext context{
        {"mx", "submission"},
        [this](const std::string& file, const config::Position& blame) { return read(file, blame); },
        diagnostics};
    context.lint = site.has_value();
    if (site) context.site = *site;
    rules = compile_rules(rulesets, context);
    diagnostics.sort();
  }
  std::optional<std::string> read(const std::string& file, const config::Position& blame) {
    if (files.contains(file)) return files.at(file);
    diagnostics.error(blame, file + " is not there");
    return std::nullopt;
  }
  std::string told() const { return diagnostics.to_string(); }

  std::map<std::string, std::string> files;
  config::Diagnostics diagnostics;
  std::vector<config::Ruleset> rulesets;
  Rules rules;
};

inline mail::Path path(std::string_view text) {
  mail::Path path;
  REQUIRE(mail::parse_path(text, {.smtputf8 = true, .allow_bare_name = true}, path) ==
          mail::PathFault::none);
  return path;
}

// A client at RCPT.
struct Asked {
  std::string from = "a@sender.test", to = "b@ours.test", ip = "192.0.2.1", helo = "h.test";
  std::string user{}, listener = "mx";
  Direction direction = Direction::inbound;
  std::optional<std::string> rdns = "";
  bool name_is_asked = true;
  Vouching vouching = Vouching::none;
  Stage stage = Stage::rcpt;
};

inline RuleMatch look_up(const Rules& rules, const Asked& asked) {
  const mail::Path from = path(asked.from), to = path(asked.to);
  RuleFacts facts;
  facts.stage = asked.stage;
  facts.client = *IpAddress::parse(asked.ip);
  facts.listener = asked.listener;
  facts.helo = asked.helo;
  facts.user = asked.user;
  facts.from = &from;
  facts.to = &to;
  facts.direction = asked.direction;
  facts.reverse_name = asked.rdns;
  facts.name_is_asked = asked.name_is_asked;
  facts.vouching = asked.vouching;
  return rules.match(facts);
}

}  // namespace sallyport::test
