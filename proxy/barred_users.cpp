#include "proxy/barred_users.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mail/address.h"
#include "base/text.h"
#include "policy/rules.h"

namespace sallyport::proxy {
namespace {

constexpr const char* kElsewhere = "somebody@elsewhere.example";

// Some of our own, and how a rule names them.
struct Ours {
  std::string who;
  std::string condition;
  IpAddress client;
  std::string user{};
};

std::vector<Ours> ours_of(const Settings& settings) {
  std::vector<Ours> all;
  if (!settings.users_file.empty())
    all.push_back(
        {"users who have logged in", R"("auth": true)", *IpAddress::parse("192.0.2.1"), "somebody"});
  if (settings.policy->outbound_route)
    for (const Network& network : settings.policy->trusted_networks)
      all.push_back({"clients in " + network.to_string(), fmt::format(R"("ip": "{}")", network.to_string()),
                     network.base()});
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
  std::optional<int> line_for(const Ours& ours, const std::string& address,
                              policy::BarringList policy::Barring::* list) const {
    const mail::Path from = path_of(address), to = path_of(kElsewhere);
    std::optional<int> line;
    for (const ListenerSettings& listener : settings_.listeners) {
      policy::RuleFacts facts;
      facts.stage = config::Stage::data;
      facts.client = ours.client;
      facts.user = ours.user;
      facts.listener = listener.name;
      facts.from = &from;
      facts.to = &to;
      facts.direction = policy::Direction::outbound;
      facts.vouching = policy::Vouching::own;
      const auto treatment = settings_.treatment(settings_.rules.match(facts).profile);
      const policy::BarringList& bars = treatment->policy->barring.*list;
      line = bars.mode == Mode::enforce ? bars.bars(address) : std::nullopt;
      if (!line) return line;
      file_ = bars.list.file();
      pattern_ = bars.list.pattern(*line);
    }
    return line;
  }

  bool look(const char* name, const std::string& address, policy::BarringList policy::Barring::* list) {
    std::string who, rules;
    int first = 0;
    for (const Ours& ours : ours_) {
      const auto line = line_for(ours, address, list);
      if (!line) continue;
      first = *line;
      who += (who.empty() ? "" : ", ") + ours.who;
      rules += fmt::format(R"({{ {}, "use": "" }}, )", ours.condition);
    }
    if (who.empty()) return false;
    out_.push_back({{file_, first, 1},
                    fmt::format("{}: this bars {} for {} too", printable(pattern_, 80), address, who),
                    fmt::format(R"("{}": {{ "rules": [ {}{{ "use": "{}" }} ] }} bars strangers alone)",
                                name, rules, file_)});
    return true;
  }

  const Settings& settings_;
  std::vector<Ours> ours_;
  std::vector<SenderListFault> out_;
  mutable std::string file_, pattern_;  // of the line found last
};

}  // namespace

std::vector<SenderListFault> barred_users(const Settings& settings) { return BarredUsers(settings).run(); }

}  // namespace sallyport::proxy
