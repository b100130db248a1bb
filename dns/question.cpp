#include "dns/question.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace sallyport::dns {
namespace {

constexpr std::array<std::pair<Type, std::string_view>, 8> kTypes = {{{Type::a, "A"},
                                                                      {Type::ns, "NS"},
                                                                      {Type::cname, "CNAME"},
                                                                      {Type::soa, "SOA"},
                                                                      {Type::ptr, "PTR"},
                                                                      {Type::mx, "MX"},
                                                                      {Type::txt, "TXT"},
                                                                      {Type::aaaa, "AAAA"}}};

}  // namespace

std::string_view to_string(Type type) {
  const auto found = std::ranges::find(kTypes, type, &std::pair<Type, std::string_view>::first);
  return found == kTypes.end() ? "unknown type" : found->second;
}

std::optional<Type> parse_type(std::string_view word) {
  for (const auto& [type, name] : kTypes)
    if (iequals(word, name)) return type;
  return std::nullopt;
}

std::string to_string(const Question& question) {
  const std::string_view type = to_string(question.type);
  const std::string_view name = question.name.is_root() ? std::string_view(".") : question.name.text();
  std::string text;
  text.reserve(type.size() + 1 + name.size());
  text += type;
  text += ' ';
  text += name;
  return text;
}

}  // namespace sallyport::dns

std::size_t std::hash<sallyport::dns::Question>::operator()(
    const sallyport::dns::Question& question) const {
  return std::hash<sallyport::dns::Name>{}(question.name) * 31 + static_cast<std::size_t>(question.type);
}
