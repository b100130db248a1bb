// Files that the configuration names: barring lists, recipient lists, passwords.
#include <fmt/format.h>

#include <algorithm>

#include "base/config/document.h"
#include "base/mail/address.h"
#include "base/text.h"
#include "proxy/settings_loading.h"

namespace sallyport::proxy {
namespace {

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The recipient's key, or "" and an error.
std::string read_recipient(std::string_view line, const config::Position& position,
                           config::Diagnostics& diagnostics) {
  mail::Path path;
  const bool good = mail::parse_path(line, {.smtputf8 = true}, path) == mail::PathFault::none;
  if (good && !path.is_null() && !path.source_route) return path.key();
  diagnostics.error(position, fmt::format("\"{}\" is not an address", printable(line, 80)),
                    "one address a line: user@example.com");
  return {};
}

}  // namespace

policy::WildcardList read_wildcard_list(const Located<std::string>& file, const Loading& loading) {
  if (file.value.empty() || !loading.options.open_files) return {};
  auto text = config::read_file(file.value, file.position, loading.diagnostics);
  if (!text) return {};
  std::vector<policy::WildcardList::Fault> faults;
  auto list = policy::WildcardList::parse(*text, file.value, faults);
  loading.diagnostics.remember_source(file.value, std::move(*text));
  for (const auto& fault : faults)
    loading.diagnostics.error({file.value, fault.line, fault.column}, fault.message);
  return list;
}

std::vector<std::string> read_recipient_list(const std::string& file, const config::Position& blame,
                                             const Loading& loading) {
  if (!loading.options.open_files) return {};
  const auto text = config::read_file(file, blame, loading.diagnostics);
  if (!text) return {};
  loading.diagnostics.remember_source(file, *text);
  std::vector<std::string> keys;
  std::string_view rest = *text;
  for (int number = 1; !rest.empty(); ++number) {
    const auto line = trim(take_line(rest));
    if (line.empty() || line.starts_with('#')) continue;
    if (auto key = read_recipient(line, {file, number, 1}, loading.diagnostics); !key.empty())
      keys.push_back(std::move(key));
  }
  if (keys.empty())
    loading.diagnostics.error(blame, fmt::format("{} names no recipient at all", file),
                              "was it cut off while it was written?");
  else if (!text->ends_with('\n'))
    loading.diagnostics.warning(blame, fmt::format("the last line of {} has no line end", file),
                                "was it cut off while it was written?");
  std::ranges::sort(keys);
  keys.erase(std::ranges::unique(keys).begin(), keys.end());
  return keys;
}

std::string read_password(const Located<std::string>& file, const Loading& loading) {
  if (!loading.options.open_files) return {};
  const auto text = config::read_file(file.value, file.position, loading.diagnostics);
  if (!text) return {};
  std::string_view rest = *text;
  std::string password(take_line(rest));
  if (password.empty())
    loading.diagnostics.error(file.position, fmt::format("the first line of {} is empty", file.value));
  return password;
}

}  // namespace sallyport::proxy
