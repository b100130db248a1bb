#include "proxy/try_command.h"

#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <utility>

#include "base/text.h"
#include "proxy/added_senders.h"
#include "proxy/settings.h"
#include "proxy/smtp/command_line.h"
#include "proxy/trial.h"
#include "proxy/try_report.h"

namespace sallyport::proxy {
namespace {

constexpr const char* kName = "try";
constexpr auto kSlowReader = std::chrono::seconds(60);

Taken<mail::Path> take_path(const char* option, std::string_view text, std::optional<mail::Path> path) {
  if (path) return std::move(*path);
  return usage_fault(
      fmt::format("{} wants an address such as anna@example.net, not \"{}\"", option, printable(text, 80)));
}

// Nobody who has a right of his own to be reached, as postmaster has.
Taken<std::string> somebody_of_ours(const policy::Domains& domains) {
  if (!domains.exact().empty()) return "somebody@" + domains.exact().begin()->first;
  if (!domains.below().empty()) return "somebody@any." + domains.below().begin()->first;
  return usage_fault("--to is required: the configuration has no domains");
}

Taken<mail::Path> take_recipient(const std::string& text, const policy::Domains& domains) {
  if (!text.empty()) return take_path("--to", text, read_recipient(text));
  const auto somebody = somebody_of_ours(domains);
  if (!somebody) return std::unexpected(somebody.error());
  return take_path("--to", *somebody, read_recipient(*somebody));
}

Taken<Trial> take_trial(const TryOptions& options, const Settings& settings) {
  Trial trial;
  trial.listener = &listener_of_strangers(settings);
  const auto client = take_address(options.ip);
  if (!client) return std::unexpected(client.error());
  trial.client = *client;
  if (!smtp::is_helo_name(options.helo))
    return usage_fault(fmt::format("--helo wants what a client can say, such as mx.example.net, not \"{}\"",
                                   printable(options.helo, 80)));
  trial.helo = options.helo;
  auto sender = take_path("--from", options.from, read_sender(options.from));
  if (!sender) return std::unexpected(sender.error());
  trial.sender = std::move(*sender);
  auto recipient = take_recipient(options.to, settings.policy->domains);
  if (!recipient) return std::unexpected(recipient.error());
  trial.recipients.push_back(std::move(*recipient));
  return trial;
}

// As programs that deliver mail end: 75 to try again, 77 for good.
int status_of(const policy::RecipientVerdict& verdict) {
  const auto* refuse = std::get_if<policy::Refuse>(&verdict);
  if (!refuse) return EX_OK;
  return refuse->reply.transient() ? EX_TEMPFAIL : EX_NOPERM;
}

void print_json(const Trial& trial, const TrialResult& result, bool assumed_recipient) {
  store::EventLog out(STDOUT_FILENO, store::LogFormat::json, system_clock());
  out.write(as_event(trial, result, assumed_recipient));
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
  const auto trial = take_trial(options, *settings);
  if (!trial) return trial.error().tell(kName);
  const auto asker = Asker::open(kName, options.source, settings->dns.live);
  if (!asker) return asker.error().tell(kName);
  const auto added = added_senders(*settings);
  if (!added)
    fmt::print(stderr,
               "sallyport try: without what `sallyport allow` and `sallyport block` have added: {}\n",
               added.error().detail);

  const InquiryServices services{system_clock(), (*asker)->tasks(), (*asker)->resolver(), nullptr};
  const auto result =
      (*asker)->run(attempt(*trial, settings, services, added ? added->book.get() : nullptr));
  const bool assumed_recipient = options.to.empty();
  if (options.json)
    print_json(*trial, result, assumed_recipient);
  else
    fmt::print("{}", as_text(*trial, result, assumed_recipient));
  return status_of(result.verdicts.front());
}

}  // namespace sallyport::proxy
