#include "dns/helo.h"

#include <algorithm>
#include <utility>

#include "base/address_literal.h"
#include "base/text.h"

namespace sallyport::dns {
namespace {

using Result = HeloName::Result;

// Letters, digits, hyphens and, as the field has them, underscores.
bool is_host_name(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

}  // namespace

std::optional<Result> judge_helo(const std::string& helo, const IpAddress& client) {
  if (const auto said = parse_address_literal(helo))
    return *said == client ? Result::plausible : Result::literal;
  // An address without brackets is no name, and no literal either.
  if (IpAddress::parse(helo)) return Result::syntax;
  const auto name = is_host_name(helo) ? Name::parse(helo) : std::nullopt;
  if (!name || name->is_root()) return Result::syntax;
  if (name->labels() < 2) return Result::not_fqdn;
  return std::nullopt;
}

io::Task<HeloName> check_helo(Resolver& resolver, const Clock& clock, std::string helo, IpAddress client,
                              Asking asking) {
  HeloName found;
  if (const auto judged = judge_helo(helo, client)) {
    found.result = *judged;
    co_return found;
  }
  const Name name = *Name::parse(helo);
  std::vector<Question> questions = {{name, Type::a}, {name, Type::aaaa}};
  const auto answers = co_await ask_all(resolver, clock, found.lookups, std::move(questions), asking);
  bool any = false, temporary = false;
  found.result = Result::mismatch;
  for (const AnswerPtr& answer : answers) {
    temporary = temporary || is_temporary(answer->status);
    for (const IpAddress& address : all<IpAddress>(*answer)) {
      any = true;
      if (address == client) found.result = Result::plausible;
    }
  }
  if (found.result == Result::plausible) co_return found;
  if (temporary) found.result = Result::temporary;
  if (!temporary && !any) found.result = Result::unresolvable;
  co_return found;
}

}  // namespace sallyport::dns
