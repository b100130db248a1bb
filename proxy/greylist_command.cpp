#include "proxy/greylist_command.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>

#include "base/config/json_line.h"
#include "base/text.h"
#include "proxy/control.h"
#include "proxy/control_client.h"
#include "proxy/event_words.h"

namespace sallyport::proxy {
namespace {

using config::Node;

constexpr std::size_t kMostShown = 320;
constexpr const char* kNobody = "nobody waits who fits";

std::string shown(const Node& line, std::string_view key) {
  const Node* found = line.find(key);
  if (!found) return {};
  if (const auto* number = found->as<std::int64_t>()) return fmt::format("{}", *number);
  const auto* text = found->as<std::string>();
  return text ? printable(*text, kMostShown) : std::string();
}

std::string days_as_text(const Node& line) {
  const auto came_back = number_of(line, "came_back");
  std::string text =
      fmt::format("last {:>2} days: {} {}, {} came back", shown(line, "days"), shown(line, "begun"),
                  line.find("observed") ? "would have had to wait" : "had to wait", came_back);
  if (came_back > 0)
    text += fmt::format(", after {} on average",
                        span_shown(std::chrono::seconds(number_of(line, "seconds") / came_back)));
  return text;
}

// "2026-11-28T18:32:20.000Z" as `log` has it.
std::string time_of(const Node& line) {
  std::string time = shown(line, "first_seen");
  std::ranges::replace(time, 'T', ' ');
  return time.substr(0, time.find('Z'));
}

// Of a case that has passed only what was named is known.
std::string name_of(const Node& line, std::string_view key) {
  return line.find(key) ? shown(line, key) : std::string("?");
}

const char* remark_of(const Node& line) {
  if (line.find("passed")) return "  (has passed)";
  return line.find("observed") ? "  (would wait: only observed)" : "";
}

std::string as_text(const Node& line) {
  if (line.find("days")) return days_as_text(line);
  if (line.find("first_seen"))
    return fmt::format("{}  {}  {} -> {}{}", time_of(line), name_of(line, "client"), name_of(line, "from"),
                       name_of(line, "to"), remark_of(line));
  for (const char* what : {"released", "forgotten"})
    if (line.find(what))
      return number_of(line, what) > 0 ? fmt::format("{}: {}", what, shown(line, what)) : kNobody;
  if (line.find("waiting"))
    return shown(line, "waiting") + (line.find("observed") ? " would wait now" : " wait now");
  return shown(line, "never_came_back") + " never came back";
}

// What can be wrong with a request are the options that made it.
int status_of(int answered) { return answered == EX_DATAERR ? EX_USAGE : answered; }

bool nobody_was_there(const ControlAnswer& answer) {
  return std::ranges::any_of(answer.lines(), [](const Node& line) {
    const auto none = [&](const char* what) { return line.find(what) && number_of(line, what) == 0; };
    return none("released") || none("forgotten");
  });
}

}  // namespace

int run_greylist(const GreylistOptions& options) {
  Node request = Node::object();
  request.add("command", Node::text("greylist-" + options.action));
  request.add("client", Node::text(options.client)).add("from", Node::text(options.from));
  request.add("to", Node::text(options.to)).add("all", Node::boolean(options.all));
  const auto answer = ask_gateway(options.directory, request);
  if (!answer) return answer.error().tell("greylist");
  for (const Node& line : answer->lines())
    fmt::print("{}\n", options.json ? config::to_json_line(line) : as_text(line));
  if (answer->error.empty() && answer->written.empty())
    fmt::print(stderr, "sallyport greylist: {}\n", kNobody);
  if (answer->error.empty()) return nobody_was_there(*answer) && !options.all ? EX_NOINPUT : EX_OK;
  fmt::print(stderr, "sallyport greylist: {}\n", printable(answer->error, kMostShown));
  return status_of(answer->status);
}

}  // namespace sallyport::proxy
