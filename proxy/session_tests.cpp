#include "proxy/session_tests.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/config/document.h"
#include "base/io/event_loop.h"
#include "base/text.h"
#include "dns/zone_resolver.h"
#include "policy/client.h"
#include "proxy/evidence_event.h"
#include "proxy/session_tests_table.h"
#include "proxy/trial.h"

namespace sallyport::proxy {
namespace {

using config::Diagnostics;
using config::Position;
using Lines = std::vector<config::Located<std::string>>;

// -- what is stated ---------------------------------------------------------------------------------------

// A master file of single lines, each of which has its own place.
std::optional<dns::ZoneResolver> read_zone(const Lines& of_file, const Lines& of_session,
                                           Diagnostics& diagnostics) {
  std::string text;
  std::vector<Position> places;
  for (const Lines* lines : {&of_file, &of_session})
    for (const auto& line : *lines) {
      text += line.value + '\n';
      places.insert(places.end(), 1 + static_cast<std::size_t>(std::ranges::count(line.value, '\n')),
                    line.position);
    }
  std::vector<dns::ZoneResolver::Fault> faults;
  auto zone = dns::ZoneResolver::parse(text, faults);
  for (const auto& fault : faults) {
    const auto place = std::clamp<std::size_t>(static_cast<std::size_t>(fault.line), 1, places.size()) - 1;
    diagnostics.error(places[place], fault.message);
  }
  if (!faults.empty()) return std::nullopt;
  return zone;
}

// Where it comes in; null with an error, if there is no such place.
class ListenerFinder {
 public:
  ListenerFinder(const Settings& settings, Diagnostics& diagnostics)
      : settings_(settings), diagnostics_(diagnostics) {}

  const ListenerSettings* find(const config::Located<SessionSection>& session) {
    const auto& [value, position] = session;
    const auto& user = value.authenticated;
    const ListenerSettings* listener =
        value.listener.value.empty() ? &usual(!user.value.empty()) : named(value.listener);
    if (!listener) return nullptr;
    if (listener->auth_required && user.value.empty()) {
      diagnostics_.error(position, fmt::format("the listener {} requires AUTH", listener->name),
                         "write who has logged in: \"authenticated\": \"anna\"");
      return nullptr;
    }
    if (!listener->auth_required && !user.value.empty())
      diagnostics_.warning(user.position,
                           fmt::format("nobody can log in at the listener {}", listener->name),
                           "one with \"auth\": \"required\" is meant: \"listener\": \"submission\"");
    return listener;
  }

 private:
  const ListenerSettings& usual(bool of_user) const {
    if (of_user)
      if (const auto found = std::ranges::find(settings_.listeners, true, &ListenerSettings::auth_required);
          found != settings_.listeners.end())
        return *found;
    return listener_of_strangers(settings_);
  }

  const ListenerSettings* named(const config::Located<std::string>& name) {
    const auto found = std::ranges::find(settings_.listeners, name.value, &ListenerSettings::name);
    if (found != settings_.listeners.end()) return &*found;
    std::vector<std::string> names;
    for (const auto& listener : settings_.listeners) names.push_back(listener.name);
    diagnostics_.error(name.position, fmt::format("there is no listener \"{}\"", printable(name.value, 80)),
                       config::did_you_mean(name.value, names));
    return nullptr;
  }

  const Settings& settings_;
  Diagnostics& diagnostics_;
};

Trial trial_of(const SessionSection& session, const ListenerSettings& listener) {
  Trial trial;
  trial.client = session.client;
  trial.listener = &listener;
  trial.talks_early = session.talks_early;
  trial.helo = session.helo;
  trial.authenticated = session.authenticated.value;
  trial.sender = session.from;
  trial.size = session.size;
  for (const auto& to : session.to.value) trial.recipients.push_back(*read_recipient(to.name));
  return trial;
}

// -- what becomes of it -----------------------------------------------------------------------------------

struct Outcome {
  std::string verdict;
  std::string why;    // "" = accepted
  std::string reply;  // likewise
  std::string rule;   // the line of a list that decided
  int score = 0;
  bool greylisted = false;
};

Outcome outcome_of(const policy::RecipientVerdict& verdict, int score, ComesAgain comes_again) {
  Outcome outcome{word_for(verdict), {}, {}, {}, score, comes_again == ComesAgain::yes};
  if (const auto* refuse = std::get_if<policy::Refuse>(&verdict)) {
    outcome.why = mail::text_of(refuse->why).name;
    outcome.reply = reply_as_text(*refuse);
  }
  outcome.rule = std::visit([](const auto& decided) { return decided.rule; }, verdict);
  return outcome;
}

// What is not as stated, or "".
std::string difference(const ExpectationSection& expected, const Outcome& outcome) {
  if (expected.verdict == "defer" && outcome.greylisted)
    return R"(greylisting is stated as {"verdict": "accept", "greylisted": true}: it accepts on the retry)";
  if (expected.verdict != outcome.verdict)
    return fmt::format("\"{}\" is stated, and \"{}\" becomes of it", expected.verdict, outcome.verdict);
  if (!expected.why.empty() && expected.why != outcome.why)
    return fmt::format("the reason is stated to be \"{}\", and is \"{}\"", expected.why, outcome.why);
  if (!outcome.reply.contains(expected.reply))
    return fmt::format("\"{}\" is no part of the reply", printable(expected.reply, 80));
  if (expected.score && *expected.score != outcome.score)
    return fmt::format("the score is stated to be {}, and is {}", *expected.score, outcome.score);
  if (expected.greylisted && *expected.greylisted != outcome.greylisted)
    return *expected.greylisted ? "it is stated to be greylisted, and need not come again"
                                : "it is stated not to be greylisted, and has to come again";
  return {};
}

// "the score is 3: no reverse name (+2), SPF: ... (+1); 550 5.7.1 ..."
std::string explanation(const Outcome& outcome, const policy::ClientDecision& judged,
                        const mail::Evidence& evidence, const policy::CheckSettings& checks) {
  std::string out = fmt::format("the score is {}", judged.score);
  std::string_view before = ": ";
  for (const auto& part : judged.contributions) {
    const bool of_no_fact = part.fact == evidence.known.size();  // our own domain, and SPF is off
    const auto check = of_no_fact ? mail::Check::spf_mailfrom : evidence.known[part.fact].key.check;
    const std::string_view what = part.own_sender
                                      ? "our own domain without an SPF pass"
                                      : std::string_view(to_string(evidence.known[part.fact].finding));
    out += fmt::format("{}{} {} ({})", std::exchange(before, ", "), to_string(check), what,
                       word_for(part.outcome));
  }
  if (!outcome.rule.empty()) out += (outcome.why.empty() ? "; allowed by " : "; by ") + outcome.rule;
  if (!outcome.reply.empty()) out += "; " + outcome.reply;
  return printable(out, 1024);
}

class SessionTester {
 public:
  SessionTester(std::shared_ptr<const Settings> settings, Diagnostics& diagnostics)
      : settings_(std::move(settings)),
        diagnostics_(diagnostics),
        tasks_([&](std::string_view task, std::string_view what) {
          diagnostics_.error({}, fmt::format("{}: {}", task, what));
        }) {}

  const SessionTests& counted() const { return counted_; }

  // `readable`: the file is; else it is only looked for what else is wrong.
  void test(const Lines& zone_of_file, const config::Located<SessionSection>& session, bool readable) {
    ++counted_.sessions;
    const auto* listener = ListenerFinder(*settings_, diagnostics_).find(session);
    auto zone = read_zone(zone_of_file, session.value.zone, diagnostics_);
    if (session.value.to.value.empty())
      diagnostics_.warning(session.value.to.position,
                           fmt::format("session \"{}\" has no recipient, and tests nothing",
                                       printable(session.value.name, 80)),
                           R"("to": {"anna@example.com": "accept"})");
    if (!readable || !listener || !zone) return void(++counted_.failed);
    const Trial trial = trial_of(session.value, *listener);
    TrialResult result;
    loop_.run(keep(attempt(trial, settings_, {system_clock(), tasks_, *zone, nullptr}), result));
    if (!compare(session.value, result)) ++counted_.failed;
  }

 private:
  static io::Task<> keep(io::Task<TrialResult> task, TrialResult& out) { out = co_await std::move(task); }

  bool compare(const SessionSection& session, const TrialResult& result) {
    bool good = true;
    for (std::size_t i = 0; i < session.to.value.size(); ++i) {
      const auto& [recipient, position, expected] = session.to.value[i];
      const policy::CheckSettings& checks = result.treatments[i]->policy->checks;
      const auto judged = policy::judge_known(result.evidence, checks);
      const Outcome outcome = outcome_of(result.verdicts[i], judged.score, result.comes_again[i]);
      const std::string differs = difference(expected, outcome);
      if (differs.empty()) continue;
      good = false;
      diagnostics_.error(position,
                         fmt::format("session \"{}\", {}: {}", printable(session.name, 80),
                                     printable(recipient, 80), differs),
                         explanation(outcome, judged, result.evidence, checks));
    }
    return good;
  }

  std::shared_ptr<const Settings> settings_;
  Diagnostics& diagnostics_;
  SessionTests counted_;
  io::TaskGroup tasks_;
  io::EventLoop loop_;
};

}  // namespace

SessionTests run_session_tests(const std::string& directory,
                               const std::shared_ptr<const Settings>& settings, Diagnostics& diagnostics) {
  SessionTester tester(settings, diagnostics);
  for (const config::Node& document : config::load_test_files(directory, diagnostics)) {
    TestFileSection file;
    config::Reader reader(diagnostics);
    const bool readable = test_file_table().read(document, file, reader);
    if (readable && file.sessions.value.empty())
      diagnostics.warning(file.sessions.position, "no session is stated, and nothing tested");
    for (const auto& session : file.sessions.value) tester.test(file.zone, session, readable);
  }
  return tester.counted();
}

}  // namespace sallyport::proxy
