#include "proxy/role_probe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/io/together.h"
#include "base/store/state_store.h"
#include "base/text.h"
#include "proxy/relay/relay.h"
#include "proxy/relay/way.h"
#include "proxy/trial.h"

namespace sallyport::proxy {
namespace {

using relay::Probe;
using RoutePtr = std::shared_ptr<const relay::Route>;

constexpr std::size_t kMaxDomains = 50;
constexpr std::size_t kMaxNamed = 5;  // in one sentence
constexpr int kMostConnections = 4;   // to one host, which serves others too
constexpr std::size_t kLongestReply = 200;

enum class Standing { taken, refused, unknown };  // unknown: an answer for now, or none

Standing standing_of(const Probe& probe) {
  if (probe.reply.positive()) return Standing::taken;
  return probe.reply.permanent() ? Standing::refused : Standing::unknown;
}

std::string answer_of(const Probe& probe) { return printable(relay::one_line(probe.reply), kLongestReply); }

struct Question {
  RoutePtr route;
  mail::Path address;
  Probe probe{};
};

struct Domain {
  std::string name;
  std::vector<Question> roles{};
};

io::Task<> ask(relay::Relay& relay, Question& question, TimePoint deadline) {
  question.probe = co_await relay.probe(question.route, question.address, deadline);
}

class RoleProbe {
 public:
  RoleProbe(std::shared_ptr<const Settings> settings, io::TaskGroup& tasks, TimePoint deadline)
      : settings_(std::move(settings)),
        state_(*store::StateStore::open("", system_clock(), [](std::string_view) {})),
        relay_({system_clock(), tasks, *state_, {}}),
        deadline_(deadline) {
    std::vector<Endpoint> listeners;
    for (const ListenerSettings& listener : settings_->listeners)
      listeners.insert(listeners.end(), listener.bind.begin(), listener.bind.end());
    relay_.set_ourselves(settings_->policy->hostname, std::move(listeners));
  }

  io::Task<std::vector<RoleFault>> run() {
    for (const auto& [domain, route] : settings_->policy->domains.exact()) {
      if (domains_.size() == kMaxDomains) break;
      domains_.push_back({domain, questions_of(domain, route)});
    }
    co_await ask_all(roles());
    co_await ask_all(mailboxes());
    co_await relay_.close_idle();
    co_return faults();
  }

 private:
  std::vector<Question> questions_of(const std::string& domain, const std::string& route) {
    std::vector<Question> questions;
    for (const std::string& name : settings_->policy->role_names)
      if (const auto path = read_recipient(name + "@" + domain)) questions.push_back({asked(route), *path});
    return questions;
  }

  // Its mail is delivered to `hosts`, whoever else is asked for recipients.
  RoutePtr asked(const std::string& name) {
    RoutePtr& route = routes_[name];
    if (route) return route;
    auto gentle = std::make_shared<relay::Route>(*settings_->routes.at(name));
    gentle->max_connections = std::min(gentle->max_connections, kMostConnections);
    return route = std::move(gentle);
  }

  std::vector<Question*> roles() {
    std::vector<Question*> all;
    for (Domain& domain : domains_)
      for (Question& question : domain.roles) all.push_back(&question);
    return all;
  }

  // Of each route that refuses a role address: it gets `role_mailbox` instead.
  std::vector<Question*> mailboxes() {
    const auto mailbox = read_recipient(settings_->policy->role_mailbox);
    std::vector<Question*> all;
    if (!mailbox) return all;
    for (const Question* role : roles()) {
      if (standing_of(role->probe) != Standing::refused || mailboxes_.contains(role->route)) continue;
      all.push_back(&mailboxes_.emplace(role->route, Question{role->route, *mailbox}).first->second);
    }
    return all;
  }

  io::Task<> ask_all(std::vector<Question*> questions) {
    std::vector<io::Task<>> asking;
    for (Question* question : questions) asking.push_back(ask(relay_, *question, deadline_));
    co_await io::together(std::move(asking));
  }

  // -- what is to be told ---------------------------------------------------------------------------------

  const Probe* mailbox_of(const Question& role) const {
    const auto found = mailboxes_.find(role.route);
    return found == mailboxes_.end() ? nullptr : &found->second.probe;
  }

  bool has_no_mailbox(const Question& role) const {
    if (standing_of(role.probe) != Standing::refused) return false;
    const Probe* mailbox = mailbox_of(role);
    return !mailbox || standing_of(*mailbox) != Standing::taken;
  }

  std::vector<RoleFault> faults() const {
    std::vector<RoleFault> out;
    for (const Domain& domain : domains_) judge(domain, out);
    tell_unasked(out);
    const std::size_t all = settings_->policy->domains.exact().size();
    if (all > domains_.size())
      out.push_back({fmt::format("role_names: the next hops of {} more domains were not asked",
                                 all - domains_.size()),
                     {}});
    return out;
  }

  void judge(const Domain& domain, std::vector<RoleFault>& out) const {
    for (const Question& role : domain.roles) {
      const std::string address = role.address.address();
      if (has_no_mailbox(role))
        out.push_back(
            {fmt::format("role_names: {} has no mailbox: {} says \"{}\"{}", address, role.probe.host,
                         answer_of(role.probe), words_on_mailbox(role)),
             "mail to it is deferred until its sender gives up: make it a mailbox or an alias at that "
             "server, or set \"role_mailbox\" to a mailbox that it has"});
      else if (role.probe.reply.transient())
        out.push_back({fmt::format("role_names: whether {} is taken cannot be told: {} says \"{}\"",
                                   address, role.probe.host, answer_of(role.probe)),
                       "ask again later"});
    }
  }

  std::string words_on_mailbox(const Question& role) const {
    const Probe* mailbox = mailbox_of(role);
    if (!mailbox) return {};
    return fmt::format(", and of role_mailbox {} \"{}\"", settings_->policy->role_mailbox,
                       mailbox->reply.code != 0 ? answer_of(*mailbox) : mailbox->detail);
  }

  void tell_unasked(std::vector<RoleFault>& out) const {
    std::map<std::string, std::pair<std::string, std::vector<std::string>>>
        hosts;  // its fault, its domains
    for (const Domain& domain : domains_)
      for (const Question& role : domain.roles) {
        if (role.probe.reply.code != 0) continue;
        auto& [detail, domains] =
            hosts.try_emplace(role.probe.host, role.probe.detail, std::vector<std::string>()).first->second;
        if (domains.empty() || domains.back() != domain.name) domains.push_back(domain.name);
      }
    for (auto& [host, found] : hosts) {
      auto& [detail, domains] = found;
      const std::size_t count = domains.size();
      if (count > kMaxNamed) domains.resize(kMaxNamed);
      out.push_back(
          {fmt::format("role_names: whether {} takes mail to the role addresses of {}{} could not "
                       "be asked: {}",
                       host, fmt::join(domains, ", "), count > kMaxNamed ? ", ..." : "", detail),
           "ask again once it can be reached, from the machine that the gateway runs on; --offline "
           "asks nothing"});
    }
  }

  std::shared_ptr<const Settings> settings_;
  std::unique_ptr<store::StateStore> state_;  // in memory, and empty
  relay::Relay relay_;
  TimePoint deadline_;
  std::map<std::string, RoutePtr> routes_;
  std::vector<Domain> domains_;
  std::map<RoutePtr, Question> mailboxes_;
};

}  // namespace

io::Task<std::vector<RoleFault>> probe_roles(std::shared_ptr<const Settings> settings, io::TaskGroup& tasks,
                                             TimePoint deadline) {
  RoleProbe probe(std::move(settings), tasks, deadline);
  co_return co_await probe.run();
}

}  // namespace sallyport::proxy
