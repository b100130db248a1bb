#include "policy/generic_names.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "policy/address_in_name.h"

namespace sallyport::policy {
namespace {

constexpr std::size_t kLongestName = 253;

RE2::Options pattern_options() {
  RE2::Options options(RE2::Quiet);
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_case_sensitive(false);
  options.set_never_capture(true);
  options.set_max_mem(GenericNames::kMostMemory);
  return options;
}

bool is_letter(char c) { return is_alpha(c); }

// Whether any word of the name, between what is no letter, is one that `is_meant` knows.
template <class IsMeant>
bool any_word(std::string_view labels, IsMeant is_meant) {
  while (!labels.empty()) {
    const auto end = std::ranges::find_if_not(labels, is_letter);
    const auto length = static_cast<std::size_t>(end - labels.begin());
    if (length > 0 && is_meant(labels.substr(0, length))) return true;
    labels.remove_prefix(std::min(length + 1, labels.size()));
  }
  return false;
}

bool speaks_of_mail(std::string_view word) {
  constexpr std::array<std::string_view, 14> words = {"bounce", "bounces",  "exchange", "list", "lists",
                                                      "mout",   "mta",      "mx",       "mxin", "mxout",
                                                      "out",    "outbound", "outgoing", "relay"};
  return word.starts_with("mail") || word.ends_with("mail") || word.starts_with("smtp") ||
         word.ends_with("smtp") || std::ranges::find(words, word) != words.end();
}

bool speaks_of_fixed_address(std::string_view word) {
  constexpr std::array<std::string_view, 5> words = {"fijo", "fixe", "fixed", "fixip", "fixo"};
  return word.starts_with("static") || word.starts_with("statisch") || word.starts_with("statique") ||
         word.starts_with("estatic") || std::ranges::find(words, word) != words.end();
}

std::string_view without_last_labels(std::string_view name, int labels) {
  for (; labels > 0; --labels) {
    const std::size_t dot = name.rfind('.');
    name = name.substr(0, dot == std::string_view::npos ? 0 : dot);
  }
  return name;
}

// A pattern without anything that means more than itself, and without a dot, is a slip: no name is so
// short.
bool can_match(std::string_view pattern) {
  return !std::ranges::all_of(pattern, [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}

}  // namespace

struct GenericNames::Entries {
  std::vector<std::string> words;  // sorted
  RE2::Set patterns{pattern_options(), RE2::ANCHOR_BOTH};
  int size = 0;  // of the patterns

  // What is wrong with `pattern`, or "".
  std::string add(std::string_view pattern) {
    if (!can_match(pattern)) return "neither a word of letters alone nor a pattern of a whole name";
    const RE2 alone({pattern.data(), pattern.size()}, pattern_options());
    if (!alone.ok()) return alone.error();
    std::string fault;
    if (patterns.Add({pattern.data(), pattern.size()}, &fault) < 0) return fault;
    ++size;
    return {};
  }
  // False: they need too much memory, and none of them matches.
  bool finish() {
    std::ranges::sort(words);
    const bool good = size == 0 || patterns.Compile();
    if (!good) size = 0;
    return good;
  }
  bool has(std::string_view word) const { return std::ranges::binary_search(words, word); }
  bool matches(std::string_view name) const { return size > 0 && patterns.Match(name, nullptr); }
};

GenericNames GenericNames::parse(std::string_view text, std::vector<Fault>& faults, std::string file) {
  auto entries = std::make_shared<Entries>();
  ListEntry last;
  ListReader lines(text);
  for (ListEntry entry; lines.next(entry);) {
    entry.text = without_comment(entry.text);
    if (std::ranges::all_of(entry.text, is_letter)) {
      entries->words.push_back(to_lower(entry.text));
      continue;
    }
    last = entry;
    if (std::string fault = entries->add(entry.text); !fault.empty())
      faults.push_back({entry.line, entry.column, std::move(fault)});
  }
  if (!entries->finish())
    faults.push_back({last.line, last.column, "the patterns up to here need too much memory together"});
  GenericNames names;
  names.file_ = std::move(file);
  names.entries_ = std::move(entries);
  return names;
}

bool GenericNames::matches(std::string_view name, const IpAddress& client) const {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() > kLongestName) return false;
  const std::string lower_name = to_lower(name);
  const std::string_view labels = without_last_labels(lower_name, 2);
  if (any_word(labels, speaks_of_mail) || any_word(labels, speaks_of_fixed_address)) return false;
  if (holds_address(labels, client)) return true;
  if (!entries_) return false;
  const auto is_listed = [&](std::string_view word) { return entries_->has(word); };
  return any_word(labels, is_listed) || entries_->matches(lower_name);
}

}  // namespace sallyport::policy
