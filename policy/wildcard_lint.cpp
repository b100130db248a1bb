#include "policy/wildcard_lint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/mail/address.h"
#include "base/text.h"

namespace sallyport::policy {
namespace {

constexpr std::size_t most_holes = 8;  // named in one warning

// What no address outside of quotes has; a pattern with one of them matches nothing.
constexpr std::string_view kNeverInAddress = " \t,;<>()";

bool is_everybody(std::string_view pattern) {
  return !pattern.empty() && pattern.contains('*') &&
         pattern.find_first_not_of("*@") == std::string_view::npos && std::ranges::count(pattern, '@') <= 1;
}

// Why no address can match, "" where one could.
std::string impossible(std::string_view pattern) {
  const bool quoted = pattern.contains('"') || pattern.contains('\\');
  if (const auto at = pattern.find_first_of(kNeverInAddress); !quoted && at != std::string_view::npos) {
    if (pattern.find(" #") != std::string_view::npos)
      return "no address can match this: a comment has a line of its own";
    return fmt::format("no address can match this: none has a \"{}\" in it",
                       printable(pattern.substr(at, 1), 4));
  }
  if (pattern.starts_with('@'))
    return fmt::format("no address can match this: all of the domain is \"*{}\"", printable(pattern, 80));
  if (pattern.find_first_of("@*?") == std::string_view::npos && pattern != "postmaster")
    return fmt::format("no address can match this: all of a domain is \"*@{}\"", printable(pattern, 80));
  return {};
}

// The lines of a list in turn, and what is to be said of each.
class Lints {
 public:
  Lints(const WildcardList& list, std::size_t most) : list_(list), most_(most) {}
  void look_at(const ListEntry& entry);
  WildcardLints take();

 private:
  const WildcardPatterns& patterns() const { return list_.patterns(); }
  void tell(const ListEntry& entry, std::string message);
  std::string useless(Place place) const;
  std::string useless(Place place, Place later, Place earlier) const;
  void look_for_holes(const ListEntry& entry, Place place);
  bool is_hole(const std::string& address) const;

  const WildcardList& list_;
  std::size_t most_;
  WildcardLints lints_;
  Place reached_ = 0;                    // how many patterns lie behind
  Place last_of_[2] = {0, 0};            // the last of them that bars, and that clears
  std::set<std::string> holes_;          // told already
  std::vector<std::string> local_less_;  // holes without a local part
  ListEntry first_local_less_;
};

void Lints::tell(const ListEntry& entry, std::string message) {
  if (lints_.told.size() < most_)
    lints_.told.push_back({entry.line, entry.column, std::move(message)});
  else
    ++lints_.untold;
}

void Lints::look_at(const ListEntry& entry) {
  const Place place = reached_ + 1;
  if (place > patterns().size() || patterns().line(place) != entry.line)
    return tell(entry, "this line does nothing: the same pattern stands below, and the last match decides");
  if (auto why = impossible(patterns()[place]); !why.empty())
    tell(entry, std::move(why));
  else if (!patterns().clears(place) && is_everybody(patterns()[place]))
    tell(entry, "this bars every address, but for those that lines below clear");
  else if (why = useless(place); !why.empty())
    tell(entry, "this line does nothing: " + std::move(why));
  else if (list_.star() == Star::one_or_more && !patterns().clears(place))
    look_for_holes(entry, place);
  reached_ = place;
  last_of_[patterns().clears(place) ? 1 : 0] = place;
}

// Patterns that are one address, and `*` with a literal: of both it is certain what other lines make of
// them.
std::string Lints::useless(Place place) const {
  const std::string_view pattern = patterns()[place];
  const bool exact = is_literal_pattern(pattern);
  const bool ending = pattern.size() > 1 && pattern.front() == '*' && is_literal_pattern(pattern.substr(1));
  if (!exact && !ending) return {};
  const auto last = [&](Place below) {
    const WildcardQuestion question{patterns(), exact ? pattern : pattern.substr(1),
                                    exact ? list_.star() : Star::one_or_more, below};
    return exact ? list_.index().last_match(question) : list_.index().last_shorter_ending(question);
  };
  const Place later = last(~Place{0});
  const Place earlier = last(place);
  // Of endings the earlier line may be undone for some of the addresses by any line in between.
  const bool undone = ending && last_of_[patterns().clears(place) ? 0 : 1] > earlier;
  return useless(place, later > place ? later : 0, undone ? 0 : earlier);
}

std::string Lints::useless(Place place, Place later, Place earlier) const {
  const bool clears = patterns().clears(place);
  if (later != 0) return fmt::format("line {} matches all of it too, and decides", patterns().line(later));
  if (earlier != 0 && patterns().clears(earlier) == clears)
    return fmt::format("line {} {} all of it already", patterns().line(earlier),
                       clears ? "clears" : "bars");
  const bool exact = is_literal_pattern(patterns()[place]);
  return exact && clears && earlier == 0 ? "no line above bars it" : "";
}

// An address that could come in, or nearly so (no local part), and that only the other reading bars.
bool Lints::is_hole(const std::string& address) const {
  mail::Path path;
  const bool good = mail::parse_path(address, {.smtputf8 = true}, path) == mail::PathFault::none;
  const bool possible = good ? !path.domain.empty() && !path.is_quoted() : address.starts_with('@');
  return possible && !list_.bars(address) && list_.bars(address, Star::zero_or_more);
}

void Lints::look_for_holes(const ListEntry& entry, Place place) {
  std::vector<std::string> holes;
  bool local_less = false;
  for (const std::string& address : hole_candidates(patterns()[place])) {
    if (!is_hole(address)) continue;
    if (!address.starts_with('@')) {
      if (holes.size() < most_holes && holes_.insert(address).second) holes.push_back(address);
    } else if (!local_less && local_less_.size() < most_holes) {  // one a line is enough
      if (local_less_.empty()) first_local_less_ = entry;
      local_less_.push_back(address);
      local_less = true;
    }
  }
  if (!holes.empty())
    tell(entry,
         fmt::format("a \"*\" is one or more characters, so this does not bar {}", fmt::join(holes, ", ")));
}

// A list of `*@domain` alone is as it should be, and left in peace: nobody sends as @domain.
WildcardLints Lints::take() {
  if (!holes_.empty() && !local_less_.empty())
    tell(first_local_less_, fmt::format("a \"*\" is one or more characters, so the list does not bar {} "
                                        "(which are no addresses, and refused as such)",
                                        fmt::join(local_less_, ", ")));
  std::ranges::sort(lints_.told, {}, &ListFault::line);
  return std::move(lints_);
}

struct Sample {
  bool behind_at;  // in the domain
  bool last;       // of the pattern
};

std::string_view star_sample(const Sample& place) {
  if (!place.behind_at) return "a";
  return place.last ? "x.com" : "x";
}

// `empty` has a bit for each star, the first one the lowest.
std::string sample_of(std::string_view pattern, unsigned empty) {
  std::string address;
  int letters = 0, digits = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    const bool last = i + 1 == pattern.size();
    if (c == '*') {
      if ((empty & 1) == 0)
        address +=
            star_sample({pattern.substr(0, i).contains('@'), last && i > 0 && pattern[i - 1] == '@'});
      empty >>= 1;
    } else if (c == '%') {
      address += static_cast<char>('1' + digits++ % 9);
    } else if (c == '$') {
      address += static_cast<char>('a' + letters++ % 26);
    } else if (c == '\\' && !last) {
      address += pattern[++i];
    } else {
      address += c == '?' ? 'x' : c;
    }
  }
  return address;
}

unsigned stars_in(std::string_view pattern) {
  unsigned stars = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '*') ++stars;
    if (pattern[i] == '\\') ++i;
  }
  return stars;
}

}  // namespace

std::vector<std::string> hole_candidates(std::string_view pattern) {
  const unsigned stars = stars_in(pattern);
  if (stars == 0 || stars > 3) return {};
  std::vector<std::string> candidates;
  for (unsigned empty = 1; empty < 1U << stars; ++empty) candidates.push_back(sample_of(pattern, empty));
  return candidates;
}

WildcardLints lint_wildcard_list(std::string_view text, const WildcardList& list, std::size_t most) {
  Lints lints(list, most);
  ListReader reader(text);
  for (ListEntry entry; reader.next(entry);) {
    int column = 0;
    const auto pattern = entry.text.substr(entry.text.starts_with('~') ? 1 : 0);
    if (!fault_of_pattern(pattern, column)) lints.look_at(entry);
  }
  return lints.take();
}

}  // namespace sallyport::policy
