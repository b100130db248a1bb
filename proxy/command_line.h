// The command line: what every command has in common, and the commands in groups. main.cpp parses it, and
// runs what was chosen.
//
// What a command's options are read into lives as long as the line: the command's callback owns it.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>

namespace sallyport::proxy {

struct CommandLine {
  explicit CommandLine(const std::string& description) : app(description) {}

  // A command, and what it does when it is the one that was named.
  CLI::App* add(const char* name, const char* help, std::function<int()> run) {
    auto* command = app.add_subcommand(name, help);
    command->callback([this, run = std::move(run)] { chosen = run; });
    return command;
  }

  CLI::App app;
  std::string directory = "/etc/sallyport/conf.d";
  std::string log_format = "json";
  std::function<int()> chosen;
};

// A command that wants a word behind it, `greylist list`: all its actions share its options, and run the
// same function with their own name in `action`. For the time in which the line is made.
template <class Options>
class Actions {
 public:
  using Run = int (*)(const Options&);

  Actions(CommandLine& line, const char* name, const char* help, Run run, Options usual = {})
      : line_(line),
        command_(line.app.add_subcommand(name, help)),
        run_(run),
        options_(std::make_shared<Options>(std::move(usual))) {
    command_->require_subcommand(1);
  }

  CLI::App* add(const char* action, const char* help) {
    auto* sub = command_->add_subcommand(action, help);
    sub->fallthrough();
    sub->callback([line = &line_, options = options_, run = run_, action] {
      line->chosen = [line, options, run, action] {
        options->directory = line->directory;
        options->action = action;
        return run(*options);
      };
    });
    return sub;
  }

  Options* operator->() const { return options_.get(); }

 private:
  CommandLine& line_;
  CLI::App* command_;
  Run run_;
  std::shared_ptr<Options> options_;
};

// What is wrong with a line that did not parse, on stderr, or the help that was asked for. The exit status.
int tell_misuse(CLI::App& app, const CLI::ParseError& error);

// For an option: a whole number, not negative, within these.
CLI::Validator whole_number(int least, int most = std::numeric_limits<int>::max());

// For an option: an address as log lines have it, <joe@example.com>, is the address; "" is <>, the null
// sender.
CLI::Validator in_brackets_or_not();

void add_question_commands(CommandLine& line);  // dns, try
void add_sender_commands(CommandLine& line);    // allow, block, correspondents, greylist
void add_event_commands(CommandLine& line);     // explain, log

}  // namespace sallyport::proxy
