// The configuration: whatever is written, it is read or told where it is wrong, at a place that there is.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/config/document.h"
#include "base/text.h"
#include "proxy/settings.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sallyport::fuzz {
namespace {

constexpr std::string_view kSmallest = R"({
  "hostname": "mx.example.test",
  "domains": { "example.test": { "route": "g" } },
  "routes": { "g": { "hosts": ["192.0.2.25:25"] } },
  "role_mailbox": "it@example.test",
  "listeners": { "mx": { "bind": ["[::]:25"] } },
  "state": { "sqlite": "" }
})";

// A folder with a configuration that works, over which the input is laid.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sallyport-fuzz-XXXXXX").string();
    if (!mkdtemp(name.data())) broken("a temporary folder can be made");
    path_ = name;
    std::ofstream(path_ / "10-site.json") << kSmallest;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

// Position in characters: continuation octets of UTF-8 do not count.
std::size_t characters(std::string_view line) {
  return static_cast<std::size_t>(
      std::ranges::count_if(line, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void check_position(const config::Position& position, std::string_view text) {
  if (position.line == 0) return;
  promise(position.line >= 1 && position.column >= 1, "positions count from 1");
  std::string_view line = text.substr(0, text.find('\n'));
  for (int at = 1; at < position.line; ++at) {
    const std::size_t lf = text.find('\n');
    promise(lf != std::string_view::npos, "the line at fault is in the text");
    text.remove_prefix(lf + 1);
    line = text.substr(0, text.find('\n'));
  }
  promise(static_cast<std::size_t>(position.column) <= std::max(characters(line), line.size()) + 1,
          "the column at fault is in the line");
}

void check_diagnostics(const config::Diagnostics& diagnostics, std::string_view text,
                       const std::string& file) {
  for (const auto& diagnostic : diagnostics.all()) {
    promise(!diagnostic.message.empty(), "a diagnostic says something");
    if (diagnostic.position.file == file) check_position(diagnostic.position, text);
    promise(diagnostic.caret <= std::max(diagnostic.position.column, 0),
            "the caret is no further than the fault");
    promise(is_valid_utf8(diagnostic.to_string()), "a diagnostic can be shown");
  }
}

void check_document(const std::string& text) {
  config::Diagnostics diagnostics;
  const auto document = config::parse(text, "f.json", diagnostics);
  promise(document.has_value() || diagnostics.has_errors(), "what is not read is told of");
  check_diagnostics(diagnostics, text, "f.json");
  if (!document || diagnostics.has_errors()) return;
  check_position(document->position, text);
  config::Diagnostics none;
  const auto again = config::parse(config::to_json(*document), "again.json", none);
  promise(again && !none.has_errors() && again->same_value(*document),
          "a document is the same written again");
}

void check_settings(const std::string& text) {
  static const Folder folder;
  config::Diagnostics diagnostics;
  const proxy::LoadOptions options{
      .overlay = text, .open_files = false, .system_hostname = "mx.example.test"};
  const auto settings = proxy::load(folder.path(), options, diagnostics);
  promise((settings != nullptr) != diagnostics.has_errors(), "settings, or errors");
  check_diagnostics(diagnostics, text, folder.path() + "/(built-in)");
  if (!settings) return;
  promise(settings->policy && !settings->policy->hostname.empty() && !settings->listeners.empty(),
          "they are whole");
  const auto has_route = [&](const auto& entry) { return settings->route(entry.second) != nullptr; };
  promise(std::ranges::all_of(settings->policy->domains.exact(), has_route) &&
              std::ranges::all_of(settings->policy->domains.below(), has_route),
          "every domain has its route");
  promise(!settings->policy->outbound_route || settings->route(*settings->policy->outbound_route),
          "mail to foreign domains has its route");
}

}  // namespace

void configuration(std::string_view input) {
  const std::string text = spell(input, configuration_letters());
  check_document(text);
  check_settings(text);
}

}  // namespace sallyport::fuzz
