#include "proxy/barred_users.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mail/address.h"
#include "base/text.h"
#include "proxy/treatment.h"

namespace sallyport::proxy {
namespace {

constexpr const char* kElsewhere = "somebody@elsewhere.example";

// Some of our own, and how a rule names them.
struct Ours {
  std::string who;
  std::string condition;
  policy::ClientFacts client;
};

// That bars them.
struct BarringLine {
  std::string file;
  int number = 0;
  std::string pattern;
};

std::vector<Ours> ours_of(const Settings& settings) {
  std::vector<Ours> all;
  if (!settings.users_file.empty())
    all.push_back({"users who have logged in",
                   R"("auth": true)",
                   {*IpAddress::parse("192.0.2.1"), "somebody", {}, {}}});
  if (settings.policy->outbound_route)
    for (const Network& network : settings.policy->trusted_networks)
      all.push_back({"clients in " + network.to_string(),
                     fmt::format(R"("ip": "{}")", network.to_string()),
                     {network.base(), {}, {}, {}}});
  return all;
}

mail::Path path_of(const std::string& address) {
  mail::Path path;
  (void)mail::parse_path(address, {.smtputf8 = true}, path);
  return path;
}

class BarredUsers {
 public:
  explicit BarredUsers(const Settings& settings) : settings_(settings), ours_(ours_of(settings)) {}

  std::vector<SenderListFault> run() && {
    const policy::Domains& domains = settings_.policy->domains;
    for (const auto& [domain, route] : domains.exact())
      if (look("senders", "somebody@" + domain, &policy::Barring::senders)) break;
    if (settings_.policy->outbound_route) look("recipients", kElsewhere, &policy::Barring::recipients);
    return std::move(out_);
  }

 private:
  // By the rules for them, whatever listener they come to.
  std::optional<BarringLine> line_for(const Ours& ours, const std::string& address,
                                      policy::BarringList policy::Barring::* list) const {
    const mail::Path from = path_of(address), to = path_of(kElsewhere);
    std::optional<BarringLine> line;
    for (const ListenerSettings& listener : settings_.listeners) {
      const auto facts = rule_facts(settings_, {ours.client, listener.name, "", from, to});
      const auto treatment = settings_.treatment(settings_.rules.match(facts).profile);
      const policy::BarringList& bars = treatment->policy->barring.*list;
      const auto number = bars.mode == Mode::enforce ? bars.bars(address) : std::nullopt;
      if (!number) return std::nullopt;
      line = {bars.list.file(), *number, std::string(bars.list.pattern(*number))};
    }
    return line;
  }

  bool look(const char* name, const std::string& address, policy::BarringList policy::Barring::* list) {
    std::string who, rules;
    BarringLine last;
    for (const Ours& ours : ours_) {
      auto line = line_for(ours, address, list);
      if (!line) continue;
      last = *std::move(line);
      who += (who.empty() ? "" : ", ") + ours.who;
      rules += fmt::format(R"({{ {}, "use": "" }}, )", ours.condition);
    }
    if (who.empty()) return false;
    out_.push_back({{last.file, last.number, 1},
                    fmt::format("{}: this bars {} for {} too", printable(last.pattern, 80), address, who),
                    fmt::format(R"("{}": {{ "rules": [ {}{{ "use": "{}" }} ] }} bars strangers alone)",
                                name, rules, last.file)});
    return true;
  }

  const Settings& settings_;
  std::vector<Ours> ours_;
  std::vector<SenderListFault> out_;
};

}  // namespace

std::vector<SenderListFault> barred_users(const Settings& settings) { return BarredUsers(settings).run(); }

}  // namespace sallyport::proxy
