#include "proxy/demo_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "proxy/explained_evidence.h"

namespace sallyport::proxy {
namespace {

constexpr std::size_t kShownLine = 100;
constexpr std::size_t kShownReply = 500;  // a refusal is shown whole

}  // namespace

void DemoStage::title(std::size_t number, const DemoSession& session) const {
  fmt::print("\n{}\n  {}\n\n", styled(fmt::format("{}  {}", number, session.title), fmt::emphasis::bold),
             session.story);
}

void DemoStage::client(std::string_view text) const {
  lines("  C ", text, fmt::fg(fmt::terminal_color::cyan), kShownLine);
}

void DemoStage::server(std::string_view text) const {
  lines("  S ", text, fmt::fg(fmt::terminal_color::yellow), kShownReply);
}

void DemoStage::server_again(std::string_view text) const {
  auto more = std::count(text.begin(), text.end(), '\n') - 1;
  server(text.substr(0, text.find("\r\n")));
  if (more > 0) aside(fmt::format("... and {} lines more, as above", more));
}

void DemoStage::aside(std::string_view text) const {
  lines("    ", text, fmt::emphasis::faint, kShownLine);
}

void DemoStage::evidence(const JsonValue& event, std::string_view how_to_explain) const {
  fmt::print("\n{}", styled(evidence_explained(event), fmt::emphasis::faint));
  fmt::print("\n  All of it: {} {}\n", how_to_explain, event["id"].text());
}

void DemoStage::outcome(bool good, std::string_view text) const {
  auto style = fmt::fg(good ? fmt::terminal_color::green : fmt::terminal_color::red) | fmt::emphasis::bold;
  fmt::print("\n  {} {}\n", styled(good ? "as intended:" : "NOT AS INTENDED:", style), text);
  std::fflush(stdout);
}

std::string DemoStage::styled(std::string_view text, fmt::text_style style) const {
  return colour_ ? fmt::format(style, "{}", text) : std::string(text);
}

void DemoStage::lines(const char* mark, std::string_view text, fmt::text_style style,
                      std::size_t most) const {
  while (!text.empty()) {
    std::size_t end = std::min(text.find("\r\n"), text.size());
    fmt::print("{}{}\n", mark, styled(printable(text.substr(0, end), most), style));
    text.remove_prefix(std::min(end + 2, text.size()));
  }
}

}  // namespace sallyport::proxy
