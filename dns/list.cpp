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

// Lists answer in 127/8 (2.1), and from its last network to whom they do not serve.
bool speaks_to_us(const IpAddress& code) {
  static const Network not_served = *Network::parse("127.255.255.0/24");
  return code.is_v4() && code.is_loopback() && !not_served.contains(code);
}

Result judge(const std::vector<IpAddress>& codes) {
  return std::ranges::all_of(codes, speaks_to_us) ? Result::listed : Result::silent;
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
