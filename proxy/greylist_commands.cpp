#include "proxy/greylist_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/mail/address.h"
#include "base/store/event_text.h"
#include "base/text.h"
#include "policy/client_identity.h"
#include "proxy/greylist_names.h"
#include "proxy/greylist_waiting.h"

namespace sallyport::proxy {
namespace {

using config::Node;

// An address stands for its network, as which it is known if nothing better is.
Result<std::string> identity_of(const std::string& client) {
  if (const auto address = IpAddress::parse(client)) return policy::identify(*address).name;
  mail::DomainName domain;
  const bool is_name = mail::parse_domain(client, domain) == mail::DomainFault::none &&
                       !is_digit(client[client.rfind('.') + 1]);
  if (client.empty() || is_name || Network::parse(client)) return to_lower(client);
  return fail(Errc::invalid, fmt::format("a client is a domain, an address or a network, not \"{}\"",
                                         printable(client, 80)));
}

struct Choice {
  std::string client;
  GreylistName from, to;

  bool is_any() const { return client.empty() && from.is_anybody() && to.is_anybody(); }
  bool has(const GreylistWaiter& one) const {
    return (client.empty() || iequals(client, one.identity)) && from.means(one.sender) &&
           to.means(one.recipient);
  }
};

// An address, a pattern, or a domain.
Result<> check_name(const GreylistName& name) {
  mail::DomainName domain;
  const std::string& written = name.written();
  if (!name.is_of_many() || written.contains('*') ||
      mail::parse_domain(written, domain) == mail::DomainFault::none)
    return {};
  return fail(Errc::invalid,
              fmt::format("\"{}\" is neither an address nor a domain", printable(written, 80)));
}

Result<Choice> read_choice(const Node& request) {
  auto client = identity_of(text_of(request, "client"));
  if (!client) return client.error();
  Choice choice{std::move(*client),
                {GreylistName::Of::sender, text_of(request, "from")},
                {GreylistName::Of::recipient, text_of(request, "to")}};
  for (const GreylistName* name : {&choice.from, &choice.to})
    if (auto good = check_name(*name); !good) return good.error();
  return choice;
}

void sort(std::vector<GreylistWaiter>& cases) {
  std::ranges::sort(cases, {}, [](const GreylistWaiter& one) {
    return std::tie(one.first, one.identity, one.sender, one.recipient);
  });
}

std::vector<GreylistWaiter> waiters(const GreylistWaiting& waiting, const Choice& choice) {
  std::vector<GreylistWaiter> found;
  waiting.show([&](const GreylistWaiter& one) {
    if (choice.has(one)) found.push_back(one);
    return true;
  });
  sort(found);
  return found;
}

// Of those that have passed no names are kept: what was named is all that is known, and a domain or a
// pattern means none of them.
std::vector<GreylistWaiter> passed(const GreylistWaiting& waiting, const Choice& choice) {
  if (choice.from.is_of_many() || choice.to.is_of_many()) return {};
  policy::GreylistChoice keys;
  if (!choice.client.empty()) keys.of_client({.name = choice.client});
  if (const auto& sender = choice.from.one()) keys.from(*sender);
  if (const auto& recipient = choice.to.one()) keys.to(*recipient);
  auto found = waiting.passed(keys);
  for (GreylistWaiter& one : found) {
    one.identity = choice.client;
    one.sender = choice.from.written();
    one.recipient = choice.to.written();
  }
  sort(found);
  return found;
}

Node counted(const char* what, std::size_t many) {
  Node line = Node::object();
  line.add(what, Node::integer(static_cast<std::int64_t>(many)));
  return line;
}

Node described(const GreylistWaiter& one) {
  Node line = Node::object();
  line.add("first_seen", Node::text(store::time_stamp(one.first)));
  const auto add = [&](const char* key, const std::string& name) {
    if (!name.empty()) line.add(key, Node::text(name));
  };
  add("client", one.identity);
  add("from", one.sender.empty() && !one.passed ? "<>" : one.sender);
  add("to", one.recipient);
  if (one.passed) line.add("passed", Node::boolean(true));
  return line;
}

// What every command is given.
struct Desk {
  GreylistWaiting waiting;
  const CurrentPolicy& current;
  const Control::Keep& keep;
};

// How long who is released is remembered: as the configuration has it for everybody. A rule that has
// another time for its recipient holds from their next mail on.
Duration remembered(const CurrentPolicy& current) {
  const auto settings = current();
  return (settings ? settings->checks.greylist : policy::GreylistSettings{}).remember;
}

// Then nobody waits: it is told who would.
bool is_observed(const CurrentPolicy& current) {
  const auto settings = current();
  return settings && settings->checks.greylist.mode == policy::Mode::observe;
}

Node marked(Node line, bool observed) {
  if (observed) line.add("observed", Node::boolean(true));
  return line;
}

Result<> list(const Desk& desk, const Node& request, const Control::Write& write) {
  const auto choice = read_choice(request);
  if (!choice) return choice.error();
  const bool observed = is_observed(desk.current);
  for (const GreylistWaiter& one : waiters(desk.waiting, *choice))
    if (!write(marked(described(one), observed))) break;
  return Result<>{};
}

Result<> changed(const Desk& desk, const char* what, std::size_t many, const Control::Write& write) {
  write(counted(what, many));
  return many > 0 ? desk.keep() : Result<>{};
}

Result<> release(Desk desk, const Node& request, const Control::Write& write) {
  const auto choice = read_choice(request);
  if (!choice) return choice.error();
  if (choice->is_any() && !flag_of(request, "all"))
    return fail(Errc::invalid, "name a client, a sender or a recipient; --all: everybody who waits");
  std::size_t many = 0;
  const Duration remember = remembered(desk.current);
  for (const GreylistWaiter& one : waiters(desk.waiting, *choice))
    if (desk.waiting.release(one.key, remember)) ++many;
  return changed(desk, "released", many, write);
}

// A client alone: also that it is known.
Result<> forget(Desk desk, const Node& request, const Control::Write& write) {
  const auto choice = read_choice(request);
  if (!choice) return choice.error();
  if (choice->is_any()) return fail(Errc::invalid, "name a client, a sender or a recipient");
  std::size_t many = 0;
  for (const auto& cases : {waiters(desk.waiting, *choice), passed(desk.waiting, *choice)})
    for (const GreylistWaiter& one : cases) {
      if (!desk.waiting.forget(one.key)) continue;
      ++many;
      write(described(one));
    }
  const bool client_alone = choice->from.is_anybody() && choice->to.is_anybody();
  if (client_alone && desk.waiting.forget_client(choice->client)) ++many;
  return changed(desk, "forgotten", many, write);
}

Result<> stats(const Desk& desk, const Node&, const Control::Write& write) {
  const bool observed = is_observed(desk.current);
  for (const int days : {1, 7, GreylistWaiting::kDays}) {
    const GreylistDay sum = desk.waiting.sum(days);
    Node line = counted("days", static_cast<std::size_t>(days));
    line.add("begun", Node::integer(sum.begun)).add("came_back", Node::integer(sum.came_back));
    line.add("minutes", Node::integer(static_cast<std::int64_t>(sum.seconds / 60)));
    line.add("seconds", Node::integer(static_cast<std::int64_t>(sum.seconds)));
    write(marked(std::move(line), observed));
  }
  const GreylistDay all = desk.waiting.sum(GreylistWaiting::kDays);
  const std::size_t here = desk.waiting.count(), seen = all.came_back + here;
  write(marked(counted("waiting", here), observed));
  write(marked(counted("never_came_back", all.begun > seen ? all.begun - seen : 0), observed));
  return Result<>{};
}

}  // namespace

void add_greylist_commands(Control& control, store::StateStore& state, const CurrentPolicy& current,
                           const Control::Keep& keep) {
  const auto add = [&](const char* name, auto command) {
    control.add(name, [&state, current, keep, command](const Node& request, const Control::Write& write) {
      return command(Desk{GreylistWaiting(state), current, keep}, request, write);
    });
  };
  add("greylist-list", list);
  add("greylist-release", release);
  add("greylist-forget", forget);
  add("greylist-stats", stats);
}

}  // namespace sallyport::proxy
