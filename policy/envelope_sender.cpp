#include "policy/envelope_sender.h"

#include <algorithm>
#include <string_view>

#include "base/case_folding.h"
#include "base/text.h"

namespace sallyport::policy {
namespace {

constexpr std::size_t kShortestHex = 4;  // of an UUID's groups

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return is_alnum(c) && !is_digit(c); }
bool is_hex_letter(char c) { return c >= 'a' && c <= 'f'; }

// Takes "abc" and the separator off the front of "abc=rest"; what is left stays where there is none.
std::string_view take_until(std::string_view& text, std::string_view separators) {
  const auto end = text.find_first_of(separators);
  if (end == std::string_view::npos) return {};
  const auto taken = text.substr(0, end);
  text.remove_prefix(end + 1);
  return taken;
}

// prvs=1234ABCDEF=local (draft-levine-smtp-batv), msprvs1=STAMP=local, btv1==STAMP==local.
std::string_view without_stamp(std::string_view local) {
  std::string_view rest = local;
  const auto scheme = take_until(rest, "=");
  if (scheme == "btv1" && rest.starts_with('=')) {
    const auto end = rest.find("==", 1);
    return end == std::string_view::npos ? local : rest.substr(end + 2);
  }
  if (!scheme.contains("prvs")) return local;
  const auto stamp = take_until(rest, "=/");
  return stamp.empty() || rest.empty() ? local : rest;
}

// SRS0=hash=day=domain=local and SRS1=hash=forwarder==hash=day=domain=local; the first separator may also
// be - or +.
std::string without_hash(std::string_view local) {
  const bool first = local.starts_with("srs0"), later = local.starts_with("srs1");
  if (!(first || later) || local.size() < 6 || !std::string_view("=+-").contains(local[4]))
    return std::string(local);
  std::string_view rest = local.substr(5);
  std::string kept(local.substr(0, 4));
  take_until(rest, "=");  // hash
  if (later) {
    kept += '=';
    kept += take_until(rest, "=");  // the first forwarder
    if (!rest.empty()) rest.remove_prefix(1);
    take_until(rest, "=");  // its hash
  }
  take_until(rest, "=");  // day
  kept += '=';
  return kept.append(rest);
}

bool holds_digit(std::string_view word) { return std::ranges::any_of(word, is_digit); }

// "user17": "user#"; what holds digits elsewhere, such as "0100018c" or "a7f3", is a number as a whole.
std::string without_number(std::string_view word) {
  const auto letters = static_cast<std::size_t>(std::ranges::find_if(word, is_digit) - word.begin());
  const bool ends_in_digits = std::ranges::all_of(word.substr(letters), is_digit);
  return (ends_in_digits ? std::string(word.substr(0, letters)) : std::string()) + '#';
}

bool is_group_of_hex(std::string_view word) {
  return word.size() >= kShortestHex && std::ranges::all_of(word, is_hex_letter);
}

// Word by word. The words of an identifier (an UUID, a time and a number) become one.
std::string without_numbers(std::string_view local) {
  std::string kept;
  bool in_number = false;
  while (!local.empty()) {
    const auto end = static_cast<std::size_t>(
        std::ranges::find_if_not(local, [](char c) { return is_digit(c) || is_letter(c); }) -
        local.begin());
    const auto word = local.substr(0, end);
    const bool number = holds_digit(word) || (in_number && is_group_of_hex(word));
    if (number && in_number)
      kept.resize(kept.rfind('#') + 1);
    else
      kept += number ? without_number(word) : std::string(word);
    if (!word.empty()) in_number = number;
    local.remove_prefix(end);
    if (local.empty()) break;
    kept += local.front();
    local.remove_prefix(1);
  }
  return kept;
}

}  // namespace

std::string lasting_sender(const mail::Path& sender) {
  if (sender.is_null()) return {};
  return without_numbers(unstamped_local(sender)) + '@' + sender.domain_ascii;
}

std::string unstamped_local(const mail::Path& sender) {
  const std::string local = fold_case(sender.plain_local());
  return without_hash(without_stamp(local));
}

}  // namespace sallyport::policy
