#include "proxy/log_command.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/config/suggestion.h"
#include "base/config/units.h"
#include "base/mail/replies.h"
#include "base/store/event_lines.h"
#include "base/store/event_reader.h"
#include "base/text.h"

namespace sallyport::proxy {
namespace {

constexpr const char* kName = "log";
constexpr const char* kFrom = "--from";

// A date is read as the head of an event is.
std::optional<WallTime> read_date(std::string text) {
  constexpr std::string_view whole = "0000-00-00T00:00:00.000Z";
  if (text.ends_with('Z')) text.pop_back();
  if (text.size() > 10 && text[10] == ' ') text[10] = 'T';
  if (text.size() < 10 || text.size() >= whole.size()) return std::nullopt;
  const auto head =
      store::head_of(fmt::format(R"({{"time":"{}{}","type":"x"}})", text, whole.substr(text.size())));
  return head ? std::optional(head->time) : std::nullopt;
}

Taken<WallTime> take_since(const std::string& text) {
  if (text.empty()) return WallTime();
  if (const auto span = config::parse_duration(text))
    return system_clock().wall() - std::chrono::duration_cast<WallTime::duration>(*span);
  if (const auto date = read_date(text)) return *date;
  return usage_fault(
      fmt::format("--since wants a time ago, as 2h or 3d, or a date, as 2026-11-22 or "
                  "\"2026-11-22 16:00\" (UTC), not \"{}\"",
                  printable(text, 40)));
}

// Any address has a letter, a digit or one in UTF-8.
bool may_match(std::string_view pattern) {
  const auto fits = [](char c) { return is_alnum(c) || !is_ascii(c) || c == '*' || c == '?'; };
  return pattern.empty() || std::ranges::any_of(pattern, fits);
}

std::unexpected<CommandFault> no_reason(const std::string& written) {
  const auto hint = config::did_you_mean(written, reasons());
  return usage_fault(fmt::format("--why wants the name of a reason, not \"{}\": {}", printable(written, 60),
                                 hint.empty() ? "`sallyport config replies` lists them" : hint));
}

Taken<LogChoice> take_choice(const LogOptions& options) {
  LogChoice choice = options.choice;
  for (const auto& [name, pattern] : {std::pair(kFrom, choice.from), std::pair("--to", choice.to)})
    if (!may_match(pattern) && !(name == kFrom && pattern == "<>"))
      return usage_fault(fmt::format("{} wants an address, a domain, or a pattern with *, not \"{}\"", name,
                                     printable(pattern, 80)));
  if (!choice.why.empty() && !is_reason(choice.why)) return no_reason(choice.why);
  if (options.ip.empty()) return choice;
  choice.ip = Network::parse(options.ip);
  if (choice.ip) return choice;
  return usage_fault(
      fmt::format("--ip wants an address or a network, not \"{}\"", printable(options.ip, 60)));
}

// Prints at once, or holds back all but the newest.
class Output {
 public:
  explicit Output(int limit) : limit_(static_cast<std::size_t>(limit)) {}
  ~Output() {
    for (const std::string& line : held_) std::puts(line.c_str());
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // False: nobody reads any more.
  bool take(std::string line) {
    if (limit_ == 0) return std::puts(line.c_str()) >= 0;
    held_.push_back(std::move(line));
    if (held_.size() > limit_) held_.pop_front();
    return true;
  }

 private:
  std::size_t limit_;
  std::deque<std::string> held_;
};

bool may_be_of_interest(std::string_view type) { return type == "message" || type == "session"; }

// Recipients that stand before the event of their message, until that comes. It never comes where a gateway
// was killed between them: those are forgotten once they are too many.
class EarlierEvents {
 public:
  void keep(std::string_view id, std::string_view line) {
    constexpr std::size_t most = 256 << 20;  // octets
    if ((octets_ += line.size()) > most) lines_.clear(), octets_ = line.size();
    lines_[std::string(id)].emplace_back(line);
  }

  std::vector<std::string> take(std::string_view id) {
    const auto found = lines_.empty() ? lines_.end() : lines_.find(std::string(id));
    if (found == lines_.end()) return {};
    for (const std::string& line : found->second) octets_ -= line.size();
    return std::move(lines_.extract(found).mapped());
  }

 private:
  std::unordered_map<std::string, std::vector<std::string>> lines_;
  std::size_t octets_ = 0;
};

std::vector<JsonView> parsed(const std::vector<std::string>& lines) {
  std::vector<JsonView> events;
  for (const std::string& line : lines)
    if (auto event = JsonView::parse(line)) events.push_back(std::move(*event));
  return events;
}

std::string as_lines(const std::vector<std::string>& before, std::string_view line) {
  std::string out;
  for (const std::string& one : before) out += one + '\n';
  return out.append(line);
}

}  // namespace

int run_log(LogOptions options) {
  const auto since = take_since(options.since);
  if (!since) return since.error().tell(kName);
  const auto choice = take_choice(options);
  if (!choice) return choice.error().tell(kName);
  const auto directory = event_directory(options.source);
  if (!directory) return directory.error().tell(kName);
  Output output(options.limit);
  bool found = false;
  const store::EventReader reader(*directory);
  tell_passed_over(kName, reader);
  EarlierEvents earlier;
  reader.each_since(*since, [&](std::string_view line) {
    const auto head = store::head_of(line);
    if (head && head->type == store::kMoreRecipients) earlier.keep(head->id, line);
    if (!head || !may_be_of_interest(head->type)) return true;
    const auto event = JsonView::parse(line);
    if (!event) return true;
    const auto before = earlier.take(head->id);
    auto text = log_line(event->root(), parsed(before), head->time, *choice);
    if (!text) return true;
    found = true;
    return output.take(options.json ? as_lines(before, line) : std::move(*text));
  });
  if (!found) fmt::print(stderr, "sallyport log: nothing fits; {}\n", what_is_kept(*directory, reader));
  return EX_OK;
}

}  // namespace sallyport::proxy
