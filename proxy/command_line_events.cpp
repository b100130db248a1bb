// `explain` and `log`: what happened, from the event store.
#include "proxy/command_line.h"
#include "proxy/explain_command.h"
#include "proxy/log_command.h"

namespace sallyport::proxy {
namespace {

void add_source(CLI::App* command, EventSource& source) {
  command->add_option("--events", source.events,
                      "the directory of the events; without: that of the configuration");
}

void add_explain(CommandLine& line) {
  const auto options = std::make_shared<ExplainOptions>();
  auto* explain =
      line.add("explain", "say what became of a session or a message, and why", [&line, options] {
        options->source.directory = line.directory;
        return run_explain(*options);
      });
  explain->add_option("id", options->id, "what stands behind `id` in a reply, in Received, or in `log`")
      ->required();
  add_source(explain, options->source);
  explain->add_flag("--json", options->json, "the events themselves, as a JSON list");
}

void add_log(CommandLine& line) {
  const auto options = std::make_shared<LogOptions>();
  LogChoice& choice = options->choice;
  auto* log = line.add("log", "what happened, a line a message; the newest last", [&line, options] {
    options->source.directory = line.directory;
    return run_log(*options);
  });
  log->add_option("--from", choice.from,
                  "the sender: an address, a domain, or a pattern with *; \"<>\" is the null sender")
      ->transform(in_brackets_or_not());
  log->add_option("--to", choice.to, "a recipient, likewise")->transform(in_brackets_or_not());
  log->add_option("--ip", options->ip, "the client's address, or its network");
  log->add_option("--user", choice.user, "who had logged in");
  log->add_option("--why", choice.why, "the name of a reason, as `sallyport config replies` lists them");
  log->add_option("--since", options->since, "how long ago, as 2h or 3d, or a date (UTC)");
  log->add_option("--verdict", choice.verdict, "what became of it, or would have (`would-...`)")
      ->check(CLI::IsMember(verdict_choices()));
  log->add_option("--limit", options->limit, "the newest ones only; 0: all")->check(whole_number(0));
  add_source(log, options->source);
  log->add_flag("--json", options->json, "the events themselves, one a line");
}

}  // namespace

void add_event_commands(CommandLine& line) {
  add_explain(line);
  add_log(line);
}

}  // namespace sallyport::proxy
