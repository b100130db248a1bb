#include <doctest/doctest.h>

#include <random>

#include "dns/lookup.h"
#include "dns/message.h"

using namespace sallyport;
using namespace sallyport::dns;

namespace {

using std::chrono::seconds;

Name name(std::string_view written) { return Name::parse(written).value(); }
std::string number16(unsigned value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value & 255U)};
}
std::string number32(std::uint32_t value) { return number16(value >> 16U) + number16(value & 0xffffU); }

constexpr unsigned kResponse = 0x8180;  // response, recursion desired and available
const std::string kPointerToQuestion = "\xc0\x0c";

struct Message {
  Question question{name("example.com"), Type::a};
  unsigned flags = kResponse;
  std::vector<std::string> answers, authorities, additional;

  std::string bytes(unsigned questions = 1) const {
    std::string out = number16(4711) + number16(flags) + number16(questions);
    for (const auto* section : {&answers, &authorities, &additional})
      out += number16(static_cast<unsigned>(section->size()));
    for (unsigned count = 0; count < questions; ++count)
      out += question.name.wire() + number16(static_cast<unsigned>(question.type)) + number16(1);
    for (const auto* section : {&answers, &authorities, &additional})
      for (const std::string& record : *section) out += record;
    return out;
  }
};

std::string record(const std::string& owner, Type type, const std::string& data, std::uint32_t ttl = 300,
                   unsigned klass = 1) {
  return owner + number16(static_cast<unsigned>(type)) + number16(klass) + number32(ttl) +
         number16(static_cast<unsigned>(data.size())) + data;
}

std::string soa(const char* zone, std::uint32_t ttl, std::uint32_t minimum) {
  return record(name(zone).wire(), Type::soa,
                name("ns.x").wire() + name("h.x").wire() + number32(1) + number32(2) + number32(3) +
                    number32(4) + number32(minimum),
                ttl);
}

Answer read(const Question& question, const std::string& bytes) {
  return read_answer(question, {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}
Answer read(const Message& message) { return read(message.question, message.bytes()); }

const std::string kAddress("\xc0\x00\x02\x01", 4);

}  // namespace

TEST_CASE("a query as RFC 1035 and RFC 6891 have it") {
  const std::string bytes = query({name("a.example"), Type::mx}, 0x1234);
  CHECK(bytes == std::string("\x12\x34\x01\x20\0\x01\0\0\0\0\0\x01"
                             "\x01"
                             "a"
                             "\x07"
                             "example"
                             "\0\0\x0f\0\x01"
                             "\0\0\x29\x04\xd0\0\0\0\0\0\0",
                             38));
}

TEST_CASE("records of every type that is asked for") {
  Message message;
  message.answers = {record(kPointerToQuestion, Type::a, kAddress, 300),
                     record(kPointerToQuestion, Type::a, std::string("\xc0\x00\x02\x02", 4), 60)};
  auto answer = read(message);
  CHECK(summary(answer) == "192.0.2.1, 192.0.2.2");
  CHECK(answer.ttl == seconds(60));
  CHECK_FALSE(answer.authentic);
  message.flags |= 0x20;
  CHECK(read(message).authentic);

  message.question.type = Type::aaaa;
  message.answers = {record(kPointerToQuestion, Type::aaaa,
                            std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16))};
  CHECK(summary(read(message)) == "2001:db8::1");

  message.question.type = Type::mx;
  message.answers = {
      record(kPointerToQuestion, Type::mx, number16(10) + std::string("\x02mx") + kPointerToQuestion),
      record(kPointerToQuestion, Type::mx, number16(0) + std::string(1, '\0'))};
  CHECK(summary(read(message)) == "10 mx.example.com, 0 .");

  message.question.type = Type::txt;
  message.answers = {record(kPointerToQuestion, Type::txt, "\x07v=spf1 \x04-all"),
                     record(kPointerToQuestion, Type::txt, std::string(1, '\0'))};
  CHECK(summary(read(message)) == "\"v=spf1 -all\", \"\"");

  message.question = {name("1.2.0.192.in-addr.arpa"), Type::ptr};
  message.answers = {record(kPointerToQuestion, Type::ptr, name("Host.Example").wire())};
  CHECK(summary(read(message)) == "host.example");
}

TEST_CASE("D01: what each outcome of a question amounts to") {
  struct {
    unsigned rcode;
    Status status;
    bool is_void, temporary;
  } rows[] = {{0, Status::no_data, true, false},   {1, Status::malformed, false, true},
              {2, Status::serv_fail, false, true}, {3, Status::nx_domain, true, false},
              {4, Status::refused, false, true},   {5, Status::refused, false, true},
              {15, Status::refused, false, true}};
  for (const Type type : {Type::ptr, Type::a, Type::aaaa, Type::txt, Type::mx}) {
    for (const auto& row : rows) {
      Message message;
      message.question.type = type;
      message.flags |= row.rcode;
      const auto answer = read(message);
      CHECK(answer.status == row.status);
      CHECK(is_void(answer.status) == row.is_void);
      CHECK(is_temporary(answer.status) == row.temporary);
    }
    Message cut;
    cut.question.type = type;
    cut.flags |= 0x200;
    CHECK(read(cut).status == Status::serv_fail);
  }
  for (const Status status : {Status::timeout, Status::exhausted}) {
    CHECK(is_temporary(status));
    CHECK_FALSE(is_void(status));
  }
  CHECK_FALSE(is_temporary(Status::found));
}

TEST_CASE("D01: an OPT record has the other half of the code (RFC 6891 6.1.3)") {
  const auto opt = [](std::uint32_t ttl) {
    return std::string(1, '\0') + number16(41) + number16(1232) + number32(ttl) + number16(0);
  };
  Message message;
  message.answers = {record(kPointerToQuestion, Type::a, kAddress)};
  message.additional = {opt(0x00008000)};  // DNSSEC OK
  CHECK(read(message).found());
  message.additional = {opt(0x01000000)};  // BADVERS, which alone would be NOERROR
  CHECK(read(message).status == Status::refused);
  message.answers.clear();
  message.flags |= 3;
  CHECK(read(message).status == Status::refused);  // 19, which alone would be NXDOMAIN
  message.additional = {opt(0)};
  CHECK(read(message).status == Status::nx_domain);
  message.additional = {opt(0).substr(0, 8)};
  CHECK(read(message).status == Status::malformed);
}

TEST_CASE("negative answers hold for the lesser of the SOA's TTL and its minimum") {
  Message message;
  message.flags |= 3;
  CHECK(read(message).ttl == seconds(0));
  message.authorities = {soa("com", 900, 300)};
  CHECK(read(message).ttl == seconds(300));
  message.authorities = {soa("com", 200, 300)};
  CHECK(read(message).ttl == seconds(200));
  message.authorities = {soa("org", 900, 300)};  // of somebody else's zone
  CHECK(read(message).ttl == seconds(0));
}

TEST_CASE("D02: aliases, ten of them and no circles") {
  const auto chain = [](int length, bool circle) {
    Message message;
    message.question.name = name("c0.x");
    for (int link = 0; link < length; ++link) {
      const auto target =
          name(circle && link == length - 1 ? "c0.x" : "c" + std::to_string(link + 1) + ".x");
      message.answers.push_back(
          record(name("c" + std::to_string(link) + ".x").wire(), Type::cname, target.wire(), 500 - link));
    }
    message.answers.push_back(
        record(name("c" + std::to_string(length) + ".x").wire(), Type::a, kAddress, 900));
    return message;
  };
  const auto ten = read(chain(10, false));
  CHECK(summary(ten) == "192.0.2.1");
  CHECK(ten.owner.text() == "c10.x");
  CHECK(ten.ttl == seconds(491));
  CHECK(read(chain(11, false)).status == Status::serv_fail);
  CHECK(read(chain(20, false)).status == Status::serv_fail);
  CHECK(read(chain(1, true)).status == Status::serv_fail);
  CHECK(read(chain(3, true)).status == Status::serv_fail);
  auto dead = chain(2, false);
  dead.answers.pop_back();
  dead.flags |= 3;
  CHECK(read(dead).status == Status::nx_domain);
  CHECK(read(dead).owner.text() == "c2.x");
}

TEST_CASE("D02: an alias without a word about its target is no answer yet") {
  const auto is_open = [](const Message& message) {
    const std::string bytes = message.bytes();
    Aliases aliases;
    (void)read_answer(message.question, {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                      aliases);
    CHECK(aliases.followed == static_cast<int>(!message.answers.empty()));
    return aliases.open;
  };
  Message message;
  CHECK_FALSE(is_open(message));
  message.answers = {record(kPointerToQuestion, Type::cname, name("b.x").wire())};
  CHECK(is_open(message));
  message.authorities = {soa("x", 9, 9)};
  CHECK_FALSE(is_open(message));
  message.authorities.clear();
  message.flags |= 3;
  CHECK_FALSE(is_open(message));
}

TEST_CASE("D12: only what belongs to the question is used, and mad TTLs are zero") {
  Message message;
  message.answers = {record(name("evil.example").wire(), Type::a, kAddress),
                     record(kPointerToQuestion, Type::aaaa, std::string(16, '\1')),
                     record(kPointerToQuestion, Type::a, kAddress, 300, 3)};
  message.additional = {record(kPointerToQuestion, Type::a, kAddress)};
  CHECK(read(message).status == Status::no_data);
  message.answers = {record(kPointerToQuestion, Type::a, kAddress, 0x7fffffff)};
  CHECK(read(message).ttl == seconds(0x7fffffff));
  message.answers = {record(kPointerToQuestion, Type::a, kAddress, 0x80000000)};
  CHECK(read(message).ttl == seconds(0));
}

TEST_CASE("D03: 64 KiB of text in one record") {
  Message message;
  message.question.type = Type::txt;
  std::string data;
  while (data.size() + 256 < 65'000) data += '\xff' + std::string(255, 't');
  message.answers = {record(kPointerToQuestion, Type::txt, data)};
  const auto answer = read(message);
  REQUIRE(answer.found());
  CHECK(std::get<std::string>(answer.records.front()).size() == data.size() / 256 * 255);
}

TEST_CASE("D04: bytes that are no answer to our question") {
  Message message;
  message.answers = {record(kPointerToQuestion, Type::a, kAddress)};
  const std::string good = message.bytes();
  const Question question = message.question;
  CHECK(read(question, "").status == Status::malformed);
  CHECK(read(question, message.bytes(0)).status == Status::malformed);
  CHECK(read(question, message.bytes(2)).status == Status::malformed);
  CHECK(read({name("example.org"), Type::a}, good).status == Status::malformed);
  CHECK(read({name("example.com"), Type::mx}, good).status == Status::malformed);
  for (const unsigned flags : {0x0180U, 0xa980U}) {  // a query; another opcode
    message.flags = flags;
    CHECK(read(message).status == Status::malformed);
  }
  for (std::size_t length = 0; length < good.size(); ++length)
    CHECK(read(question, good.substr(0, length)).status == Status::malformed);

  message.flags = kResponse;
  message.answers.clear();  // two questions, and nothing behind them that could fail for another reason
  CHECK(read(question, message.bytes(1)).status == Status::no_data);
  CHECK(read(question, message.bytes(2)).status == Status::malformed);

  for (const std::string& data : {std::string(3, '\1'), std::string(5, '\1'), std::string()}) {
    message.answers = {record(kPointerToQuestion, Type::a, data)};
    CHECK(read(message).status == Status::malformed);
  }
  message.question.type = Type::txt;
  for (const std::string& data : {std::string("\x05"
                                              "ab"),
                                  std::string()}) {
    message.answers = {record(kPointerToQuestion, Type::txt, data)};
    CHECK(read(message).status == Status::malformed);
  }
  message.question.type = Type::mx;
  message.answers = {record(kPointerToQuestion, Type::mx, number16(1) + name("a.b").wire() + "x")};
  CHECK(read(message).status == Status::malformed);
}

TEST_CASE("D04: compression that leads nowhere, forwards, or round in circles") {
  const std::string self = "\xc0\x1d", forwards = "\xc0\x40", beyond = "\xff\xff", half = "\xc0";
  for (const std::string& owner : {self, forwards, beyond, half,
                                   std::string("\x80"
                                               "a"),
                                   std::string("\x3f"
                                               "a")}) {
    Message message;
    message.answers = {record(owner, Type::a, kAddress)};
    CHECK(read(message).status == Status::malformed);
  }
  // A name that is there, but further on: the octets of the address are the root.
  Message ahead;
  ahead.answers = {record("\xc0\x29", Type::a, std::string(4, '\0'))};
  CHECK(ahead.bytes().size() == 0x29 + 4);
  CHECK(read(ahead).status == Status::malformed);
  // A name that pointers make longer than 255 octets.
  Message message;
  message.question.name =
      name(std::string(63, 'a') + '.' + std::string(63, 'b') + '.' + std::string(63, 'c'));
  message.answers = {record('\x3f' + std::string(63, 'd') + kPointerToQuestion, Type::a, kAddress)};
  CHECK(read(message).status == Status::malformed);
}

TEST_CASE("D04: no more records than are looked at") {
  Message message;
  message.answers.assign(kMaxRecords - 1, record(kPointerToQuestion, Type::a, kAddress));
  message.authorities = {soa("com", 9, 9)};
  CHECK(read(message).records.size() == kMaxRecords - 1);
  message.answers.push_back(message.answers.front());
  CHECK(read(message).status == Status::malformed);
}

TEST_CASE("D04: names that are not wanted are passed over, and not too many kept") {
  const std::string label = '\x3f' + std::string(63, 'd');
  Message message;
  message.question = {
      name("x." + std::string(63, 'a') + '.' + std::string(63, 'b') + '.' + std::string(63, 'c')),
      Type::mx};
  const std::string too_long = label + kPointerToQuestion;
  message.answers = {record(too_long, Type::txt, label),
                     record(kPointerToQuestion, Type::mx, number16(1) + name("mx.x").wire())};
  message.additional = {record(too_long, Type::mx, label)};
  CHECK(summary(read(message)) == "1 mx.x");

  const std::string target = number16(1) + '\x30' + std::string(48, 'e') + kPointerToQuestion;
  const std::size_t size = message.question.name.text().size() + 49;
  message.additional.clear();
  message.answers.assign(kMaxNameOctets / size, record(kPointerToQuestion, Type::mx, target));
  CHECK(read(message).records.size() == kMaxNameOctets / size);
  message.answers.push_back(message.answers.front());
  CHECK(read(message).status == Status::malformed);
}

TEST_CASE("D04: no bytes whatever do harm") {
  Message message;
  message.question.type = Type::mx;
  message.answers = {
      record(kPointerToQuestion, Type::cname, name("a.b").wire()),
      record(name("a.b").wire(), Type::mx, number16(10) + std::string("\x02mx") + kPointerToQuestion)};
  message.authorities = {soa("com", 9, 9)};
  const std::string good = message.bytes();
  std::mt19937 chance(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (int change = 0; change < 3; ++change) bytes[chance() % bytes.size()] = static_cast<char>(chance());
    const auto answer = read(message.question, bytes);
    CHECK(answer.found() == !answer.records.empty());
  }
}
