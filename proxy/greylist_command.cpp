#include "proxy/greylist_command.h"

#include <fmt/format.h>
#include <sysexits.h>

#include "base/config/json_line.h"
#include "base/text.h"
#include "proxy/control_client.h"

namespace sallyport::proxy {
namespace {

using config::Node;

constexpr std::size_t kMostShown = 320;

std::string shown(const Node& line, std::string_view key) {
  const Node* found = line.find(key);
  if (!found) return {};
  if (const auto* number = found->as<std::int64_t>()) return fmt::format("{}", *number);
  const auto* text = found->as<std::string>();
  return text ? printable(*text, kMostShown) : std::string();
}

std::string as_text(const Node& line) {
  if (line.find("days"))
    return fmt::format("last {:>2} days: {} had to wait, {} came back after {} minutes together",
                       shown(line, "days"), shown(line, "begun"), shown(line, "came_back"),
                       shown(line, "minutes"));
  if (line.find("first_seen"))
    return fmt::format("{}  {}  {} -> {}", shown(line, "first_seen"), shown(line, "client"),
                       shown(line, "from"), shown(line, "to"));
  for (const char* what : {"released", "forgotten", "waiting", "never_came_back"})
    if (line.find(what)) return fmt::format("{}: {}", what, shown(line, what));
  return {};
}

}  // namespace

int run_greylist(const GreylistOptions& options) {
  Node request = Node::object();
  request.add("command", Node::text("greylist-" + options.action));
  request.add("client", Node::text(options.client)).add("from", Node::text(options.from));
  request.add("to", Node::text(options.to));
  const auto answer = ask_gateway(options.directory, request);
  if (!answer) return answer.error().tell("greylist");
  for (const Node& line : answer->lines())
    fmt::print("{}\n", options.json ? config::to_json_line(line) : as_text(line));
  if (answer->error.empty()) return EX_OK;
  fmt::print(stderr, "sallyport greylist: {}\n", printable(answer->error, kMostShown));
  return EX_DATAERR;
}

}  // namespace sallyport::proxy
