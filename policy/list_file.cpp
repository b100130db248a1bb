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

int column_within(std::string_view entry, std::size_t place, int column) {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  return column + static_cast<int>(std::ranges::count_if(entry.substr(0, place), begins));
}

std::size_t end_of_quoted(std::string_view text) {
  if (!text.starts_with('"')) return 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i + 1;
  }
  return 0;
}

std::string_view without_comment(std::string_view entry) {
  auto hash = entry.find('#', end_of_quoted(entry));
  while (hash != std::string_view::npos && hash > 0 && entry[hash - 1] != ' ' && entry[hash - 1] != '\t')
    hash = entry.find('#', hash + 1);
  return hash == 0 ? entry : trim(entry.substr(0, hash));
}

}  // namespace sallyport::policy
