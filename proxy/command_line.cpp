#include "proxy/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sysexits.h>

#include <filesystem>
#include <limits>
#include <vector>

#include "base/config/suggestion.h"
#include "base/text.h"

namespace sallyport::proxy {
namespace {

std::vector<std::string> names_of(const std::vector<const CLI::App*>& commands) {
  std::vector<std::string> names;
  for (const CLI::App* command : commands) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> options_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::string with_hint(std::string words, const std::string& hint) {
  return hint.empty() ? words : words + ": " + hint;
}

// What stands where no command of that level, no option of the command and no word of it is expected.
std::string misuse(const CLI::App& command, const std::vector<std::string>& rest) {
  const auto commands = names_of(command.get_subcommands([](const CLI::App*) { return true; }));
  const std::string list = fmt::format("the commands are {}", fmt::join(commands, ", "));
  if (rest.empty()) return "name a command; " + list;
  const std::string word = printable(rest.front(), 80);
  if (word.starts_with('-'))
    return with_hint(fmt::format("no option {}", word),
                     config::did_you_mean(word.substr(0, word.find('=')), options_of(command)));
  if (!commands.empty())
    return fmt::format(
        "{}\n{}", with_hint(fmt::format("no command \"{}\"", word), config::did_you_mean(word, commands)),
        list);
  std::error_code error;
  if (std::filesystem::is_directory(rest.front(), error))
    return fmt::format("\"{0}\" was not expected; the configuration is named by -c {0}", word);
  return fmt::format("\"{}\" was not expected", printable(fmt::format("{}", fmt::join(rest, " ")), 200));
}

}  // namespace

int tell_misuse(CLI::App& app, const CLI::ParseError& error) {
  std::string path = "sallyport";
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    path += " " + command->get_name();
  }
  const bool wants_command =
      dynamic_cast<const CLI::RequiredError*>(&error) && command->get_require_subcommand_min() > 0;
  if (!dynamic_cast<const CLI::ExtrasError*>(&error) && !wants_command)
    return app.exit(error) == 0 ? EX_OK : EX_USAGE;
  fmt::print(stderr, "{0}: {1}\nMore by: {0} --help\n", path, misuse(*command, app.remaining(true)));
  return EX_USAGE;
}

CLI::Validator whole_number(int least, int most) {
  const std::string range = most == std::numeric_limits<int>::max() ? fmt::format("{} or more", least)
                                                                    : fmt::format("{} to {}", least, most);
  return {[=](std::string& written) {
            const auto number = parse_unsigned(written);
            const bool good =
                number && *number >= static_cast<unsigned>(least) && *number <= static_cast<unsigned>(most);
            return good ? std::string()
                        : fmt::format("wants {}, not \"{}\"", range, printable(written, 40));
          },
          "", "whole number"};
}

CLI::Validator in_brackets_or_not() {
  return {[](std::string& written) {
            if (written.empty())
              written = "<>";
            else if (written.size() > 2 && written.starts_with('<') && written.ends_with('>'))
              written = written.substr(1, written.size() - 2);
            return std::string();
          },
          "", "address"};
}

}  // namespace sallyport::proxy
