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

bool ListReader::next(ListEntry& entry) {
  while (!rest_.empty()) {
    ++line_;
    const std::string_view line = take_line(rest_);
    const std::string_view text = trim(line);
    if (text.empty() || text.front() == '#') continue;
    entry = {text, line_, static_cast<int>(text.data() - line.data()) + 1};
    return true;
  }
  return false;
}

std::vector<ListEntry> list_entries(std::string_view file) {
  std::vector<ListEntry> entries;
  ListReader reader(file);
  for (ListEntry entry; reader.next(entry);) entries.push_back(entry);
  return entries;
}

}  // namespace sallyport::policy
