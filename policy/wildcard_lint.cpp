#include "policy/wildcard_lint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ranges>
#include <set>
#include <string>

#include "base/mail/address.h"
#include "base/text.h"

namespace sallyport::policy {
namespace {

constexpr std::size_t most_holes = 8;  // named in one warning
// Patterns are compared with each other as far as it costs no second.
constexpr std::size_t most_compared = 1'000;
constexpr std::size_t most_comparisons = 5'000'000;

// `*` with a literal.
bool is_ending(std::string_view pattern) {
  return pattern.size() > 1 && pattern.front() == '*' && is_literal_pattern(pattern.substr(1));
}

// What no address outside of quotes has; a pattern with one of them matches nothing, unless something
// before it can be the quote that begins the local part, and something behind it the rest of that.
constexpr std::string_view kNeverInAddress = " \t,;<>()";

bool may_be_quoted(std::string_view before, std::string_view behind) {
  return before.find_first_of("\"\\*?") != std::string_view::npos &&
         behind.find_first_of("@*") != std::string_view::npos;
}

bool is_everybody(std::string_view pattern) {
  return !pattern.empty() && pattern.contains('*') &&
         pattern.find_first_not_of("*@") == std::string_view::npos && std::ranges::count(pattern, '@') <= 1;
}

// `/.../` with or without letters behind it, or a beginning that other programs write so: taken to the
// letter here.
bool is_regular_expression(std::string_view pattern) {
  if (pattern.starts_with('^') || pattern.starts_with(".*")) return true;
  const auto end = pattern.rfind('/');
  return pattern.starts_with('/') && end > 0 && std::ranges::all_of(pattern.substr(end + 1), is_alnum);
}

// Why no address can match, "" where one could.
std::string impossible(std::string_view pattern) {
  if (is_regular_expression(pattern))
    return "no address that is meant can match this: a barring list has no regular expressions, but * (one "
           "or more "
           "characters), ?, % (a digit) and $ (a letter)";
  for (auto at = pattern.find_first_of(kNeverInAddress); at != std::string_view::npos;
       at = pattern.find_first_of(kNeverInAddress, at + 1)) {
    if (may_be_quoted(pattern.substr(0, at), pattern.substr(at + 1))) continue;
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
  Lints(const WildcardList& list, std::size_t most);
  void look_at(const ListEntry& entry);
  WildcardLints take();

 private:
  const WildcardPatterns& patterns() const { return list_.patterns(); }
  void tell(const ListEntry& entry, std::string message);
  std::string useless(Place place);
  std::string useless(Place place, Place later, Place earlier) const;
  // The last line below `below` that matches all that a line does; 0: none.
  Place last_match(std::string_view address, Place below) const;
  Place last_ending(std::string_view pattern, Place below) const;
  Place last_cover(Place place, Place below);
  void look_for_holes(const ListEntry& entry, Place place);
  bool is_hole(const std::string& address) const;

  const WildcardList& list_;
  std::size_t most_;
  WildcardLints lints_;
  Place reached_ = 0;          // how many patterns lie behind
  Place last_of_[2] = {0, 0};  // the last of them that bars, and that clears
  std::vector<Place> wild_;    // patterns with wildcards inside, the first of them
  std::size_t comparisons_left_ = most_comparisons;
  std::set<std::string> holes_;          // told already
  std::vector<std::string> local_less_;  // holes without a local part
  ListEntry first_local_less_;
};

Lints::Lints(const WildcardList& list, std::size_t most) : list_(list), most_(most) {
  for (Place place = 1; place <= patterns().size() && wild_.size() < most_compared; ++place)
    if (const auto pattern = patterns()[place]; !is_literal_pattern(pattern) && !is_ending(pattern))
      wild_.push_back(place);
}

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
  else if (why = useless(place); !why.empty())
    tell(entry, "this line does nothing: " + std::move(why));
  else if (!patterns().clears(place) && is_everybody(patterns()[place]))
    tell(entry, "this bars every address, but for those that lines below clear");
  else if (list_.star() == Star::one_or_more && !patterns().clears(place))
    look_for_holes(entry, place);
  reached_ = place;
  last_of_[patterns().clears(place) ? 1 : 0] = place;
}

// Of a pattern that is one address, or `*` with a literal, the index knows what other lines make of it; any
// other is compared with the patterns that have wildcards inside.
std::string Lints::useless(Place place) {
  const std::string_view pattern = patterns()[place];
  const bool exact = is_literal_pattern(pattern);
  const auto last = [&](Place below) {
    return exact ? last_match(pattern, below)
                 : std::max(last_ending(pattern, below), last_cover(place, below));
  };
  const Place later = last(~Place{0});
  const Place earlier = last(place);
  // For some of the addresses the earlier line may be undone by any line in between.
  const bool undone = !exact && last_of_[patterns().clears(place) ? 0 : 1] > earlier;
  return useless(place, later > place ? later : 0, undone ? 0 : earlier);
}

Place Lints::last_match(std::string_view address, Place below) const {
  return list_.index().last_match({patterns(), address, list_.star(), below});
}

Place Lints::last_ending(std::string_view pattern, Place below) const {
  if (!is_ending(pattern)) return 0;
  return list_.index().last_shorter_ending({patterns(), pattern.substr(1), Star::one_or_more, below});
}

Place Lints::last_cover(Place place, Place below) {
  for (const Place other : wild_ | std::views::reverse) {
    if (other >= below || other == place) continue;
    if (comparisons_left_ == 0) return 0;
    --comparisons_left_;
    if (wildcard_covers(patterns()[other], patterns()[place], list_.star())) return other;
  }
  return 0;
}

std::string Lints::useless(Place place, Place later, Place earlier) const {
  const bool clears = patterns().clears(place);
  if (later != 0) return fmt::format("line {} matches all of it too, and decides", patterns().line(later));
  if (earlier != 0 && patterns().clears(earlier) == clears)
    return fmt::format("line {} {} all of it already", patterns().line(earlier),
                       clears ? "clears" : "bars");
  const bool exact = is_literal_pattern(patterns()[place]);
  const bool nothing_barred = exact ? earlier == 0 : last_of_[0] == 0;
  return clears && nothing_barred ? "no line above bars it" : "";
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
