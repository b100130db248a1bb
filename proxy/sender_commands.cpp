#include "proxy/sender_commands.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/store/event_text.h"
#include "base/text.h"
#include "proxy/sender_list_lint.h"

namespace sallyport::proxy {
namespace {

constexpr std::size_t kMaxText = 200;
constexpr std::size_t kMostNamed = 5;  // in one sentence
using policy::SenderEntry;

// Words of an entry stand on one line of a file, and are read from it again.
Result<std::string> one_line(const config::Node& request, const char* key, bool one_word) {
  std::string text = text_of(request, key);
  const bool good = text.size() <= kMaxText && printable(text, kMaxText) == text &&
                    !(one_word && text.find_first_of(" #") != std::string::npos);
  if (good) return text;
  return fail(Errc::invalid, fmt::format("{} is too long, or has characters that it may not have", key));
}

Result<SenderEntry> named_entry(const config::Node& request) {
  SenderEntry entry;
  if (auto set = policy::set_pattern(entry, text_of(request, "pattern")); !set) return set.error();
  const auto recipient = text_of(request, "for");
  if (recipient.empty()) return entry;
  if (auto set = policy::set_recipient(entry, recipient); !set) return set.error();
  return entry;
}

Result<SenderEntry> whole_entry(const config::Node& request) {
  auto entry = named_entry(request);
  if (!entry) return entry;
  auto owner = one_line(request, "owner", true);
  if (!owner) return owner.error();
  auto reason = one_line(request, "reason", false);
  if (!reason) return reason.error();
  entry->owner = *owner;
  entry->reason = *reason;
  entry->authenticated = flag_of(request, "authenticated");
  if (const auto day = text_of(request, "expires"); !day.empty()) {
    auto expires = policy::parse_expiry_day(day);
    if (!expires) return expires.error();
    if (*expires <= system_clock().wall())
      return fail(Errc::invalid, fmt::format("{} is over: the entry would never hold", day));
    entry->expires = *expires;
  }
  return entry;
}

bool is_for_role(const SenderEntry& entry, const CurrentPolicy& current) {
  const auto settings = current();
  return settings && policy::is_role_entry(entry.recipient, settings->role_names);
}

// Somebody wrote what is replaced, and had a reason.
void tell_replaced(const SenderEntry& entry, const SenderEntry& before, const Control::Write& write) {
  const auto was = policy::to_line(before);
  if (was != policy::to_line(entry)) write(config::Node::object().add("replaced", config::Node::text(was)));
}

// Allow entries that mean all that a block entry does: the command's, then the file's.
std::optional<SenderBook::Found> allowed_all_the_same(const SenderEntry& entry, const SenderBook& book,
                                                      const policy::Settings* settings) {
  const policy::SenderList* file = settings ? settings->sender_lists.allow.get() : nullptr;
  auto all = book.find(SenderListKind::allow, file,
                       policy::names_covering(entry, book.shape(SenderListKind::allow, file)));
  return all.empty() ? std::nullopt : std::optional(std::move(all.front()));
}

// What `check` says of the entries of files, as far as it can be said without DNS.
std::vector<std::string> warnings_of(SenderListKind kind, const SenderEntry& entry, const SenderBook& book,
                                     const policy::Settings* settings) {
  std::vector<std::string> warnings;
  if (auto surprise = surprise_of(kind, entry, settings); !surprise.empty())
    warnings.push_back(std::move(surprise));
  if (kind == SenderListKind::allow && entry.kind == SenderEntry::Kind::sender && !entry.authenticated)
    warnings.push_back(fmt::format(
        "{}: where no SPF is published, whoever writes that in MAIL FROM is let through: --authenticated "
        "asks for a pass, and a network or a reverse name (rdns:) is no claim",
        entry.name()));
  if (kind == SenderListKind::block)
    if (const auto allowed = allowed_all_the_same(entry, book, settings))
      warnings.push_back(fmt::format("{}: an allow entry beats it where that holds: {} ({})", entry.name(),
                                     allowed->entry.name(), allowed->where));
  return warnings;
}

Result<> add(SenderListKind kind, const config::Node& request, SenderBook& book,
             const CurrentPolicy& current, const Control::Write& write) {
  const auto entry = whole_entry(request);
  if (!entry) return entry.error();
  if (kind == SenderListKind::block && entry->authenticated)
    return fail(Errc::invalid, policy::kAuthenticatedBlock);
  if (kind == SenderListKind::block && is_for_role(*entry, current))
    return fail(Errc::invalid, entry->recipient + " is a role address: mail to it is never blocked");
  for (const auto& warning : warnings_of(kind, *entry, book, current().get()))
    write(config::Node::object().add("warning", config::Node::text(warning)));
  const auto before = book.added(kind, entry->name());
  auto result = book.add(kind, *entry);
  if (result && before) tell_replaced(*entry, *before, write);
  return result;
}

// "only for our.example: add --for our.example", where an entry has that pattern for somebody else; or "".
std::string added_for_others(SenderListKind kind, const SenderEntry& entry, const SenderBook& book) {
  std::string recipients;
  bool everybody = false;
  std::size_t more = 0, named = 0;
  book.each(kind, [&](const SenderEntry& other) {
    if (other.pattern != entry.pattern) return true;
    if (other.recipient.empty())
      everybody = true;
    else if (named++ < kMostNamed)
      recipients += (recipients.empty() ? "" : ", ") + other.recipient;
    else
      ++more;
    return true;
  });
  if (everybody) return "only for everybody: leave --for out";
  if (more > 0) return fmt::format("only for {} and {} more: add --for", recipients, more);
  if (named > 1) return fmt::format("only for {}: add --for", recipients);
  return named == 1 ? fmt::format("only for {0}: add --for {0}", recipients) : "";
}

Result<> remove(SenderListKind kind, const config::Node& request, SenderBook& book) {
  const auto entry = named_entry(request);
  if (!entry) return entry.error();
  if (book.remove(kind, *entry)) return {};
  if (const auto others = added_for_others(kind, *entry, book); !others.empty())
    return fail(Errc::not_found, fmt::format("no command has added {}, {}", entry->name(), others));
  return fail(
      Errc::not_found,
      fmt::format("no command has added {}; entries of a file are removed from the file", entry->name()));
}

config::Node described(SenderListKind kind, const SenderEntry& entry, const std::string& where,
                       const SenderBook& book) {
  const auto hits = book.hits(kind, entry);
  config::Node line = config::Node::object();
  line.add("pattern", config::Node::text(entry.pattern));
  const auto text = [&](const char* key, const std::string& value) {
    if (!value.empty()) line.add(key, config::Node::text(value));
  };
  text("for", entry.recipient);
  text("owner", entry.owner);
  text("reason", entry.reason);
  if (entry.expires) text("expires", store::time_stamp(*entry.expires));
  if (entry.authenticated) line.add("authenticated", config::Node::boolean(true));
  text("where", where);
  line.add("hits", config::Node::integer(static_cast<std::int64_t>(hits.count)));
  if (hits.last) text("last_hit", store::time_stamp(*hits.last));
  line.add("line", config::Node::text(policy::to_line(entry)));
  return line;
}

// A state has no order.
std::vector<SenderEntry> added(SenderListKind kind, const SenderBook& book) {
  std::vector<SenderEntry> all;
  book.each(kind, [&](const SenderEntry& entry) {
    all.push_back(entry);
    return true;
  });
  std::ranges::sort(all, {}, &SenderEntry::name);
  return all;
}

// What holds for an address: its own entries, those of its domain, and those for everybody. For a domain:
// without those for some of it.
bool holds_for(const SenderEntry& entry, std::string_view recipient) {
  return entry.recipient.empty() || entry.recipient == recipient ||
         entry.recipient == recipient.substr(recipient.rfind('@') + 1);
}

Result<> list(SenderListKind kind, const config::Node& request, const SenderBook& book,
              const CurrentPolicy& current, const Control::Write& write) {
  SenderEntry wanted;
  const auto recipient = text_of(request, "for");
  if (auto set = policy::set_recipient(wanted, recipient); !recipient.empty() && !set) return set;
  bool reading = true;
  const auto show = [&](const SenderEntry& entry, const std::string& where) {
    if (!recipient.empty() && !holds_for(entry, wanted.recipient)) return true;
    return reading = reading && write(described(kind, entry, where, book));
  };
  for (const SenderEntry& entry : added(kind, book))
    if (!show(entry, "command")) return {};
  if (text_of(request, "where") == "command") return {};
  const auto settings = current();
  if (!settings)
    return fail(Errc::not_found, "the entries of files are not known: `sallyport check` says why");
  const auto& lists = settings->sender_lists;
  for (const auto& file : kind == SenderListKind::allow ? lists.allow_files : lists.block_files)
    file->each([&](const policy::SenderList::Found& found) {
      return show(found.entry, fmt::format("{}:{}", file->file(), found.line));
    });
  return {};
}

}  // namespace

void add_sender_commands(Control& control, SenderBook& book, const CurrentPolicy& current,
                         const Control::Keep& keep) {
  for (const auto kind : {SenderListKind::allow, SenderListKind::block})
    control.add(to_string(kind),
                [kind, &book, current, keep](const config::Node& request, const Control::Write& write) {
                  const auto action = text_of(request, "action");
                  if (action == "list") return list(kind, request, book, current, write);
                  Result<> changed = fail(Errc::invalid, "the action is none of add, remove and list");
                  if (action == "add") changed = add(kind, request, book, current, write);
                  if (action == "remove") changed = remove(kind, request, book);
                  return changed ? keep() : changed;
                });
}

}  // namespace sallyport::proxy
