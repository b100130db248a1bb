#include "proxy/added_senders.h"

#include <filesystem>
#include <system_error>

#include "proxy/control.h"
#include "proxy/control_client.h"

namespace sallyport::proxy {
namespace {

config::Node request_for(SenderListKind kind) {
  config::Node request = config::Node::object();
  request.add("command", config::Node::text(to_string(kind)));
  request.add("action", config::Node::text("list")).add("where", config::Node::text("command"));
  return request;
}

// Nothing where neither a gateway runs nor a state is.
Result<ControlAnswer> ask(const Settings& settings, const config::Node& request) {
  std::error_code trouble;
  if (!std::filesystem::exists(settings.state_file, trouble)) {
    if (trouble) return fail(Errc::refused, settings.state_file + ": " + trouble.message());
    auto answer = ask_running(control_path(settings.state_file), request);
    return answer || answer.error().code != Errc::not_found ? answer : ControlAnswer{};
  }
  return ask_either(settings.state_file, [&] { return settings.policy; }, request);
}

Result<> copy(const Settings& settings, SenderListKind kind, SenderBook& book) {
  const auto answer = ask(settings, request_for(kind));
  if (!answer) return answer.error();
  if (!answer->error.empty()) return fail(Errc::io, answer->error);
  for (const config::Node& line : answer->lines()) {
    const auto entry = policy::parse_sender_entry(text_of(line, "line"));
    if (!entry) return entry.error();
    if (auto added = book.add(kind, *entry); !added) return added;
  }
  return {};
}

}  // namespace

Result<AddedSenders> added_senders(const Settings& settings) {
  auto state = store::StateStore::open("", system_clock(), [](std::string_view) {});
  if (!state) return state.error();
  AddedSenders added{std::move(*state), nullptr};
  added.book = std::make_unique<SenderBook>(*added.state, system_clock());
  if (settings.state_file.empty()) return added;
  for (const auto kind : {SenderListKind::allow, SenderListKind::block})
    if (auto copied = copy(settings, kind, *added.book); !copied) return copied.error();
  return added;
}

}  // namespace sallyport::proxy
