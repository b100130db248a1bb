#include "dns/reverse.h"

#include <algorithm>
#include <utility>

namespace sallyport::dns {
namespace {

constexpr std::size_t kMaxNames = 10;

bool has(const Answer& answer, const IpAddress& client) {
  const auto addresses = all<IpAddress>(answer);
  return std::ranges::find(addresses, client) != addresses.end();
}

}  // namespace

io::Task<ReverseName> reverse_name(Resolver& resolver, const Clock& clock, IpAddress client,
                                   Asking asking) {
  using enum ReverseName::Result;
  ReverseName found;
  const auto pointers =
      co_await ask(resolver, clock, found.lookups, {Name::reverse(client), Type::ptr}, asking);
  auto names = all<Name>(*pointers);
  std::erase_if(names, [](const Name& name) { return name.is_root(); });
  if (names.empty()) {
    found.result = is_temporary(pointers->status) ? temporary : missing;
    co_return found;
  }
  if (names.size() > kMaxNames) names.resize(kMaxNames);
  std::vector<Question> questions;
  for (const Name& name : names) questions.push_back({name, client.is_v4() ? Type::a : Type::aaaa});
  const auto answers = co_await ask_all(resolver, clock, found.lookups, std::move(questions), asking);

  bool failed = false;
  for (std::size_t place = 0; place < names.size(); ++place) {
    if (has(*answers[place], client)) found.more.push_back(names[place]);
    failed = failed || is_temporary(answers[place]->status);
  }
  if (found.more.empty()) {
    found.name = names.front();
    found.result = failed ? temporary : mismatch;
    co_return found;
  }
  found.name = found.more.front();
  found.more.erase(found.more.begin());
  found.result = confirmed;
  found.in_doubt = failed;
  co_return found;
}

}  // namespace sallyport::dns
