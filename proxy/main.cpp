// The program: the commands that run a gateway or describe it, and what was chosen on the command line.
#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>

#include "base/faults.h"
#include "base/mail/replies.h"
#include "proxy/check.h"
#include "proxy/command_line.h"
#include "proxy/demo.h"
#include "proxy/serve.h"
#include "proxy/settings.h"
#include "proxy/sink.h"
#include "proxy/version.h"

namespace {

using namespace sallyport;
using proxy::CommandLine;

store::LogFormat format_of(const CommandLine& line) {
  return line.log_format == "text" ? store::LogFormat::text : store::LogFormat::json;
}

int print(const std::string& text) {
  fmt::print("{}", text);
  return EX_OK;
}

int show(const std::string& directory, bool changed, bool json) {
  config::Diagnostics diagnostics;
  const std::string text = proxy::show(directory, changed, diagnostics,
                                       json ? config::Comments::none : config::Comments::origin);
  if (!diagnostics.all().empty()) fmt::print(stderr, "{}\n", diagnostics.to_string());
  return diagnostics.has_errors() ? EX_CONFIG : print(text);
}

void add_serve(CommandLine& line) {
  line.add("serve", "run the gateway", [&] { return proxy::serve({line.directory, format_of(line)}); });
}

void add_check(CommandLine& line) {
  const auto options = std::make_shared<proxy::CheckOptions>();
  auto* check = line.add("check", "say what is wrong with the configuration", [&line, options] {
    options->directory = line.directory;
    return proxy::check(*options);
  });
  check->add_flag("--json", options->json, "as JSON");
  check->add_flag("--offline,--no-dns", options->offline,
                  "ask neither the DNS about our own names nor the next hops about role addresses");
}

void add_config(CommandLine& line) {
  auto* config = line.app.add_subcommand("config", "show the configuration, or describe it");
  config->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, std::function<int()> run) {
    auto* sub = config->add_subcommand(name, help);
    sub->callback([&line, run = std::move(run)] { line.chosen = run; });
    return sub;
  };
  const auto changed = std::make_shared<bool>(false), json = std::make_shared<bool>(false);
  auto* shown = add("show", "every value that counts",
                    [&line, changed, json] { return show(line.directory, *changed, *json); });
  shown->add_flag("--changed", *changed, "only what differs from its default");
  shown->add_flag("--json", *json, "JSON without comments: not where each value was written");
  add("schema", "its JSON Schema", [] { return print(proxy::schema()); });
  add("reference", "docs/configuration.md", [] { return print(proxy::reference()); });
  add("replies", "docs/replies.md", [] { return print(mail::replies_reference()); });
}

void add_demo(CommandLine& line, const CLI::Option* directory) {
  const auto options = std::make_shared<proxy::DemoOptions>();
  auto* demo = line.add("demo", "watch real mail cross a gateway on loopback", [&line, options, directory] {
    options->directory = directory->count() > 0 ? line.directory : SALLYPORT_SHIPPED_CONF_D;
    options->colour = isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR");
    return proxy::demo(*options);
  });
  demo->add_flag("--once", options->once, "end after the sessions; status 0 if each went as intended");
  demo->add_option("--port", options->port,
                   "of the mx listener; those above it are submission, smtps and a front end's")
      ->check(proxy::whole_number(1, 65'535))
      ->capture_default_str();
}

struct SinkOptions {
  std::string listen = "127.0.0.1:2600";
  proxy::SinkSettings settings;
};

int run_sink(SinkOptions& options, store::LogFormat format) {
  const auto listen = Endpoint::parse(options.listen);
  if (!listen) {
    fmt::print(stderr, "sallyport sink: --listen wants ADDRESS:PORT, like 127.0.0.1:2600\n");
    return EX_USAGE;
  }
  options.settings.listen = *listen;
  return proxy::run_sink(options.settings, format);
}

void add_sink(CommandLine& line) {
  const auto options = std::make_shared<SinkOptions>();
  auto* sink = line.add("sink", "a small SMTP or LMTP server that stores to a Maildir",
                        [&line, options] { return run_sink(*options, format_of(line)); });
  sink->add_option("--listen", options->listen, "ADDRESS:PORT")->capture_default_str();
  sink->add_option("--maildir", options->settings.maildir, "where the messages go")->required();
  sink->add_option("--known", options->settings.known,
                   "a recipient that exists (repeat it); without: everybody does");
  sink->add_flag("--lmtp", options->settings.lmtp, "speak LMTP");
}

// `sallyport help` and `sallyport help greylist` are --help behind the same words.
void parse(CLI::App& app, int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words.front() != "help") return app.parse(argc, argv);
  words.erase(words.begin());
  words.emplace_back("--help");
  std::ranges::reverse(words);  // CLI11 takes them from the end
  app.name(argv[0]);
  app.parse(std::move(words));
}

int run(int argc, char** argv) {
  CommandLine line("Sallyport, the SMTP proxy gateway that answers with the internal server's own word");
  line.app.set_version_flag("--version", fmt::format("sallyport {}", kVersion));
  line.app.fallthrough();
  const auto* directory = line.app.add_option("-c,--config", line.directory, "the configuration directory")
                              ->take_last()
                              ->capture_default_str();
  line.app.add_option("--log-format", line.log_format, "json or text")
      ->check(CLI::IsMember({"json", "text"}))
      ->capture_default_str();
  add_serve(line);
  add_check(line);
  add_config(line);
  add_demo(line, directory);
  add_sink(line);
  add_question_commands(line);
  add_sender_commands(line);
  add_event_commands(line);
  if constexpr (faults::kBuilt)
    line.add("faults", "what the tests can break on purpose", [] { return print(faults::list()); });

  try {
    parse(line.app, argc, argv);
  } catch (const CLI::ParseError& error) {
    return proxy::tell_misuse(line.app, error);
  }
  if (directory->count() > 1) {
    fmt::print(stderr, "sallyport: -c is given more than once: one directory is the configuration\n");
    return EX_USAGE;
  }
  if (line.chosen) return line.chosen();
  fmt::print(stderr, "sallyport: name a command\n\n{}", line.app.help());
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
