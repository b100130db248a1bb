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

void take_codes(ListAnswer& found, const Answer& answer) {
  if (!answer.found()) {
    found.result = is_void(answer.status) ? Result::clear : Result::temporary;
    return;
  }
  found.codes = all<IpAddress>(answer);
  found.result = judge(found.codes);
}

void take_words(ListAnswer& found, const Answer& answer) {
  auto texts = all<std::string>(answer);
  if (!texts.empty()) found.words = std::move(texts.front());
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
  take_codes(found, *co_await ask(resolver, clock, found.lookups, {*name, Type::a}, asking));
  if (found.result != Result::listed) co_return found;
  take_words(found, *co_await ask(resolver, clock, found.lookups, {*name, Type::txt}, asking));
  co_return found;
}

std::optional<ListAnswer> list_at_hand(Resolver& resolver, const Name& zone, const Subject& subject) {
  ListAnswer found;
  const auto name = question_name(subject, zone);
  if (!name) {
    found.result = Result::clear;
    return found;
  }
  for (const Type type : {Type::a, Type::txt}) {
    Question question{*name, type};
    AnswerPtr answer = resolver.at_hand(question);
    if (!answer) return std::nullopt;
    type == Type::a ? take_codes(found, *answer) : take_words(found, *answer);
    found.lookups.push_back({std::move(question), std::move(answer), {}, true});
    if (found.result != Result::listed) break;
  }
  return found;
}

}  // namespace sallyport::dns
