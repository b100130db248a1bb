// What a DNS server sends: bounded, and only what belongs to the question is believed.
#include "dns/lookup.h"
#include "dns/message.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sallyport::fuzz {
namespace {

using dns::Answer;
using dns::Question;
using dns::Type;

constexpr std::array kAsked = {Type::a, Type::aaaa, Type::mx, Type::txt, Type::ptr, Type::cname};
// Flags: plain, authentic, every refusal, cut off, a query, another opcode.
constexpr std::array<unsigned, 9> kFlags = {0x8180, 0x81a0, 0x8181, 0x8182, 0x8183,
                                            0x8185, 0x8380, 0x0180, 0xa980};

std::string number16(std::size_t value) {
  return {static_cast<char>(value >> 8U & 0xffU), static_cast<char>(value & 0xffU)};
}

Answer read(const Question& question, std::string_view bytes) {
  const std::vector<std::uint8_t> block(bytes.begin(), bytes.end());
  return dns::read_answer(question, block);
}

bool is_of(Type type, const dns::Record& record) {
  switch (type) {
    case Type::a:
      return std::holds_alternative<IpAddress>(record) && std::get<IpAddress>(record).is_v4();
    case Type::aaaa:
      return std::holds_alternative<IpAddress>(record);
    case Type::mx:
      return std::holds_alternative<dns::Mx>(record);
    case Type::txt:
      return std::holds_alternative<std::string>(record);
    default:
      return std::holds_alternative<dns::Name>(record);
  }
}

// A record of the type asked for, and of somebody else's name.
std::string strangers(Type type) {
  const std::string data = type == Type::a      ? std::string(4, '\1')
                           : type == Type::aaaa ? std::string(16, '\1')
                           : type == Type::mx   ? std::string(3, '\0')
                           : type == Type::txt  ? std::string("\1x")
                                                : std::string(1, '\0');
  return std::string(
             "\x04"
             "evil\0",
             6) +
         number16(static_cast<std::size_t>(type)) + number16(1) + number16(0) + number16(1) +
         number16(data.size()) + data;
}

void check_name(const dns::Name& name) {
  promise(name.wire().size() <= dns::Name::kMaxWire, "a name is bounded");
  promise(dns::Name::parse(name.is_root() ? "." : name.text()) == name, "a name is its own text");
}

void check(const Question& question, const Answer& answer, std::string_view bytes) {
  promise(answer.found() == !answer.records.empty(), "records if it is found, and only then");
  promise(answer.ttl.count() >= 0 && answer.ttl.count() <= 0x7fffffff, "a TTL is bounded");
  check_name(answer.owner);
  std::size_t octets = 0;
  for (const dns::Record& record : answer.records) {
    promise(is_of(question.type, record), "records are of the type asked for");
    if (const auto* name = std::get_if<dns::Name>(&record)) check_name(*name);
    if (const auto* mx = std::get_if<dns::Mx>(&record)) check_name(mx->exchange);
    if (const auto* text = std::get_if<std::string>(&record)) octets += text->size();
  }
  promise(octets <= bytes.size(), "there is no more text than octets");
  promise(dns::summary(answer).size() < 700, "a summary is short");
}

}  // namespace

void answer(std::string_view input) {
  const Alphabet letters = answer_letters();
  const Question question{*dns::Name::parse("a.b"), kAsked[take_choice(input, letters) % kAsked.size()]};
  const unsigned flags = kFlags[take_choice(input, letters) % kFlags.size()];
  const std::size_t answers = take_choice(input, letters) % 6,
                    authorities = take_choice(input, letters) % 3;
  const std::string records = spell(input, letters);
  const auto message = [&](std::size_t answer_count) {
    return number16(7) + number16(flags) + number16(1) + number16(answer_count) + number16(authorities) +
           number16(0) + question.name.wire() + number16(static_cast<std::size_t>(question.type)) +
           number16(1) + records;
  };
  const std::string bytes = message(answers);
  const Answer whole = read(question, bytes);
  check(question, whole, bytes);

  const Answer part = read(question, std::string_view(bytes).substr(0, some_place_in(bytes)));
  check(question, part, bytes);
  promise(!part.found() || part.records == whole.records, "what is cut off is malformed, not less");

  if (!whole.found()) return;
  promise(read(question, bytes + "junk").records == whole.records, "what is behind is not looked at");
  const bool ends_here = !read(question, std::string_view(bytes).substr(0, bytes.size() - 1)).found();
  if (ends_here && authorities == 0)
    promise(read(question, message(answers + 1) + strangers(question.type)).records == whole.records,
            "a stranger's record is not believed");
}

}  // namespace sallyport::fuzz
