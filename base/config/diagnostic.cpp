#include "base/config/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/text.h"

namespace sallyport::config {
namespace {

constexpr std::size_t max_kept = 200;
constexpr int max_shown = 100;  // characters of a source line
constexpr int max_before = 60;  // of them in front of the fault

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

// Characters [from, from + count) of a line, each tab and control character as one blank so that the
// caret stands where it should.
std::string excerpt(std::string_view line, int from, int count) {
  std::string out;
  int index = 0;
  for (const char c : line) {
    if (begins_character(c)) ++index;
    if (index > from && index <= from + count) out += is_control(c) ? ' ' : c;
  }
  return is_valid_utf8(out) ? out : printable(out);
}

// The line without its indentation; where the fault is far to the right, a window around it.
void show_line(Diagnostic& diagnostic, std::string_view line) {
  if (line.find("password") != std::string_view::npos) return;
  const auto text = line.substr(0, line.find_last_not_of(" \t\r") + 1);
  const int before_fault = std::max(diagnostic.position.column - 1, 0);
  const auto blanks = std::min(text.find_first_not_of(" \t"), text.size());
  const int from = before_fault > max_before ? before_fault - max_before
                                             : std::min(static_cast<int>(blanks), before_fault);
  diagnostic.source_line = excerpt(text, from, max_shown);
  diagnostic.caret = before_fault - from + 1;
  if (diagnostic.source_line.find_first_not_of(' ') == std::string::npos) diagnostic.source_line.clear();
}

}  // namespace

std::string Position::to_string() const {
  if (file.empty()) return {};
  if (line == 0) return file;
  return fmt::format("{}:{}:{}", file, line, column);
}

std::string Diagnostic::to_string() const {
  std::string out = position.to_string();
  if (!out.empty()) out += ": ";
  out += severity == Severity::error ? "error: " : "warning: ";
  out += message;
  if (!source_line.empty()) out += fmt::format("\n    {}\n    {:>{}}", source_line, '^', caret);
  if (!hint.empty()) out += "\n  hint: " + hint;
  return out;
}

void Diagnostics::error(Position position, std::string message, std::string hint) {
  add(Severity::error, std::move(position), std::move(message), std::move(hint));
}

void Diagnostics::warning(Position position, std::string message, std::string hint) {
  add(Severity::warning, std::move(position), std::move(message), std::move(hint));
}

void Diagnostics::remember_source(const std::string& file, std::string text) {
  sources_[file] = std::move(text);
}

void Diagnostics::add(Severity severity, Position position, std::string message, std::string hint) {
  if (severity == Severity::error) ++errors_;
  if (all_.size() >= max_kept) {
    ++not_kept_;
    return;
  }
  Diagnostic diagnostic{severity, std::move(position), std::move(message), std::move(hint), {}, 0};
  if (const auto line = line_at(diagnostic.position); !line.empty()) show_line(diagnostic, line);
  all_.push_back(std::move(diagnostic));
}

std::string_view Diagnostics::line_at(const Position& position) const {
  const auto source = sources_.find(position.file);
  if (source == sources_.end() || position.line == 0) return {};
  std::string_view rest = source->second;
  for (int line = 1; line < position.line; ++line) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + 1);
  }
  return rest.substr(0, rest.find('\n'));
}

void Diagnostics::sort() {
  std::ranges::sort(all_, [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.position, a.message) < std::tie(b.position, b.message);
  });
}

std::string Diagnostics::to_string() const {
  std::string out;
  for (const auto& diagnostic : all_) out += (out.empty() ? "" : "\n") + diagnostic.to_string();
  if (not_kept_ > 0) out += fmt::format("\n... and {} more", not_kept_);
  return out;
}

}  // namespace sallyport::config
