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
#include "proxy/smtp/command_line.h"
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

const ListenerSettings* find_listener(const config::Located<std::string>& name, const Settings& settings,
                                      Diagnostics& diagnostics) {
  if (name.value.empty()) return &listener_of_strangers(settings);
  const auto found = std::ranges::find(settings.listeners, name.value, &ListenerSettings::name);
  if (found != settings.listeners.end()) return &*found;
  std::vector<std::string> names;
  for (const auto& listener : settings.listeners) names.push_back(listener.name);
  diagnostics.error(name.position, fmt::format("there is no listener \"{}\"", printable(name.value, 80)),
                    config::did_you_mean(name.value, names));
  return nullptr;
}

// nullopt with an error, if a client could not say so.
class TrialReader {
 public:
  TrialReader(const Settings& settings, Diagnostics& diagnostics)
      : settings_(settings), diagnostics_(diagnostics) {}

  std::optional<Trial> read(const config::Located<SessionSection>& written) {
    const SessionSection& session = written.value;
    Trial trial;
    trial.client = session.client;
    trial.talks_early = session.talks_early;
    trial.authenticated = session.authenticated;
    trial.listener = find_listener(session.listener, settings_, diagnostics_);
    good_ = trial.listener != nullptr;
    if (trial.listener && trial.listener->auth_required && session.authenticated.empty())
      fault(written.position, fmt::format("the listener {} requires AUTH", trial.listener->name),
            "write who has logged in: \"authenticated\": \"anna\"");
    read_envelope(session, trial);
    if (!good_) return std::nullopt;
    return trial;
  }

 private:
  void read_envelope(const SessionSection& session, Trial& trial) {
    trial.helo = session.helo.value;
    trial.size = session.size;
    if (!smtp::is_helo_name(trial.helo)) fault(session.helo.position, "no client can say this in HELO");
    if (auto sender = read_sender(session.from.value))
      trial.sender = std::move(*sender);
    else
      fault(session.from.position, "this is no address", "user@example.com, or <> for the null sender");
    for (const auto& to : session.to) {
      if (auto recipient = read_recipient(to.name))
        trial.recipients.push_back(std::move(*recipient));
      else
        fault(to.position, fmt::format("\"{}\" is no address", printable(to.name, 80)));
    }
  }

  void fault(const Position& position, std::string message, std::string hint = {}) {
    diagnostics_.error(position, std::move(message), std::move(hint));
    good_ = false;
  }

  const Settings& settings_;
  Diagnostics& diagnostics_;
  bool good_ = true;
};

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

  void test(const Lines& zone_of_file, const config::Located<SessionSection>& session) {
    ++counted_.sessions;
    auto trial = TrialReader(*settings_, diagnostics_).read(session);
    auto zone = read_zone(zone_of_file, session.value.zone, diagnostics_);
    bool good = trial && zone;
    if (good) {
      TrialResult result;
      loop_.run(keep(attempt(*trial, settings_, {system_clock(), tasks_, *zone, nullptr}), result));
      good = compare(session.value, result);
    }
    if (!good) ++counted_.failed;
  }

 private:
  static io::Task<> keep(io::Task<TrialResult> task, TrialResult& out) { out = co_await std::move(task); }

  bool compare(const SessionSection& session, const TrialResult& result) {
    bool good = true;
    for (std::size_t i = 0; i < session.to.size(); ++i) {
      const auto& [recipient, position, expected] = session.to[i];
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
    if (!test_file_table().read(document, file, reader)) continue;
    for (const auto& session : file.sessions) tester.test(file.zone, session);
  }
  return tester.counted();
}

}  // namespace sallyport::proxy
