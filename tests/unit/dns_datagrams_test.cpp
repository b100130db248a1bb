#include <doctest/doctest.h>

#include "dns/datagrams.h"
#include "dns/message.h"

using namespace sallyport;
using namespace sallyport::dns;

namespace {

Question asked(const char* name) { return {Name::parse(name).value(), Type::a}; }

struct Waiting : Datagrams::Awaited {
  Waiting(Datagrams& among, const char* name, std::uint16_t number) : is_asked(asked(name)) {
    query = dns::query(is_asked, number);
    id = number;
    question = &is_asked;
    among.expect(*this);
  }
  Question is_asked;
};

std::string answer_to(std::string query, char flags = 0) {
  query[2] =
      static_cast<char>(static_cast<unsigned char>(query[2]) | 0x80U | static_cast<unsigned char>(flags));
  return query;
}

std::string other_id(std::string message, int offset = 1) {
  message[1] = static_cast<char>(message[1] + offset);
  return message;
}

Datagrams::Awaited* judge(Datagrams& datagrams, const std::string& bytes, bool cut = false) {
  return datagrams.judge({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, cut);
}

}  // namespace

TEST_CASE("dns: a datagram answers the question whose id and name it has (attack D07)") {
  Datagrams datagrams;
  Waiting first(datagrams, "a.example", 7), second(datagrams, "b.example", 8);
  CHECK_FALSE(judge(datagrams, first.query));  // no response
  CHECK_FALSE(judge(datagrams, ""));
  CHECK_FALSE(judge(datagrams, answer_to(first.query).substr(0, 20)));
  std::string answer = answer_to(second.query);
  answer[13] = 'B';  // names have no case
  CHECK(judge(datagrams, answer) == &second);
  CHECK(second.answer == answer);
  CHECK_FALSE(second.by_tcp);
  CHECK(judge(datagrams, answer_to(first.query, 2)) == &first);  // truncated
  CHECK(first.by_tcp);
  CHECK(judge(datagrams, answer_to(second.query), true) == &second);
  CHECK(second.by_tcp);
  datagrams.forget(second, false);
  CHECK_FALSE(judge(datagrams, answer_to(second.query)));
}

TEST_CASE("dns: a forger has so many guesses at a question, and others' count for nothing (attack D07)") {
  Datagrams datagrams;
  Waiting guessed(datagrams, "a.example", 7), other(datagrams, "b.example", 7);
  Waiting gone(datagrams, "c.example", 9);
  datagrams.forget(gone, false);
  for (int guesses = 1; guesses < Datagrams::kMostForged; ++guesses) {
    CHECK_FALSE(judge(datagrams, other_id(answer_to(guessed.query), guesses)));
    CHECK_FALSE(judge(datagrams, answer_to(gone.query)));
  }
  CHECK_FALSE(guessed.by_tcp);
  CHECK(judge(datagrams, other_id(answer_to(guessed.query))) == &guessed);
  CHECK(guessed.by_tcp);
  CHECK(guessed.answer.empty());
  CHECK(other.forged == 0);
}

TEST_CASE("dns: an answer that comes too late is no forgery") {
  Datagrams datagrams;
  Waiting lost(datagrams, "a.example", 7);
  datagrams.forget(lost, true);
  Waiting again(datagrams, "a.example", 8);
  CHECK_FALSE(judge(datagrams, answer_to(lost.query)));
  CHECK(again.forged == 0);
  for (int others = 0; others < 256; ++others) datagrams.forget(again, true);
  Waiting anew(datagrams, "a.example", 9);
  CHECK_FALSE(judge(datagrams, answer_to(lost.query)));
  CHECK(anew.forged == 1);  // too long ago
}
