#include "dns/list.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace sallyport::dns {
namespace {

using Result = ListAnswer::Result;

std::optional<Name> question_name(const Subject& subject, const Name& zone) {
  if (const auto* address = std::get_if<IpAddress>(&subject)) return Name::reverse_below(*address, zone);
  return std::get<Name>(subject).below(zone);
}

bool is_in(const IpAddress& address, const char* network) {
  return Network::parse(network)->contains(address);
}

Result judge(const std::vector<IpAddress>& codes) {
  const bool silent = std::ranges::any_of(codes, [](const IpAddress& code) {
    return is_in(code, "127.255.255.0/24") || !is_in(code, "127.0.0.0/8");
  });
  return silent ? Result::silent : Result::listed;
}

}  // namespace

io::Task<ListAnswer> ask_list(Resolver& resolver, const Clock& clock, Name zone, Subject subject,
                              Asking asking) {
  ListAnswer found;
  const auto name = question_name(subject, zone);
  if (!name) {
    found.result = Result::clear;
    co_return found;
  }
  const auto answer = co_await ask(resolver, clock, found.lookups, {*name, Type::a}, asking);
  if (!answer->found()) {
    found.result = is_void(answer->status) ? Result::clear : Result::temporary;
    co_return found;
  }
  found.codes = all<IpAddress>(*answer);
  found.result = judge(found.codes);
  if (found.result != Result::listed) co_return found;
  const auto words = co_await ask(resolver, clock, found.lookups, {*name, Type::txt}, asking);
  const auto texts = all<std::string>(*words);
  if (!texts.empty()) found.words = texts.front();
  co_return found;
}

}  // namespace sallyport::dns
