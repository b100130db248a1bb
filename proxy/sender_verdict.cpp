#include "proxy/sender_verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace sallyport::proxy {
namespace {

using Entries = std::vector<SenderBook::Found>;
using policy::SenderEntry;

// One look at both lists.
struct Look {
  const SenderBook* book;
  const IpAddress& client;
  Inquiry* inquiry;
  const mail::Path& sender;
  const mail::Path& recipient;
  WallTime now;

  policy::SenderListShape shape(SenderListKind kind, const policy::SenderList* file) const {
    if (book) return book->shape(kind, file);
    return file ? file->shape() : policy::SenderListShape{};
  }

  bool has_names(SenderListKind kind, const policy::SenderList* file) const {
    return shape(kind, file).reverse_names;
  }

  std::vector<std::string> names(const policy::SenderListShape& shape) const {
    auto patterns = policy::network_patterns(client, shape);
    if (shape.senders) std::ranges::copy(policy::sender_patterns(sender), std::back_inserter(patterns));
    if (shape.reverse_names && inquiry)
      std::ranges::copy(policy::reverse_name_patterns(inquiry->reverse_name()),
                        std::back_inserter(patterns));
    return policy::entry_names(patterns, recipient, shape);
  }

  Entries entries(SenderListKind kind, const policy::SenderList* file) const {
    const auto shape = this->shape(kind, file);
    if (!shape.any()) return {};
    return book ? book->find(kind, file, names(shape)) : find_in_file(file, names(shape), now);
  }
};

// "lists/allow:12"; of a command "allow example.com".
std::string rule_of(const SenderBook::Found& found) {
  return found.where.contains(':') ? found.where : fmt::format("{} {}", found.where, found.entry.name());
}

enum class Holds : std::uint8_t { yes, no, not_known_now };

// Of an entry for an address or a domain.
Holds holds(const SenderEntry& entry, const Inquiry& inquiry) {
  const mail::Fact* spf = inquiry.evidence().find({mail::Check::spf_mailfrom});
  if (!spf) return Holds::no;  // not asked: anybody may have written that address
  switch (spf->finding) {
    case mail::Finding::spf_pass:
      return Holds::yes;
    case mail::Finding::spf_none:
      return entry.authenticated ? Holds::no : Holds::yes;
    case mail::Finding::spf_temperror:
      return Holds::not_known_now;
    default:
      return Holds::no;
  }
}

// The first one that holds; null: none. What depends on SPF waits for it.
io::Task<const SenderBook::Found*> first_that_holds(const Entries& entries, Inquiry* inquiry,
                                                    bool& uncertain) {
  for (const auto& found : entries) {
    const bool claim = found.entry.kind == SenderEntry::Kind::sender && inquiry;
    if (claim) co_await inquiry->settle_any({{mail::Check::spf_mailfrom}});
    const auto held = claim ? holds(found.entry, *inquiry) : Holds::yes;
    if (held == Holds::yes) co_return &found;
    uncertain = uncertain || held == Holds::not_known_now;
  }
  co_return nullptr;
}

// What `found` makes of the verdict.
void apply(SenderVerdict& verdict, SenderVerdict::Kind kind, const SenderBook::Found& found,
           policy::Mode mode) {
  (mode == policy::Mode::enforce ? verdict.kind : verdict.would_be) = kind;
  verdict.rule = rule_of(found);
}

}  // namespace

io::Task<SenderVerdict> judge_sender(SenderBook* book, const IpAddress& client, Inquiry* inquiry,
                                     const mail::Path& sender, const mail::Path& recipient,
                                     const policy::Settings& settings, WallTime now) {
  using enum SenderListKind;
  using Kind = SenderVerdict::Kind;
  const policy::SenderLists& lists = settings.sender_lists;
  const Look look{book, client, inquiry, sender, recipient, now};
  if (inquiry && (look.has_names(allow, lists.allow.get()) || look.has_names(block, lists.block.get())))
    co_await inquiry->settle_any({{mail::Check::rdns}});
  SenderVerdict verdict;
  if (lists.allow_mode != policy::Mode::off) {
    const auto entries = look.entries(allow, lists.allow.get());
    if (const auto* found = co_await first_that_holds(entries, inquiry, verdict.uncertain)) {
      apply(verdict, Kind::allowed, *found, lists.allow_mode);
      if (book) book->count_hit(allow, found->entry);
    }
  }
  if (verdict.kind == Kind::allowed || lists.block_mode == policy::Mode::off) co_return verdict;
  const auto blocked = look.entries(block, lists.block.get());
  if (blocked.empty()) co_return verdict;
  apply(verdict, Kind::blocked, blocked.front(), lists.block_mode);
  if (book) book->count_hit(block, blocked.front().entry);
  co_return verdict;
}

}  // namespace sallyport::proxy
