#include "policy/list_file.h"

#include <algorithm>

#include "base/text.h"

namespace sallyport::policy {
namespace {

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

std::vector<ListEntry> list_entries(std::string_view file) {
  std::vector<ListEntry> entries;
  for (int number = 1; !file.empty(); ++number) {
    const std::string_view line = take_line(file);
    const std::string_view text = trim(line);
    if (text.empty() || text.front() == '#') continue;
    entries.push_back({text, number, static_cast<int>(text.data() - line.data()) + 1});
  }
  return entries;
}

}  // namespace sallyport::policy
