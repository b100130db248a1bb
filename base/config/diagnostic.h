// What is wrong with a configuration, told so that an admin can mend it at once.
//
//   conf.d/10-site.json:7:5: error: unknown key "host" in routes.groupware
//       "host": ["10.0.0.25:25"],
//       ^
//     hint: did you mean "hosts"?
//
// Plain values, one thread. At most 200 are kept; the rest is counted.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::config {

struct Position {
  std::string file;  // "" = the configuration as a whole
  int line = 0;      // from 1; 0 = the file as a whole
  int column = 0;    // in characters, from 1

  std::string to_string() const;  // "file:line:column", as far as they are known
  auto operator<=>(const Position&) const = default;
};

enum class Severity { error, warning };

struct Diagnostic {
  Severity severity = Severity::error;
  Position position;
  std::string message;
  std::string hint;
  std::string source_line;  // "" where there is none to show
  int caret = 0;            // column within source_line, from 1

  std::string to_string() const;  // several lines, no final newline
};

class Diagnostics {
 public:
  void error(Position position, std::string message, std::string hint = {});
  void warning(Position position, std::string message, std::string hint = {});
  // The text of a file, so that later diagnostics can show its lines. A line that speaks of a password
  // is never shown: diagnostics go to logs.
  void remember_source(const std::string& file, std::string text);

  const std::vector<Diagnostic>& all() const { return all_; }
  void sort();  // by file, line and column
  bool has_errors() const { return errors_ > 0; }
  std::string to_string() const;  // all of them, no final newline

 private:
  void add(Severity severity, Position position, std::string message, std::string hint);
  std::string_view line_at(const Position& position) const;

  std::vector<Diagnostic> all_;
  std::map<std::string, std::string> sources_;
  std::size_t errors_ = 0;
  std::size_t not_kept_ = 0;
};

}  // namespace sallyport::config
