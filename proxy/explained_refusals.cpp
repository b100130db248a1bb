#include "proxy/explained_refusals.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/mail/replies.h"
#include "proxy/event_words.h"

namespace sallyport::proxy {
namespace {

std::string refusal_explained(const JsonValue& refused) {
  const std::string command = shown(refused["command"]);
  const std::string to = command.empty() ? "" : fmt::format("to `{}` ", command);
  std::string out = fmt::format("  {}the client was told: {}\n", to, reply_shown(refused));
  if (const std::string reason = reason_shown(refused["why"].text()); !reason.empty())
    out += fmt::format("    {}\n", reason);
  return out;
}

// The table is written for a page: "([rates.md](rates.md))" is "(docs/rates.md)" at a terminal.
std::string without_links(std::string_view page) {
  std::string out;
  for (auto link = page.find("]("); link != std::string_view::npos; link = page.find("](")) {
    const auto name = page.rfind('[', link), end = page.find(')', link);
    out.append(page.substr(0, name)).append("docs/").append(page.substr(name + 1, link - name - 1));
    page.remove_prefix(end + 1);
  }
  return out.append(page);
}

}  // namespace

std::span<const std::string_view> refusal_keys() {
  static constexpr std::array<std::string_view, 2> keys = {"refused", "refusals"};
  return keys;
}

std::string refusals_explained(const JsonValue& event) {
  std::string out;
  for (const JsonValue& refused : event["refused"].items()) out += refusal_explained(refused);
  if (const auto all = event["refusals"].number())
    out += fmt::format("  refusals: {} in all, of which the first are told here, and the last\n", *all);
  return out;
}

std::string reply_shown(const JsonValue& told) {
  std::string out = shown(told["code"]);
  if (told["enhanced"]) out += " " + shown(told["enhanced"]);
  return out + " " + shown(told["reply"]);
}

std::string reason_shown(std::string_view why) {
  if (why.empty()) return {};
  if (why == mail::kNextHop) return "that is the internal server's word";
  return "reason: " + refusal_shown(why);
}

std::string refusal_shown(std::string_view written) {
  const auto* const refusal = mail::refusal_named(written.substr(0, written.find(' ')));
  const std::string_view help = refusal ? refusal->help : std::string_view();
  return fmt::format("{}{}{}", shown(written), help.empty() ? "" : ". ", without_links(help));
}

bool was_refused(const JsonValue& event, std::string_view why) {
  return std::ranges::any_of(event["refused"].items(),
                             [&](const JsonValue& refused) { return refused["why"].text() == why; });
}

}  // namespace sallyport::proxy
