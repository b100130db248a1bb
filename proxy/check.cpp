#include "proxy/check.h"

#include <fmt/format.h>
#include <sysexits.h>

#include "base/store/message_buffer.h"
#include "base/text.h"
#include "proxy/settings.h"

namespace sallyport::proxy {
namespace {

void append_text(std::string& out, const char* key, std::string_view value) {
  out += fmt::format("\"{}\": \"", key);
  append_json_escaped(out, value);
  out += "\", ";
}

std::string to_json(const config::Diagnostic& one) {
  std::string out = "{";
  append_text(out, "severity", one.severity == config::Severity::error ? "error" : "warning");
  append_text(out, "file", one.position.file);
  append_text(out, "message", one.message);
  append_text(out, "hint", one.hint);
  return out + fmt::format("\"line\": {}, \"column\": {}}}", one.position.line, one.position.column);
}

std::string to_json(const config::Diagnostics& diagnostics) {
  std::string out;
  for (const auto& one : diagnostics.all()) out += (out.empty() ? "" : ",\n ") + to_json(one);
  return "[" + out + "]\n";
}

// What only this machine can tell: `serve` would refuse to start.
void look_at_machine(const Settings& settings, config::Diagnostics& diagnostics) {
  if (auto usable = store::check_directory(settings.temp_directory); !usable)
    diagnostics.warning({}, "temp_directory: " + usable.error().detail,
                        "`serve` will not start without it");
}

}  // namespace

int check(const std::string& directory, bool json) {
  config::Diagnostics diagnostics;
  auto settings = load(directory, {}, diagnostics);
  if (settings) look_at_machine(*settings, diagnostics);
  if (json)
    fmt::print("{}", to_json(diagnostics));
  else if (!diagnostics.all().empty())
    fmt::print(stderr, "{}\n", diagnostics.to_string());
  if (!settings) return EX_CONFIG;
  if (!json) fmt::print("{}: the configuration is good\n", directory);
  return EX_OK;
}

}  // namespace sallyport::proxy
