// LMTP, and answers that differ: each recipient gets exactly one copy, and the client an honest word.
#include "base/mail/replies.h"
#include "tests/unit/relay_bench.h"

namespace sallyport::relay::testing {
namespace {

int copies(const Bench& bench, std::string_view recipient) {
  int count = 0;
  for (const auto& taken : bench.hop.taken()) {
    count += static_cast<int>(std::ranges::count(taken.to, recipient));
  }
  return count;
}

io::Task<> remember_task(Bench& bench, const Envelope& mail) {
  store::MessageBuffer buffer("/tmp", bench.files);
  buffer.append(kContent);
  co_await bench.relay.remember_unconfirmed(mail, buffer, true);
}

}  // namespace

TEST_CASE("B19 LMTP: one answer for each recipient, all the same is passed on") {
  struct {
    std::vector<std::string> dot;
    Fate fate;
    const char* line;
  } cases[] = {{{"250 2.0.0 a", "250 2.0.0 b"}, Fate::delivered, "250 2.0.0"},
               {{"552 5.2.2 full", "552 5.2.2 full"}, Fate::refused, "552 5.2.2"},
               {{"452 4.2.2 full", "452 4.2.2 full"}, Fate::deferred, "452 4.2.2"},
               {{"552 5.2.2 full", "452 4.2.2 full"}, Fate::deferred, "452 4.2.2"}};
  for (const bool chunking : {false, true}) {
    for (const auto& row : cases) {
      Bench bench;
      bench.hop.rules.lmtp = true;
      if (chunking) bench.hop.rules.offers.push_back("CHUNKING");
      bench.hop.rules.dot = row.dot;
      const auto delivery = bench.deliver_to({"a@example.com", "b@example.com"});
      CHECK(delivery.fate == row.fate);
      CHECK(line(delivery.reply) == row.line);
      CHECK(bench.hop.lines().front() == "LHLO us.test");
    }
  }
}

TEST_CASE("LMTP A 250, B 452 over ten retries gives A exactly one copy") {
  Bench bench;
  bench.hop.rules.lmtp = true;
  bench.hop.rules.dot = {"250 2.0.0 stored", "452 4.2.2 full"};
  auto first = bench.deliver_to({"a@example.com", "b@example.com"});
  CHECK(first.fate == Fate::deferred);
  CHECK(line(first.reply) == "451 4.3.0");
  CHECK(bench.told("split_delivery") == 1);
  bench.hop.rules.dot = {"452 4.2.2 full"};
  for (int i = 0; i < 9; ++i) {
    CHECK(bench.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::deferred);
  }
  CHECK(copies(bench, "<a@example.com>") == 1);
  CHECK(copies(bench, "<b@example.com>") == 10);
  bench.hop.rules.dot = {"250 2.0.0 stored"};
  CHECK(bench.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::delivered);
  CHECK(copies(bench, "<a@example.com>") == 1);
  // Another message of the same pair is another matter.
  CHECK(bench.deliver(envelope({"a@example.com"}), "Subject: other\r\n\r\nx\r\n").fate == Fate::delivered);
  CHECK(copies(bench, "<a@example.com>") == 2);
}

TEST_CASE("what was delivered and could not be written to disk is explained before the 451") {
  Bench bench;
  bench.hop.rules.lmtp = true;
  bench.hop.rules.dot = {"250 2.0.0 stored", "452 4.2.2 full"};
  bench.state.disk_is_full = true;
  CHECK(line(bench.deliver_to({"a@example.com", "b@example.com"}).reply) == "451 4.3.0");
  REQUIRE(bench.told("ambiguous") == 1);
  CHECK(bench.troubles.back().detail.ends_with("for <a@example.com>"));
  // As long as we live the retry is spared all the same.
  bench.hop.rules.dot = {"452 4.2.2 full"};
  CHECK(bench.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::deferred);
  CHECK(copies(bench, "<a@example.com>") == 1);
}

TEST_CASE("what was delivered is forgotten after five days") {
  Bench bench;
  bench.hop.rules.lmtp = true;
  bench.hop.rules.dot = {"250 2.0.0 stored", "452 4.2.2 full"};
  CHECK(bench.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::deferred);
  bench.hop.rules.dot = {"250 2.0.0 stored"};
  bench.clock.shift = 24h * 5 - 1min;
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(copies(bench, "<a@example.com>") == 1);
  bench.clock.shift = 24h * 5 + 1min;
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(copies(bench, "<a@example.com>") == 2);
}

TEST_CASE("a retry is known by its content, whatever trace headers have grown on it") {
  Bench bench;
  bench.hop.rules.lmtp = true;
  bench.hop.rules.dot = {"250 2.0.0 stored", "452 4.2.2 full"};
  CHECK(bench.deliver(envelope({"a@example.com", "b@example.com"}), "Received: 1\r\n" + kContent).fate ==
        Fate::deferred);
  bench.hop.rules.dot = {"250 2.0.0 stored"};
  CHECK(bench.deliver(envelope({"a@example.com"}), "Received: 2\r\n" + kContent).fate == Fate::delivered);
  CHECK(bench.hop.taken().size() == 1);
}

TEST_CASE("A delivered, B refused: B is tried on its own and gets its own refusal") {
  Bench bench;
  bench.route.recipients = RecipientCheck::any;
  bench.hop.rules.lmtp = true;
  bench.hop.rules.dot = {"250 2.0.0 stored", "552 5.2.2 full"};
  CHECK(bench.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::deferred);
  // The retry: B is put off at RCPT, so that A's part can be answered.
  CHECK(bench.ask("a@example.com").kind == RecipientAnswer::Kind::exists);
  const auto put_off = bench.ask("b@example.com");
  CHECK(put_off.kind == RecipientAnswer::Kind::defer);
  CHECK(mail::reason_of(put_off.reply) == "on-its-own");
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(copies(bench, "<a@example.com>") == 1);
  // B alone.
  CHECK(bench.ask("b@example.com").kind == RecipientAnswer::Kind::exists);
  bench.hop.rules.dot = {"552 5.2.2 full"};
  CHECK(line(bench.deliver_to({"b@example.com"}).reply) == "552 5.2.2");
}

TEST_CASE("never 5xx for a transaction of which something was delivered before") {
  Bench bench;
  bench.hop.rules.lmtp = true;
  bench.hop.rules.dot = {"250 2.0.0 stored", "452 4.2.2 full"};
  CHECK(bench.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::deferred);
  bench.hop.rules.dot = {"552 5.2.2 full"};
  CHECK(bench.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::deferred);
  bench.hop.rules.answers["RCPT TO:<b@"] = "550 5.1.1 gone";
  CHECK(bench.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::deferred);
  bench.hop.rules.answers = {{"MAIL", "550 5.7.1 not you"}};
  CHECK(bench.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::deferred);
}

TEST_CASE("B19 LMTP: a missing answer is ambiguous for its recipient, and the others are remembered") {
  Bench bench;
  bench.route.data_timeout = 200ms;
  bench.hop.rules.lmtp = true;
  bench.hop.rules.dot = {"250 2.0.0 stored", "<close>"};
  const auto delivery = bench.deliver_to({"a@example.com", "b@example.com"});
  CHECK(delivery.fate == Fate::ambiguous);
  CHECK(line(delivery.reply) == "451 4.4.2");
  REQUIRE(bench.told("ambiguous") == 1);
  CHECK(bench.troubles.front().detail.ends_with("for <b@example.com>"));
  bench.hop.rules.dot = {"250 2.0.0 stored"};
  CHECK(bench.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::delivered);
  CHECK(copies(bench, "<a@example.com>") == 1);
}

TEST_CASE("B19 LMTP: an answer too many costs the connection") {
  Bench bench;
  bench.hop.rules.lmtp = true;
  bench.hop.rules.dot = {"250 2.0.0 a", "250 2.0.0 b", "550 5.0.0 whose?"};
  CHECK(bench.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::delivered);
  bench.hop.rules.dot = {"250 2.0.0 stored"};
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(bench.hop.connections() == 2);
}

TEST_CASE("LMTP: recipients of the role mailbox share its answer, in the order of the commands") {
  Bench bench;
  bench.role_mailbox = "it@example.com";
  bench.hop.rules.lmtp = true;
  bench.hop.rules.answers["RCPT TO:<postmaster"] = "550 5.1.1 who";
  bench.hop.rules.answers["RCPT TO:<abuse"] = "550 5.1.1 who";
  auto mail = envelope({"postmaster@example.com", "a@example.com", "abuse@example.com"});
  mail.recipients[0].role = mail.recipients[2].role = true;
  // Asked in the order a@, it@: a@ has it, the role mailbox is full.
  bench.hop.rules.dot = {"250 2.0.0 stored", "452 4.2.2 full"};
  CHECK(bench.deliver(mail).fate == Fate::deferred);
  bench.hop.rules.dot = {"250 2.0.0 stored"};
  CHECK(bench.deliver(mail).fate == Fate::delivered);
  CHECK(copies(bench, "<a@example.com>") == 1);
}

TEST_CASE("a 250 that the client never saw is not delivered again") {
  Bench bench;
  const auto mail = envelope({"a@example.com", "b@example.com"});
  CHECK(bench.deliver(mail).fate == Fate::delivered);
  bench.loop.run(remember_task(bench, mail));
  const auto again = bench.deliver(mail);
  CHECK(again.fate == Fate::delivered);
  CHECK(line(again.reply) == "250 2.0.0");
  CHECK(bench.hop.taken().size() == 1);
  CHECK(bench.deliver(envelope({"a@example.com"}, "other@example.net")).fate == Fate::delivered);
  CHECK(bench.hop.taken().size() == 2);
}

}  // namespace sallyport::relay::testing
