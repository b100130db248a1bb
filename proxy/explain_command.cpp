#include "proxy/explain_command.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>

#include "base/id.h"
#include "base/store/event_lines.h"
#include "base/store/event_reader.h"
#include "base/text.h"
#include "proxy/event_words.h"
#include "proxy/explanation.h"

namespace sallyport::proxy {
namespace {

constexpr const char* kName = "explain";

// Whatever stands around it in a reply or a log line.
Taken<std::string> take_id(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const auto begin = word.find_first_not_of(";:,()[]<>\"'= ");
    if (begin == std::string::npos) continue;
    std::string id = to_lower(word.substr(begin));
    id.erase(std::min(id.find_last_not_of(";:,()[]<>\"' .") + 1, id.size()));
    if (session_number(id)) return id;
  }
  return usage_fault(
      "that is no id; it is what stands behind `id` in a reply, as in 550 5.7.1 ...; id 3kf9x2m0q1a.1");
}

std::string as_json(const std::vector<std::string>& events) {
  std::string out = "[";
  for (const std::string& event : events) out += (out.size() == 1 ? "" : ",\n ") + event;
  return out + "]\n";
}

int tell_what_is_kept(const std::string& id, const std::string& directory,
                      const store::EventReader& reader) {
  fmt::print(stderr, "sallyport explain: no event of {}, which began at {} UTC.\n{}\n", id,
             time_shown(began_at(*session_number(id))), what_is_kept(directory, reader));
  return EX_NOINPUT;
}

// The session is told all the same: it may have ended before, or say why.
int tell_of_message(const std::vector<std::string>& events, const std::string& id) {
  const auto is_its = [&](const std::string& event) {
    const auto head = store::head_of(event);
    return head && head->id == id;
  };
  if (id.find('.') == std::string::npos || std::ranges::any_of(events, is_its)) return EX_OK;
  fmt::print(stderr, "sallyport explain: its session is kept, but no message {} of it\n",
             id.substr(id.find('.') + 1));
  return EX_NOINPUT;
}

// Of one message: what is its own, and the session's.
std::vector<std::string> wanted(std::vector<std::string> events, const std::string& id) {
  if (id.find('.') == std::string::npos) return events;
  std::erase_if(events, [&](const std::string& event) {
    const auto head = store::head_of(event);
    return head && head->id != id && head->type != "session";
  });
  return events;
}

}  // namespace

int run_explain(const ExplainOptions& options) {
  const auto id = take_id(options.id);
  if (!id) return id.error().tell(kName);
  const auto directory = event_directory(options.source);
  if (!directory) return directory.error().tell(kName);
  const store::EventReader reader(*directory);
  tell_passed_over(kName, reader);
  const auto events = wanted(reader.of_session(*session_number(*id)), *id);
  if (events.empty()) return tell_what_is_kept(*id, *directory, reader);
  fmt::print("{}", options.json ? as_json(events) : explanation(events, *id));
  return tell_of_message(events, *id);
}

}  // namespace sallyport::proxy
