#include "proxy/sender_verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "policy/observed.h"

namespace sallyport::proxy {
namespace {

using Kind = SenderVerdict::Kind;
using policy::Mode;
using policy::SenderEntry;
using enum SenderListKind;

enum class Holds : std::uint8_t { yes, no, not_known_now };

// One look at both lists; it is made anew when more is known.
class Look {
 public:
  Look(const SenderQuestion& question, const Inquiry* inquiry) : asked_(question), inquiry_(inquiry) {}

  SenderLook judge() {
    const policy::SenderLists& lists = asked_.settings.sender_lists;
    if (shape(allow).reverse_names || shape(block).reverse_names) need(mail::Check::rdns);
    const bool spares = asked_.sparing == policy::Sparing::as_configured;
    if (spares && lists.allow_mode != Mode::off)
      if (const auto found = first_that_holds()) apply(Kind::allowed, allow, *found, lists.allow_mode);
    if (lists.allow_mode != Mode::enforce) verdict_.uncertain = false;
    if (verdict_.kind == Kind::neither && lists.block_mode != Mode::off)
      if (const auto blocked = entries(block); !blocked.empty())
        apply(Kind::blocked, block, blocked.front(), lists.block_mode);
    if (spares && verdict_.kind == Kind::neither) look_at_correspondents(lists.correspondents);
    return std::move(look_);
  }

 private:
  const policy::SenderList* file(SenderListKind kind) const {
    const policy::SenderLists& lists = asked_.settings.sender_lists;
    return (kind == allow ? lists.allow : lists.block).get();
  }

  policy::SenderListShape shape(SenderListKind kind) const {
    if (asked_.book) return asked_.book->shape(kind, file(kind));
    return file(kind) ? file(kind)->shape() : policy::SenderListShape{};
  }

  std::vector<std::string> names(const policy::SenderListShape& shape) const {
    auto patterns = policy::network_patterns(asked_.client, shape);
    if (shape.senders)
      std::ranges::copy(policy::sender_patterns(asked_.sender), std::back_inserter(patterns));
    if (shape.reverse_names && inquiry_)
      for (const std::string& name : inquiry_->evidence(asked_.view).reverse_names())
        std::ranges::copy(policy::reverse_name_patterns(name), std::back_inserter(patterns));
    return policy::entry_names(patterns, asked_.recipient, shape,
                               policy::mailbox_behind_detail(asked_.recipient, asked_.settings));
  }

  std::vector<SenderBook::Found> entries(SenderListKind kind) const {
    const auto shape = this->shape(kind);
    if (!shape.any()) return {};
    return asked_.book ? asked_.book->find(kind, file(kind), names(shape))
                       : find_in_file(file(kind), names(shape), asked_.now);
  }

  std::optional<SenderBook::Found> first_that_holds() {
    if (shape(allow).reverse_names && reverse_name_failed()) {
      verdict_.uncertain = true;
      verdict_.failed = mail::Check::rdns;
    }
    for (auto& found : entries(allow)) {
      const bool claim = found.entry.kind == SenderEntry::Kind::sender;
      const auto held = claim ? claim_holds(found.entry.authenticated) : Holds::yes;
      if (held == Holds::yes) {
        verdict_.unheld.reset();
        return std::move(found);
      }
      verdict_.uncertain = verdict_.uncertain || held == Holds::not_known_now;
      if (!verdict_.unheld) verdict_.unheld = {rule_of(found), to_line(found.entry)};
    }
    return std::nullopt;
  }

  bool reverse_name_failed() const {
    const mail::Fact* name = inquiry_ ? inquiry_->evidence(asked_.view).find({mail::Check::rdns}) : nullptr;
    return name && mail::may_change(*name);
  }

  // What MAIL FROM says. `authenticated`: only where SPF passes.
  Holds claim_holds(bool authenticated) {
    if (!inquiry_) return Holds::yes;
    need(mail::Check::spf_mailfrom);
    const mail::Fact* spf = inquiry_->evidence(asked_.view).find({mail::Check::spf_mailfrom});
    if (!spf) return Holds::no;  // not asked: anybody may have written that address
    switch (spf->finding) {
      case mail::Finding::spf_pass:
        return mail::vouches(*spf) ? Holds::yes : Holds::no;
      case mail::Finding::spf_none:
        return authenticated ? Holds::no : Holds::yes;
      case mail::Finding::spf_temperror:
        return Holds::not_known_now;
      default:
        return Holds::no;
    }
  }

  void need(mail::Check check) {
    const mail::FactKey key{check};
    if (!inquiry_) return;
    const auto& pending = inquiry_->evidence(asked_.view).pending;
    if (std::ranges::find(pending, key) != pending.end()) look_.missing.push_back(key);
  }

  // "lists/allow:12"; of a command "allow example.com"
  static std::string rule_of(const SenderBook::Found& found) {
    return found.where.contains(':') ? found.where : fmt::format("{} {}", found.where, found.entry.name());
  }

  void apply(Kind what, SenderListKind kind, const SenderBook::Found& found, Mode mode) {
    decide(what, mode, rule_of(found), to_line(found.entry));
    look_.hits.emplace_back(kind, found.entry);
  }

  void decide(Kind what, Mode mode, const std::string& rule, std::string entry = {}) {
    if (mode == Mode::enforce) {
      verdict_.kind = what;
      verdict_.rule = rule;
      verdict_.entry = std::move(entry);
    } else {
      policy::add_observed(verdict_.observed,
                           (what == Kind::blocked ? "blocked-sender " : "allowed ") + rule);
    }
  }

  // Our own domains are nobody's correspondents, whatever was remembered before they were ours.
  void look_at_correspondents(const policy::CorrespondentSettings& settings) {
    using Of = Correspondents::Of;
    const mail::Path& sender = asked_.sender;
    if (!asked_.book || settings.mode == Mode::off || sender.is_null()) return;
    if (asked_.settings.domains.find(sender.domain_ascii)) return;
    const Of of = asked_.book->correspondents().look(sender, asked_.recipient, settings);
    if (of == Of::nobody) return;
    const Holds held = claim_holds(false);
    const bool acts = settings.mode == Mode::enforce;
    verdict_.uncertain = verdict_.uncertain || (acts && held == Holds::not_known_now);
    if (held != Holds::yes) {
      if (!verdict_.unheld) verdict_.unheld = {"correspondent", {}};
      return;
    }
    // Without SPF that letter may be anybody's: no more than what is known in the domain.
    if (of == Of::recipient && claim_holds(true) == Holds::yes)
      return decide(Kind::allowed, settings.mode, "correspondent");
    if (acts) {
      verdict_.known_in_domain = true;
      verdict_.score = settings.score;
    } else {
      policy::add_observed(verdict_.observed, "correspondent of " + asked_.recipient.domain_ascii);
    }
  }

  const SenderQuestion& asked_;
  const Inquiry* inquiry_;
  SenderLook look_;
  SenderVerdict& verdict_ = look_.verdict;
};

}  // namespace

SenderLook look_at_sender(const SenderQuestion& question, const Inquiry* inquiry) {
  return Look(question, inquiry).judge();
}

}  // namespace sallyport::proxy
