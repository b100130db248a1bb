// What rulesets of many rules cost: CPU time to load, CPU time to find what holds for a recipient.
//
//   build/bench/tests/bench/rules [RULES]     10,000 by default
#include <fmt/format.h>
#include <time.h>

#include <charconv>
#include <cstring>
#include <random>
#include <vector>

#include "base/config/document.h"
#include "base/config/table.h"
#include "policy/rules_compiler.h"

using namespace sallyport;
using namespace sallyport::policy;

namespace {

constexpr std::size_t kRulesets = 40;
constexpr std::size_t kGroup = 100;  // senders, and recipients, of the rules that have both in common
constexpr int kQuestions = 100'000;

std::mt19937_64 engine(1);  // NOLINT: the same rules in every run

std::size_t below(std::size_t end) { return engine() % end; }

struct Values {
  std::vector<int> values = std::vector<int>(kRulesets);
};
struct Root : Values {};

const config::Table<Root>& table() {
  static const auto values = [] {
    auto table = config::Table<Values>("Values.").ruled();
    for (std::size_t i = 0; i < kRulesets; ++i)
      table = std::move(table).field_at(
          fmt::format("v{}", i), [i](auto& root) -> auto& { return root.values[i]; },
          config::integer<int>(0, 1'000'000), config::Stage::rcpt, "");
    return table;
  }();
  static const auto root = config::Table<Root>("Root.").include(values);
  return root;
}

std::string user(std::size_t number) { return fmt::format("user{}@domain{}.test", number, number % 1000); }

// One rule, of so many that its number says which values it has.
using WriteRule = std::string (*)(std::size_t number);

std::string by_recipient(std::size_t number) { return fmt::format(R"("to": "{}")", user(number)); }
std::string by_domain(std::size_t number) {
  return fmt::format(R"("to": "{}domain{}.test")", number % 2 == 0 ? "*." : "", number);
}
std::string by_network(std::size_t number) {
  return fmt::format(R"("ip": "10.{}.{}.0/24", "to": "domain1.test")", number / 256 % 256, number % 256);
}
std::string by_both(std::size_t number) {
  return fmt::format(R"("to": "{}", "ip": "192.0.2.{}")", user(number / kGroup % kGroup), number % kGroup);
}
std::string by_pattern(std::size_t number) { return fmt::format(R"("to": "*er{}@*main*")", number); }
std::string mixed(std::size_t number) {
  constexpr WriteRule kinds[] = {by_recipient, by_domain, by_network, by_both, by_pattern};
  return kinds[number % std::size(kinds)](number);
}

std::string written(std::size_t rules, std::size_t rulesets, WriteRule rule) {
  std::string out = "{";
  for (std::size_t i = 0; i < rulesets; ++i) {
    out += fmt::format("{}\"v{}\": {{\"rules\": [", i == 0 ? "" : ",\n", i);
    for (std::size_t number = i; number < rules; number += rulesets)
      out += fmt::format("{{{}, \"use\": {}}},\n", rule(number), number);
    out += "{\"use\": 0}]}";
  }
  return out + "}";
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Rules load(const std::string& text) {
  config::Diagnostics diagnostics;
  const auto node = config::parse(text, "rules.json", diagnostics);
  Root root;
  auto reading = rule_words();
  config::Reader reader(diagnostics, &reading);
  if (node) table().read(*node, root, reader);
  auto rules = compile_rules(reading.rulesets, {{}, {}, diagnostics});
  if (diagnostics.has_errors()) fmt::print("{}\n", diagnostics.to_string());
  return rules;
}

mail::Path path(const std::string& text) {
  mail::Path path;
  (void)mail::parse_path(text, {}, path);
  return path;
}

void measure(const char* name, std::size_t rules, std::size_t rulesets, WriteRule rule) {
  const std::string text = written(rules, rulesets, rule);
  double began = cpu_seconds();
  const Rules loaded = load(text);
  const double load = cpu_seconds() - began;
  const mail::Path from = path("anna@sender.test");
  std::vector<mail::Path> recipients;
  // A third of them from the crowd, from those who share their rules, and from the domain of all networks.
  for (int i = 0; i < 999; i += 3) {
    recipients.push_back(path(user(below(rules))));
    recipients.push_back(path(user(below(kGroup))));
    recipients.push_back(path(user(below(rules) / 1000 * 1000 + 1)));
  }
  std::vector<IpAddress> clients;
  for (std::size_t i = 0; i < kGroup; ++i) {
    clients.push_back(*IpAddress::parse(fmt::format("192.0.2.{}", i)));
    clients.push_back(*IpAddress::parse(fmt::format("10.{}.{}.9", below(40), below(256))));
  }
  std::size_t held = 0;
  began = cpu_seconds();
  for (int i = 0; i < kQuestions; ++i) {
    RuleFacts facts;
    facts.stage = config::Stage::rcpt;
    facts.client = clients[below(clients.size())];
    facts.helo = "mx.sender.test";
    facts.listener = "mx";
    facts.from = &from;
    facts.to = &recipients[below(recipients.size())];
    held += loaded.matched(loaded.match(facts).profile).size();
  }
  const double took = (cpu_seconds() - began) / kQuestions;
  fmt::print("| {} | {} | {} | {:.2f} | {:.1f} | {:.2f} |\n", name, rules, rulesets, load, took * 1e6,
             static_cast<double>(held) / kQuestions);
}

}  // namespace

int main(int count, char** words) {
  std::size_t rules = 10'000;
  if (count > 1) std::from_chars(words[1], words[1] + std::strlen(words[1]), rules);
  fmt::print(
      "| rules by | rules | values | CPU s to load | CPU µs for all values | rules that held |\n"
      "| --- | --- | --- | --- | --- | --- |\n");
  for (const std::size_t rulesets : {std::size_t{1}, kRulesets}) {
    measure("recipient", rules, rulesets, by_recipient);
    measure("domain", rules, rulesets, by_domain);
    measure("network, and one domain", rules, rulesets, by_network);
    measure("100 recipients, 100 clients", rules, rulesets, by_both);
    measure("patterns", rules, rulesets, by_pattern);
    measure("all of these", rules, rulesets, mixed);
  }
}
