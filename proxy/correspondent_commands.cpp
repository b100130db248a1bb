#include "proxy/correspondent_commands.h"

#include <fmt/format.h>

#include "base/store/event_text.h"
#include "base/text.h"

namespace sallyport::proxy {
namespace {

using config::Node;

struct Pair {
  std::optional<mail::Path> user;  // none: the domain is named
  std::string domain;
  mail::Path theirs;

  std::string user_name() const { return policy::mailbox_of(*user); }
};

Result<mail::Path> read_address(const std::string& written) {
  mail::Path path;
  const bool good = mail::parse_path(written, {.smtputf8 = true}, path) == mail::PathFault::none;
  if (good && !path.is_null()) return path;
  return fail(Errc::invalid, fmt::format("\"{}\" is not an address", printable(written, 80)));
}

Result<Pair> read_pair(const Node& request) {
  const std::string ours = text_of(request, "ours");
  auto theirs = read_address(text_of(request, "theirs"));
  if (!theirs) return theirs.error();
  if (!ours.contains('@')) {
    mail::DomainName domain;
    if (mail::parse_domain(ours, domain) == mail::DomainFault::none)
      return Pair{std::nullopt, domain.ascii, std::move(*theirs)};
  }
  auto user = read_address(ours);
  if (!user) return user.error();
  std::string domain = user->domain_ascii;
  return Pair{std::move(*user), std::move(domain), std::move(*theirs)};
}

Node described(const std::string& who, WallTime last) {
  Node line = Node::object();
  line.add("who", Node::text(who)).add("last_written", Node::text(store::time_stamp(last)));
  return line;
}

// Of what was asked the wrong way round nothing is ever found.
Result<> check_ours(const Pair& pair, const CurrentPolicy& current) {
  const auto settings = current();
  if (!settings || settings->domains.empty() || settings->domains.find(pair.domain)) return {};
  return fail(Errc::invalid,
              fmt::format("{} is none of our domains; the first is ours, the second theirs", pair.domain));
}

Result<> check(const Correspondents& correspondents, const CurrentPolicy& current, const Node& request,
               const Control::Write& write) {
  const auto pair = read_pair(request);
  if (!pair) return pair.error();
  const auto user = pair->user ? correspondents.last_written(*pair->user, pair->theirs) : std::nullopt;
  const auto anybody = correspondents.last_written(pair->domain, pair->theirs);
  if (user) write(described(pair->user_name(), *user));
  if (anybody) write(described(pair->domain, *anybody));
  return user || anybody ? Result<>{} : check_ours(*pair, current);
}

Node counted(const char* what, std::size_t many) {
  Node line = Node::object();
  line.add(what, Node::integer(static_cast<std::int64_t>(many)));
  return line;
}

// With a user also that anybody of his domain wrote: else the sender would still be spared, for him too.
Result<> forget(Correspondents& correspondents, const Node& request, const Control::Write& write,
                const Control::Keep& keep) {
  const auto pair = read_pair(request);
  if (!pair) return pair.error();
  std::size_t many = 0;
  if (pair->user && correspondents.forget(*pair->user, pair->theirs)) ++many;
  if (correspondents.forget(pair->domain, pair->theirs)) ++many;
  write(counted("forgotten", many));
  return many > 0 ? keep() : Result<>{};
}

}  // namespace

void add_correspondent_commands(Control& control, SenderBook& book, const CurrentPolicy& current,
                                const Control::Keep& keep) {
  control.add("correspondents-check", [&book, current](const Node& request, const Control::Write& write) {
    return check(book.correspondents(), current, request, write);
  });
  control.add("correspondents-forget", [&book, keep](const Node& request, const Control::Write& write) {
    return forget(book.correspondents(), request, write, keep);
  });
  control.add("correspondents-count", [&book](const Node&, const Control::Write& write) -> Result<> {
    write(counted("correspondents", book.correspondents().count()));
    return {};
  });
}

}  // namespace sallyport::proxy
