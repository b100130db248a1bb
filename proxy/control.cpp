#include "proxy/control.h"

#include <exception>
#include <utility>

#include "base/config/document.h"
#include "base/text.h"

namespace sallyport::proxy {
namespace {

config::Node last_line(const Result<>& result) {
  config::Node line = config::Node::object();
  if (result) return line.add("ok", config::Node::boolean(true));
  return line.add("error", config::Node::text(result.error().detail));
}

}  // namespace

void Control::add(std::string name, Command command) {
  commands_.insert_or_assign(std::move(name), std::move(command));
}

void Control::answer(std::string_view request, const Write& write) const {
  Result<> result;
  try {
    result = run(request, write);
  } catch (const std::exception& error) {
    result = fail(Errc::io, std::string("failed: ") + error.what());
  }
  write(last_line(result));
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

std::string text_of(const config::Node& request, std::string_view key) {
  const config::Node* found = request.find(key);
  const auto* text = found ? found->as<std::string>() : nullptr;
  return text ? *text : "";
}

bool flag_of(const config::Node& request, std::string_view key) {
  const config::Node* found = request.find(key);
  const auto* flag = found ? found->as<bool>() : nullptr;
  return flag && *flag;
}

std::string control_path(const std::string& state_file) {
  return state_file.empty() ? "" : state_file + ".control";
}

}  // namespace sallyport::proxy
