#include "proxy/try_command.h"

#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "proxy/recipient_verdict.h"
#include "proxy/settings.h"
#include "proxy/smtp/command_line.h"
#include "proxy/try_report.h"

namespace sallyport::proxy {
namespace {

constexpr const char* kName = "try";
constexpr int kRefused = 1;
constexpr auto kSlowReader = std::chrono::seconds(60);

// -- what is tried ----------------------------------------------------------------------------------------

// As in an envelope, with or without its brackets, umlauts too.
Taken<mail::Path> take_path(const char* option, std::string_view text, bool recipient) {
  std::string_view inside = text;
  if (inside.starts_with('<') && inside.ends_with('>')) inside = inside.substr(1, inside.size() - 2);
  mail::Path path;
  const mail::PathOptions reading{.smtputf8 = true, .allow_bare_name = recipient};
  const bool good = mail::parse_path(inside, reading, path) == mail::PathFault::none;
  if (good && !(recipient && path.is_null())) return path;
  return usage_fault(fmt::format("{} wants an address, not \"{}\"", option, printable(text, 80)));
}

// Nobody who has a right of his own to be reached, as postmaster has.
Taken<std::string> somebody_of_ours(const policy::Domains& domains) {
  if (!domains.exact().empty()) return "somebody@" + domains.exact().begin()->first;
  if (!domains.below().empty()) return "somebody@any." + domains.below().begin()->first;
  return usage_fault("--rcpt is required: the configuration has no domains");
}

Taken<mail::Path> take_recipient(const std::string& text, const policy::Domains& domains) {
  if (!text.empty()) return take_path("--rcpt", text, true);
  const auto somebody = somebody_of_ours(domains);
  if (!somebody) return std::unexpected(somebody.error());
  return take_path("--rcpt", *somebody, true);
}

Taken<Trial> take_trial(const TryOptions& options, const policy::Domains& domains) {
  const auto client = take_address(options.ip);
  if (!client) return std::unexpected(client.error());
  if (!smtp::is_helo_name(options.helo))
    return usage_fault(
        fmt::format("--helo wants what a client can say, not \"{}\"", printable(options.helo, 80)));
  auto sender = take_path("--from", options.from, false);
  if (!sender) return std::unexpected(sender.error());
  auto recipient = take_recipient(options.rcpt, domains);
  if (!recipient) return std::unexpected(recipient.error());
  return Trial{*client, options.helo, std::move(*sender), std::move(*recipient), options.rcpt.empty()};
}

// -- the trial --------------------------------------------------------------------------------------------

// Where strangers come in; where there is no such listener, everybody has to log in.
const ListenerSettings& listener_of_strangers(const Settings& settings) {
  const auto open = std::ranges::find(settings.listeners, false, &ListenerSettings::auth_required);
  return open == settings.listeners.end() ? settings.listeners.front() : *open;
}

// A session without its connection: the client waits for its greeting, and all is known before it is
// judged.
io::Task<TrialResult> attempt(Trial trial, std::shared_ptr<const Settings> settings, Asker& asker) {
  const ListenerSettings& listener = listener_of_strangers(*settings);
  const IpAddress ours = listener.bind.front().address;
  TrialResult result;
  result.spared = spared(listener, trial.client, ours, *settings->policy);
  std::shared_ptr<Inquiry> inquiry;
  if (result.spared == Spared::nobody) {
    // Without a watch over the lists: they are asked whatever a running gateway thinks of them.
    inquiry =
        std::make_shared<Inquiry>(trial.client, ours, settings,
                                  InquiryServices{system_clock(), asker.tasks(), asker.resolver(), nullptr},
                                  co_await io::this_executor());
    inquiry->connected();
    inquiry->greeted(false, Duration::zero());
    inquiry->said_helo(trial.helo);
    inquiry->said_mail(trial.sender);
    co_await inquiry->settle_all();
    result.evidence = inquiry->evidence();
  }
  policy::ClientFacts facts;
  facts.address = trial.client;
  result.verdict =
      co_await judge_recipient(facts, inquiry.get(), trial.sender, trial.recipient, *settings->policy);
  co_return result;
}

void print_json(const Trial& trial, const TrialResult& result, const policy::CheckSettings& checks) {
  store::EventLog out(STDOUT_FILENO, store::LogFormat::json, system_clock());
  out.write(as_event(trial, result, checks));
  out.flush(kSlowReader);
}

}  // namespace

int run_try(const TryOptions& options) {
  config::Diagnostics diagnostics;
  const auto settings = load(options.directory, {}, diagnostics);
  if (!settings) {
    fmt::print(stderr, "{}\n", diagnostics.to_string());
    return EX_CONFIG;
  }
  const auto trial = take_trial(options, settings->policy->domains);
  if (!trial) return trial.error().tell(kName);
  const auto asker = Asker::open(kName, options.source, settings->dns.live);
  if (!asker) return asker.error().tell(kName);

  const auto result = (*asker)->run(attempt(*trial, settings, **asker));
  const policy::CheckSettings& checks = settings->policy->checks;
  if (options.json)
    print_json(*trial, result, checks);
  else
    fmt::print("{}", as_text(*trial, result, checks));
  return std::holds_alternative<policy::Accept>(result.verdict) ? EX_OK : kRefused;
}

}  // namespace sallyport::proxy
