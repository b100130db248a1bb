// The command line of Sallyport.
#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <functional>

#include "base/faults.h"
#include "base/mail/replies.h"
#include "proxy/check.h"
#include "proxy/correspondent_command.h"
#include "proxy/demo.h"
#include "proxy/dns_command.h"
#include "proxy/explain_command.h"
#include "proxy/greylist_command.h"
#include "proxy/log_command.h"
#include "proxy/sender_list_command.h"
#include "proxy/serve.h"
#include "proxy/settings.h"
#include "proxy/sink.h"
#include "proxy/try_command.h"
#include "proxy/version.h"

namespace {

using namespace sallyport;

struct Arguments {
  std::string directory = "/etc/sallyport/conf.d";
  bool json = false;
  bool offline = false;
  bool changed = false;
  std::string log_format = "json";
  proxy::DemoOptions demo;
  std::string sink_listen = "127.0.0.1:2600";
  proxy::SinkSettings sink;
  proxy::DnsOptions dns;
  proxy::TryOptions attempt;
  proxy::SenderListOptions senders;
  proxy::CorrespondentOptions correspondents;
  proxy::GreylistOptions greylist;
  proxy::ExplainOptions explain;
  proxy::LogOptions log;
};

store::LogFormat format_of(const Arguments& arguments) {
  return arguments.log_format == "text" ? store::LogFormat::text : store::LogFormat::json;
}

int show(const Arguments& arguments) {
  config::Diagnostics diagnostics;
  std::string text = proxy::show(arguments.directory, arguments.changed, diagnostics);
  if (!diagnostics.all().empty()) fmt::print(stderr, "{}\n", diagnostics.to_string());
  if (diagnostics.has_errors()) return EX_CONFIG;
  fmt::print("{}", text);
  return EX_OK;
}

int print(const std::string& text) {
  fmt::print("{}", text);
  return EX_OK;
}

int run_sink(Arguments& arguments) {
  auto listen = Endpoint::parse(arguments.sink_listen);
  if (!listen) {
    fmt::print(stderr, "sallyport sink: --listen wants ADDRESS:PORT, like 127.0.0.1:2600\n");
    return EX_USAGE;
  }
  arguments.sink.listen = *listen;
  return proxy::run_sink(arguments.sink, format_of(arguments));
}

int run_demo(Arguments& arguments, bool directory_given) {
  arguments.demo.directory = directory_given ? arguments.directory : SALLYPORT_SHIPPED_CONF_D;
  arguments.demo.colour = isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR");
  return proxy::demo(arguments.demo);
}

// One check alone; `command` is set when it is the one that was named.
void add_dns(CLI::App& app, Arguments& arguments, std::function<int()>& command) {
  using proxy::DnsCheck;
  proxy::DnsOptions& options = arguments.dns;
  auto* dns = app.add_subcommand("dns", "ask the DNS what a check asks, and say what was answered");
  dns->require_subcommand(1);
  dns->add_option("--zone", options.source.zone, "a master file that answers instead of servers");
  dns->add_option("--server", options.source.servers,
                  "ADDRESS or ADDRESS:PORT (repeat it); without: /etc/resolv.conf");
  dns->add_flag("--json", options.json, "as JSON");
  const auto add = [&](const char* name, const char* help, DnsCheck check) {
    auto* sub = dns->add_subcommand(name, help);
    sub->fallthrough();
    sub->callback([&command, &options, check] {
      command = [&options, check] { return proxy::run_dns(check, options); };
    });
    return sub;
  };
  auto* spf = add("spf", "may this client send mail for that domain? (RFC 7208)", DnsCheck::spf);
  spf->add_option("--ip", options.ip, "the client's address")->required();
  spf->add_option("--from", options.from, "the address in MAIL FROM");
  spf->add_option("--helo", options.helo,
                  "what the client said in HELO; judged itself when --from is empty");
  add("rdns", "the client's reverse name, and whether it has the client's address", DnsCheck::rdns)
      ->add_option("--ip", options.ip, "the client's address")
      ->required();
  auto* helo = add("helo", "whether a HELO name has the client's address", DnsCheck::helo);
  helo->add_option("--ip", options.ip, "the client's address")->required();
  helo->add_option("--helo", options.helo, "what the client said in HELO")->required();
  add("mx", "whether a domain could take an answer", DnsCheck::mx)
      ->add_option("--domain", options.domain, "the domain of a sender")
      ->required();
  auto* dnsbl = add("dnsbl", "whether a DNS list has an address or a domain (RFC 5782)", DnsCheck::dnsbl);
  dnsbl->add_option("--list", options.list, "the list's zone")->required();
  dnsbl->add_option("--ip", options.ip, "an address");
  dnsbl->add_option("--domain", options.domain, "or a domain");
}

// All checks at once, and the verdict.
void add_try(CLI::App& app, Arguments& arguments, std::function<int()>& command) {
  proxy::TryOptions& options = arguments.attempt;
  auto* attempt = app.add_subcommand("try", "say what would become of a stranger's mail, and why");
  attempt->add_option("--ip", options.ip, "the client's address")->required();
  attempt->add_option("--helo", options.helo, "what the client says in EHLO")->required();
  attempt->add_option("--from", options.from, "the address in MAIL FROM; \"\" is the null sender")
      ->required();
  attempt->add_option("--rcpt", options.rcpt,
                      "the address in RCPT TO; without: somebody in the first of our domains");
  attempt->add_option("--zone", options.source.zone, "a master file that answers instead of servers");
  attempt->add_option("--server", options.source.servers,
                      "ADDRESS or ADDRESS:PORT (repeat it); without: those of the configuration");
  attempt->add_flag("--json", options.json, "as JSON");
  attempt->callback([&] {
    command = [&] {
      options.directory = arguments.directory;
      return proxy::run_try(options);
    };
  });
}

// `allow` and `block` of a gateway that runs, or of its state.
void add_sender_list(CLI::App& app, Arguments& arguments, std::function<int()>& command,
                     proxy::SenderListKind kind, const char* help) {
  proxy::SenderListOptions& options = arguments.senders;
  auto* list = app.add_subcommand(proxy::to_string(kind), help);
  list->require_subcommand(1);
  const auto add = [&](const char* action, const char* what) {
    auto* sub = list->add_subcommand(action, what);
    sub->fallthrough();
    sub->add_option("--for", options.recipient, "an address, or a domain, of ours; without: for everybody");
    sub->callback([&command, &arguments, kind, action] {
      command = [&arguments, kind, action] {
        arguments.senders.directory = arguments.directory;
        arguments.senders.kind = kind;
        arguments.senders.action = action;
        return proxy::run_sender_list(arguments.senders);
      };
    });
    return sub;
  };
  const auto with_sender = [&](CLI::App* sub) {
    sub->add_option("sender", options.pattern,
                    "joe@example.com, example.com, *.example.com, 192.0.2.0/24 or rdns:*.example.net")
        ->required();
    return sub;
  };
  auto* entry = with_sender(add("add", "an entry that counts from now on"));
  entry->add_option("--reason", options.reason, "why, for whoever finds it later");
  entry->add_option("--owner", options.owner, "whom to ask about it; without: you");
  entry->add_option("--expires", options.expires, "30d, or the last day: 2027-01-31");
  if (kind == proxy::SenderListKind::allow)
    entry->add_flag("--authenticated", options.authenticated, "only mail that passed SPF");
  with_sender(add("remove", "an entry that a command added"));
  add("list", "all entries, those of the files too")
      ->add_flag("--json", options.json, "a JSON object a line");
}

void add_greylist(CLI::App& app, Arguments& arguments, std::function<int()>& command) {
  proxy::GreylistOptions& options = arguments.greylist;
  auto* greylist = app.add_subcommand("greylist", "who has to come again, and what that costs");
  greylist->require_subcommand(1);
  const auto add = [&](const char* action, const char* help) {
    auto* sub = greylist->add_subcommand(action, help);
    sub->fallthrough();
    sub->add_flag("--json", options.json, "a JSON object a line");
    sub->callback([&command, &arguments, action] {
      command = [&arguments, action] {
        arguments.greylist.directory = arguments.directory;
        arguments.greylist.action = action;
        return proxy::run_greylist(arguments.greylist);
      };
    });
    return sub;
  };
  for (auto* sub : {add("list", "who waits now"), add("release", "let pass at the next try who waits"),
                    add("forget", "start anew, as if never seen")}) {
    sub->add_option("--client", options.client, "as the events name it: a domain, or a network");
    sub->add_option("--from", options.from, "the sender; \"<>\" is the null sender");
    sub->add_option("--to", options.to, "the recipient");
  }
  add("stats", "how many had to wait, for how long, and who never came back");
}

// Whom our users write to.
void add_correspondents(CLI::App& app, Arguments& arguments, std::function<int()>& command) {
  proxy::CorrespondentOptions& options = arguments.correspondents;
  auto* correspondents = app.add_subcommand("correspondents", "people our users write to");
  correspondents->require_subcommand(1);
  const auto add = [&](const char* action, const char* help) {
    auto* sub = correspondents->add_subcommand(action, help);
    sub->fallthrough();
    sub->add_flag("--json", options.json, "a JSON object a line");
    sub->callback([&command, &arguments, action] {
      command = [&arguments, action] {
        arguments.correspondents.directory = arguments.directory;
        arguments.correspondents.action = action;
        return proxy::run_correspondents(arguments.correspondents);
      };
    });
    return sub;
  };
  for (auto* sub : {add("check", "who wrote to an address, and when last"),
                    add("forget", "as if nobody of ours had ever written to it")}) {
    sub->add_option("ours", options.ours, "an address of ours, or a domain of ours: anybody there")
        ->required();
    sub->add_option("theirs", options.theirs, "the address that was written to")->required();
  }
  add("count", "how many there are");
}

// What happened, from the event store.
void add_explain(CLI::App& app, Arguments& arguments, std::function<int()>& command) {
  proxy::ExplainOptions& options = arguments.explain;
  auto* explain = app.add_subcommand("explain", "say what became of a session or a message, and why");
  explain->add_option("id", options.id, "what stands behind `id` in a reply, in Received, or in `log`")
      ->required();
  explain->add_option("--events", options.source.events,
                      "the directory of the events; without: that of the configuration");
  explain->add_flag("--json", options.json, "the events themselves, as a JSON list");
  explain->callback([&] {
    command = [&] {
      options.source.directory = arguments.directory;
      return proxy::run_explain(options);
    };
  });
}

void add_log(CLI::App& app, Arguments& arguments, std::function<int()>& command) {
  proxy::LogOptions& options = arguments.log;
  auto* log = app.add_subcommand("log", "what happened, a line a message; the newest last");
  log->add_option("--from", options.choice.from, "the sender: an address, a domain, or a pattern with *");
  log->add_option("--to", options.choice.to, "a recipient, likewise");
  log->add_option("--ip", options.ip, "the client's address, or its network");
  log->add_option("--since", options.since, "how long ago, as 2h or 3d, or a date (UTC)");
  log->add_option("--verdict", options.choice.verdict, "what became of it, or would have (`would-...`)")
      ->check(CLI::IsMember(
          {"accept", "defer", "reject", "none", "would-accept", "would-defer", "would-reject"}));
  log->add_option("--limit", options.limit, "the newest ones only; 0: all")->check(CLI::NonNegativeNumber);
  log->add_option("--events", options.source.events,
                  "the directory of the events; without: that of the configuration");
  log->add_flag("--json", options.json, "the events themselves, one a line");
  log->callback([&] {
    command = [&] {
      options.source.directory = arguments.directory;
      return proxy::run_log(options);
    };
  });
}

int run(int argc, char** argv) {
  Arguments arguments;
  std::function<int()> command;
  CLI::App app("Sallyport, the SMTP proxy gateway that answers with the internal server's own word");
  app.set_version_flag("--version", fmt::format("sallyport {}", kVersion));
  app.fallthrough();
  auto* directory = app.add_option("-c,--config", arguments.directory, "the configuration directory")
                        ->capture_default_str();
  app.add_option("--log-format", arguments.log_format, "json or text")
      ->check(CLI::IsMember({"json", "text"}))
      ->capture_default_str();

  app.add_subcommand("serve", "run the gateway")->callback([&] {
    command = [&] { return proxy::serve({arguments.directory, format_of(arguments)}); };
  });
  auto* check = app.add_subcommand("check", "say what is wrong with the configuration");
  check->add_flag("--json", arguments.json, "as JSON");
  check->add_flag("--offline,--no-dns", arguments.offline,
                  "ask neither the DNS about our own names nor the next hops about role addresses");
  check->callback([&] {
    command = [&] { return proxy::check({arguments.directory, arguments.json, arguments.offline}); };
  });

  auto* config = app.add_subcommand("config", "show the configuration, or describe it");
  config->require_subcommand(1);
  auto* config_show = config->add_subcommand("show", "every value that counts");
  config_show->add_flag("--changed", arguments.changed, "only what differs from its default");
  config_show->callback([&] { command = [&] { return show(arguments); }; });
  config->add_subcommand("schema", "its JSON Schema")->callback([&] {
    command = [] { return print(proxy::schema()); };
  });
  config->add_subcommand("reference", "docs/configuration.md")->callback([&] {
    command = [] { return print(proxy::reference()); };
  });
  config->add_subcommand("replies", "docs/replies.md")->callback([&] {
    command = [] { return print(mail::replies_reference()); };
  });

  auto* demo = app.add_subcommand("demo", "watch real mail cross a gateway on loopback");
  demo->add_flag("--once", arguments.demo.once,
                 "end after the sessions; status 0 if each went as intended");
  demo->add_option("--port", arguments.demo.port,
                   "of the mx listener; those above it are submission, smtps and a front end's")
      ->capture_default_str();
  demo->callback([&] { command = [&] { return run_demo(arguments, directory->count() > 0); }; });

  auto* sink = app.add_subcommand("sink", "a small SMTP or LMTP server that stores to a Maildir");
  sink->add_option("--listen", arguments.sink_listen, "ADDRESS:PORT")->capture_default_str();
  sink->add_option("--maildir", arguments.sink.maildir, "where the messages go")->required();
  sink->add_option("--known", arguments.sink.known,
                   "a recipient that exists (repeat it); without: everybody does");
  sink->add_flag("--lmtp", arguments.sink.lmtp, "speak LMTP");
  sink->callback([&] { command = [&] { return run_sink(arguments); }; });

  add_dns(app, arguments, command);
  add_try(app, arguments, command);
  add_sender_list(app, arguments, command, proxy::SenderListKind::allow, "senders that are let through");
  add_sender_list(app, arguments, command, proxy::SenderListKind::block, "senders that are refused");
  add_correspondents(app, arguments, command);
  add_greylist(app, arguments, command);
  add_explain(app, arguments, command);
  add_log(app, arguments, command);

  if constexpr (faults::kBuilt)
    app.add_subcommand("faults", "what the tests can break on purpose")->callback([&] {
      command = [] { return print(faults::list()); };
    });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EX_OK : EX_USAGE;
  }
  if (command) return command();
  fmt::print(stderr, "sallyport: name a command\n\n{}", app.help());
  return EX_USAGE;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "sallyport: {}\n", error.what());
    return EX_SOFTWARE;
  }
}
