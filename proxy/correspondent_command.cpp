#include "proxy/correspondent_command.h"

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

void print(const Node& line) {
  if (line.find("who"))
    return fmt::print("{} wrote last on {}\n", printable(text_of(line, "who"), kMostShown),
                      local_time_shown(text_of(line, "last_written")));
  for (const char* what : {"forgotten", "correspondents"})
    if (line.find(what)) fmt::print("{}: {}\n", what, number_of(line, what));
}

}  // namespace

int run_correspondents(const CorrespondentOptions& options) {
  Node request = Node::object();
  request.add("command", Node::text("correspondents-" + options.action));
  request.add("ours", Node::text(options.ours)).add("theirs", Node::text(options.theirs));
  const auto answer = ask_gateway(options.directory, request);
  if (!answer) return answer.error().tell("correspondents");
  if (!answer->error.empty()) {
    fmt::print(stderr, "sallyport correspondents: {}\n", printable(answer->error, kMostShown));
    return answer->status;
  }
  for (const Node& line : answer->lines()) {
    if (options.json)
      fmt::print("{}\n", config::to_json_line(line));
    else
      print(line);
  }
  if (options.action == "count") return EX_OK;
  const bool found = std::ranges::any_of(answer->lines(), [](const Node& line) {
    return line.find("who") || number_of(line, "forgotten") > 0;
  });
  if (found) return EX_OK;
  if (!options.json) fmt::print("nobody there has written to {}\n", printable(options.theirs, kMostShown));
  return EX_NOINPUT;
}

}  // namespace sallyport::proxy
