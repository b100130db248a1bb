#include "proxy/control.h"

#include <sysexits.h>

#include <exception>
#include <utility>

#include "base/config/document.h"
#include "base/text.h"
#include "proxy/exit_status.h"

namespace sallyport::proxy {
namespace {

config::Node good() { return config::Node::object().add("ok", config::Node::boolean(true)); }

config::Node bad(const std::string& why, int status) {
  return config::Node::object()
      .add("error", config::Node::text(why))
      .add("status", config::Node::integer(status));
}

}  // namespace

void Control::add(std::string name, Command command) {
  commands_.insert_or_assign(std::move(name), std::move(command));
}

void Control::answer(std::string_view request, const Write& write) const {
  config::Node end = good();
  try {
    if (const auto result = run(request, write); !result)
      end = bad(result.error().detail, exit_status_of(result.error().code));
  } catch (const std::exception& error) {
    end = bad(std::string("failed: ") + error.what(), EX_SOFTWARE);
  }
  write(end);
}

Result<> Control::run(std::string_view request, const Write& write) const {
  config::Diagnostics diagnostics;
  const auto node = config::parse(std::string(request), "request", diagnostics);
  if (!node) return fail(Errc::invalid, "the request is no JSON object");
  const std::string name = text_of(*node, "command");
  const auto command = commands_.find(name);
  if (command == commands_.end())
    return fail(Errc::invalid, "this gateway knows no command \"" + printable(name, 40) + "\"");
  return command->second(*node, write);
}

namespace {

template <class T>
T value_of(const config::Node& line, std::string_view key) {
  const config::Node* found = line.find(key);
  const auto* value = found ? found->as<T>() : nullptr;
  return value ? *value : T{};
}

}  // namespace

std::string text_of(const config::Node& line, std::string_view key) {
  return value_of<std::string>(line, key);
}

bool flag_of(const config::Node& line, std::string_view key) { return value_of<bool>(line, key); }

std::int64_t number_of(const config::Node& line, std::string_view key) {
  return value_of<std::int64_t>(line, key);
}

std::string control_path(const std::string& state_file) {
  return state_file.empty() ? "" : state_file + ".control";
}

}  // namespace sallyport::proxy
