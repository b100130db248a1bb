#include "proxy/users_file.h"

#include <algorithm>

#include "base/text.h"

namespace sallyport::proxy {
namespace {

// $method$parameters$salt$hash. DES has no "$" and is not taken for one: any word of 13 letters looks so.
bool is_hash(std::string_view text) {
  constexpr std::size_t shortest = 22;  // of MD5, in base64
  const auto is_part = [](char c) { return is_alnum(c) || std::string_view("./$=,+-_").contains(c); };
  return text.starts_with('$') && std::ranges::all_of(text, is_part) &&
         text.size() - text.rfind('$') > shortest;
}

// "!" and "*" in front lock an account, as in shadow(5).
bool is_locked(std::string_view hash) { return hash.starts_with('!') || hash.starts_with('*'); }

std::string_view fault_of(const UserLine& user, bool has_colon) {
  if (!has_colon) return "there is no \":\" on this line";
  if (user.name.empty()) return "there is no name in front of the \":\"";
  if (user.hash.empty()) return "there is no hash behind the \":\"";
  if (user.hash.contains(':')) return "there is a second \":\"";
  if (!is_hash(user.hash) && !is_locked(user.hash)) return "what follows the \":\" is no hash";
  return {};
}

}  // namespace

bool UserReader::next(UserLine& user) {
  policy::ListEntry entry;
  if (!lines_.next(entry)) return false;
  const auto colon = entry.text.find(':');
  const bool has_colon = colon != std::string_view::npos;
  const auto name = entry.text.substr(0, colon);
  const auto behind = has_colon ? entry.text.substr(colon + 1) : std::string_view();
  user = {trim(name), trim(behind), {}, entry.line, entry.column};
  user.fault = fault_of(user, has_colon);
  if (has_colon && !user.name.empty()) {
    const auto blanks = std::min(behind.find_first_not_of(" \t"), behind.size());
    user.column += static_cast<int>(colon + blanks) + 1;
  }
  return true;
}

bool UserReader::next_usable(UserLine& user) {
  while (next(user))
    if (user.fault.empty()) return true;
  return false;
}

}  // namespace sallyport::proxy
