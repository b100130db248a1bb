// One message to one next hop: what is said to it, and what its answers become.
#include "base/mail/replies.h"
#include "tests/unit/relay_bench.h"

namespace sallyport::relay::testing {

TEST_CASE("a message is delivered as it is, with our trace on top") {
  Bench bench;
  const auto delivery = bench.deliver_to({"a@example.com", "b@example.com"});
  CHECK(delivery.fate == Fate::delivered);
  CHECK(line(delivery.reply) == "250 2.0.0");
  CHECK(delivery.next_hop_reply == "250 2.0.0 stored");
  CHECK_FALSE(delivery.tls);
  REQUIRE(bench.hop.taken().size() == 1);
  const auto& taken = bench.hop.taken().front();
  CHECK(taken.content == kTrace + kContent);
  CHECK(taken.from == "<s@example.net> SIZE=" + std::to_string(taken.content.size()));
  CHECK(taken.to == std::vector<std::string>{"<a@example.com>", "<b@example.com>"});
  CHECK(bench.hop.lines().front() == "EHLO us.test");
}

TEST_CASE("the connection is used again, without RSET") {
  Bench bench;
  for (int i = 0; i < 3; ++i) CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(bench.hop.connections() == 1);
  CHECK(bench.hop.count("RSET") == 0);
  CHECK(bench.hop.taken().size() == 3);
}

TEST_CASE("content by every framing arrives byte-identical (P04, P22)") {
  const std::string contents[] = {
      "a: b\r\n\r\n.\r\n..\r\n...x\r\n.",
      "a: b\r\n\r\nno line end",
      ".",
      "\r\n.\r\nMAIL FROM:<x@y>\r\n",
      "a: b\r\n\r\n" + std::string(300'000, 'x') + "\r\n.\r\n" + std::string(70'000, '.') + "\r\n",
      "a: b\r\n\r\n" + std::string(3 << 20, 'y') + "\r\n"};
  for (const bool chunking : {false, true}) {
    for (const auto& content : contents) {
      Bench bench;
      if (chunking) bench.hop.rules.offers.push_back("CHUNKING");
      REQUIRE(bench.deliver(envelope({"a@example.com"}), content).fate == Fate::delivered);
      REQUIRE(bench.hop.taken().size() == 1);
      const bool line_end = chunking || content.ends_with("\r\n");
      CHECK((bench.hop.taken()[0].content == kTrace + content + (line_end ? "" : "\r\n")));
      CHECK(bench.hop.count("BDAT") == (chunking ? 1 : 0));
    }
  }
}

TEST_CASE("P25 only MAIL and RCPT parameters that were offered are passed on") {
  auto mail = envelope({"a@example.com"});
  mail.parameters = {
      .size = 5, .eight_bit = true, .body_given = true, .smtputf8 = false, .ret = "HDRS", .envid = "e1"};
  mail.recipients[0].parameters = {.notify = "NEVER", .orcpt = "rfc822;a@example.com"};
  const std::string size = std::to_string(kTrace.size() + kContent.size());
  struct {
    std::vector<std::string> offers;
    std::string from;
    std::string to;
  } cases[] = {
      {{}, "<s@example.net>", "<a@example.com>"},
      {{"SIZE"}, "<s@example.net> SIZE=" + size, "<a@example.com>"},
      {{"8BITMIME"}, "<s@example.net> BODY=8BITMIME", "<a@example.com>"},
      {{"DSN"},
       "<s@example.net> RET=HDRS ENVID=e1",
       "<a@example.com> NOTIFY=NEVER ORCPT=rfc822;a@example.com"},
  };
  for (const auto& row : cases) {
    Bench bench;
    bench.hop.rules.offers = row.offers;
    REQUIRE(bench.deliver(mail).fate == Fate::delivered);
    CHECK(bench.hop.taken()[0].from == row.from);
    CHECK(bench.hop.taken()[0].to[0] == row.to);
  }
}

TEST_CASE("an internationalised message waits for a next hop that takes it") {
  Bench bench;
  auto mail = envelope({"müller@example.com"});
  mail.parameters.smtputf8 = true;
  CHECK(line(bench.deliver(mail).reply) == "451 4.6.7");
  CHECK(bench.hop.count("MAIL") == 0);
  Bench able;
  able.hop.rules.offers.push_back("SMTPUTF8");
  CHECK(able.deliver(mail).fate == Fate::delivered);
  CHECK(able.hop.taken()[0].from ==
        "<s@example.net> SIZE=" + std::to_string(kTrace.size() + kContent.size()) + " SMTPUTF8");
}

TEST_CASE("8-bit content is refused where the route says so") {
  Bench bench;
  bench.route.eight_bit = false;
  CHECK(line(bench.deliver(envelope({"a@example.com"}), "a: b\r\n\r\n\xc3\xa4\r\n").reply) == "554 5.6.3");
  CHECK(bench.hop.connections() == 0);
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
}

TEST_CASE("with PIPELINING a single recipient costs one round trip before the data, several one too") {
  Bench bench;
  bench.hop.rules.answers["RCPT TO:<bad"] = "550 5.1.1 no";
  const auto refused = bench.deliver_to({"bad@example.com"});
  // DATA rode along; a fake hop without recipients refuses it, and the connection stays good.
  CHECK(refused.fate == Fate::refused);
  CHECK(bench.hop.count("DATA") == 1);
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(bench.hop.connections() == 1);
}

TEST_CASE("a 354 behind a refused recipient closes the connection and nothing is sent") {
  Bench bench;
  bench.hop.rules.answers["RCPT TO:"] = "550 5.1.1 no";
  bench.hop.rules.accepts_data_without_recipients = true;
  const auto delivery = bench.deliver_to({"a@example.com"});
  CHECK(delivery.fate == Fate::refused);
  CHECK_FALSE(bench.hop.plaintext().contains("RSET"));
  CHECK(bench.hop.taken().empty());
  bench.hop.rules = {};
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(bench.hop.connections() == 2);
}

TEST_CASE("R10 no control character ever reaches the next hop's commands") {
  Bench bench;
  auto mail = envelope({"a@example.com"});
  mail.recipients[0].path.local = "a>\r\nRCPT TO:<evil";
  CHECK(line(bench.deliver(mail).reply) == "501 5.1.3");
  mail = envelope({"a@example.com"});
  mail.sender.local = std::string("s\0t", 3);
  CHECK(line(bench.deliver(mail).reply) == "501 5.1.3");
  CHECK(bench.hop.count("MAIL") == 0);
  CHECK(bench.hop.count("RCPT") == 0);
}

TEST_CASE("B04 a refusal of MAIL is passed on with its class and text") {
  struct {
    const char* answer;
    const char* line;
    Fate fate;
  } cases[] = {{"550 5.7.26 not you", "550 5.7.26", Fate::refused},
               {"552 too big", "552 5.0.0", Fate::refused},
               {"452 4.3.1 disk full", "452 4.3.1", Fate::deferred},
               {"451 5.1.1 confused class", "451 4.0.0", Fate::deferred},
               {"530 5.7.0 authenticate first", "451 4.3.0", Fate::deferred}};
  for (const auto& row : cases) {
    Bench bench;
    bench.hop.rules.answers["MAIL"] = row.answer;
    const auto delivery = bench.deliver_to({"a@example.com", "b@example.com"});
    CHECK(line(delivery.reply) == row.line);
    CHECK(delivery.fate == row.fate);
    CHECK(bench.hop.taken().empty());
  }
}

TEST_CASE("B05 RCPT 5.7.x at delivery is a fault of the way: 451, an alarm, nothing remembered") {
  Bench bench;
  bench.route.recipients = RecipientCheck::any;
  bench.hop.rules.answers["RCPT"] = "550 5.7.54 unable to relay recipient in non-accepted domain";
  CHECK(line(bench.deliver_to({"a@example.com"}).reply) == "451 4.3.0");
  CHECK(bench.told("way_refused") == 1);
  CHECK(bench.ask("a@example.com").kind == RecipientAnswer::Kind::exists);
}

TEST_CASE("B05 one refused recipient: nothing is sent to anyone, 451, and the retry hears it at RCPT") {
  Bench bench;
  bench.route.recipients = RecipientCheck::any;
  bench.hop.rules.answers["RCPT TO:<b@"] = "550 5.1.1 gone";
  bench.hop.rules.answers["RCPT TO:<c@"] = "452 4.2.2 full";
  const auto delivery = bench.deliver_to({"a@example.com", "b@example.com", "c@example.com"});
  CHECK(delivery.fate == Fate::deferred);
  CHECK(line(delivery.reply) == "451 4.3.0");
  CHECK(bench.hop.taken().empty());
  CHECK(bench.told("refused_at_delivery") == 1);

  CHECK(bench.ask("a@example.com").kind == RecipientAnswer::Kind::exists);
  const auto gone = bench.ask("b@example.com");
  CHECK(gone.kind == RecipientAnswer::Kind::unknown);
  CHECK(gone.reply == mail::reply(550, {5, 1, 1}, "gone"));
  CHECK(bench.ask("b@example.com").kind == RecipientAnswer::Kind::unknown);
  CHECK(bench.ask("b@example.com", false, "other@example.net").kind == RecipientAnswer::Kind::exists);
  // A temporary refusal parts the recipient from the others once, then it is tried again.
  CHECK(line(bench.ask("c@example.com").reply) == "452 4.2.2");
  CHECK(bench.ask("c@example.com").kind == RecipientAnswer::Kind::exists);
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);

  bench.clock.shift = 24h + 1min;
  CHECK(bench.ask("b@example.com").kind == RecipientAnswer::Kind::exists);
}

TEST_CASE("B05 what was refused at delivery is remembered of the client, not of a claimed sender") {
  Bench bench;
  bench.route.recipients = RecipientCheck::any;
  bench.hop.rules.answers["RCPT TO:<b@"] = "550 5.1.1 gone";
  Envelope forged = envelope({"a@example.com", "b@example.com"});
  forged.identity = "evil.example";
  CHECK(bench.deliver(forged).fate == Fate::deferred);
  CHECK(bench.ask("b@example.com").kind == RecipientAnswer::Kind::exists);
  bench.client = "evil.example";
  CHECK(bench.ask("B@example.com").kind == RecipientAnswer::Kind::exists);
  const auto own = bench.ask("b@example.com");
  CHECK(own.kind == RecipientAnswer::Kind::unknown);
  CHECK(own.refused_id == "testid");
  CHECK(own.cached);
}

TEST_CASE("B05 of a client that is nobody in particular, and of <>, it is told once") {
  for (const bool null_sender : {true, false}) {
    Bench bench;
    bench.route.recipients = RecipientCheck::any;
    bench.hop.rules.answers["RCPT TO:<b@"] = "550 5.1.1 gone";
    const std::string sender = null_sender ? "" : "s@example.net";
    Envelope mail = envelope({"a@example.com", "b@example.com"}, sender);
    if (!null_sender) bench.client = mail.identity = "";
    CHECK(bench.deliver(mail).fate == Fate::deferred);
    CHECK(bench.ask("b@example.com", false, sender).kind == RecipientAnswer::Kind::unknown);
    CHECK(bench.ask("b@example.com", false, sender).kind == RecipientAnswer::Kind::exists);
  }
}

TEST_CASE("B05 what a next hop says of one message's parameters is no word about the recipient") {
  struct {
    const char* answer;
    bool speaks_of_recipient;
  } cases[] = {{"501 5.5.4 Error: Bad ORCPT parameter syntax", false},
               {"501 Syntax error", false},
               {"500 5.1.1 what", false},
               {"503 5.5.1 bad sequence", false},
               {"504 5.5.4 not implemented", false},
               {"555 5.5.4 Unsupported option: NOTIFY", false},
               {"555 no such parameter", false},
               {"552 mailbox full", false},
               {"552 5.2.2 mailbox full", false},
               {"550 5.2.2 mailbox full", false},
               {"550 5.2.3 too large for it", false},
               {"550 5.3.4 too large", false},
               {"550 5.5.3 too many recipients", false},
               {"550 5.6.1 that content", false},
               {"554 refused", false},
               {"550 who", true},
               {"550 5.1.1 who", true},
               {"551 5.1.6 moved", true},
               {"553 5.1.3 no such name", true},
               {"550 5.2.1 disabled", true}};
  for (const auto& row : cases) {
    CAPTURE(row.answer);
    Bench bench;
    bench.route.recipients = RecipientCheck::any;
    bench.hop.rules.answers["RCPT TO:<b@"] = row.answer;
    CHECK(bench.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::deferred);
    const auto first = bench.ask("b@example.com");
    const auto second = bench.ask("b@example.com");
    if (row.speaks_of_recipient) {
      CHECK(first.kind == RecipientAnswer::Kind::unknown);
      CHECK(second.kind == RecipientAnswer::Kind::unknown);
      continue;
    }
    // It is parted from the others, and hears the word itself at its own dot.
    CHECK(first.reply.refusal == mail::Refusal::on_its_own);
    CHECK(second.kind == RecipientAnswer::Kind::exists);
    CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
    CHECK(bench.deliver_to({"b@example.com"}).fate == Fate::refused);
    CHECK(bench.ask("b@example.com").kind == RecipientAnswer::Kind::exists);
  }
}

TEST_CASE("all recipients refused: their class, the first one's words") {
  Bench bench;
  bench.hop.rules.answers["RCPT TO:<a@"] = "550 no such a";
  bench.hop.rules.answers["RCPT TO:<b@"] = "553 5.1.3 no such b";
  const auto delivery = bench.deliver_to({"a@example.com", "b@example.com"});
  CHECK(delivery.fate == Fate::refused);
  CHECK(delivery.reply == mail::reply(550, {5, 1, 1}, "no such a"));
  bench.hop.rules.answers["RCPT TO:<b@"] = "450 4.2.0 later";
  CHECK(bench.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::deferred);
}

TEST_CASE("B05 garbage as the answer to RCPT is a fault of the way") {
  Bench bench;
  for (const char* garbage : {"hello", "354 what", "999 no", "25"}) {
    bench.hop.rules.answers["RCPT"] = garbage;
    const auto delivery = bench.deliver_to({"a@example.com"});
    CHECK(delivery.fate == Fate::deferred);
    CHECK(delivery.reply.code == 451);
  }
  CHECK(bench.hop.taken().empty());
}

TEST_CASE("B07 anything but 354 to DATA") {
  struct {
    const char* answer;
    const char* line;
    Fate fate;
  } cases[] = {{"451 4.3.2 later", "451 4.3.2", Fate::deferred},
               {"554 5.6.0 not that", "554 5.6.0", Fate::refused},
               {"250 2.0.0 thanks", "451 4.3.0", Fate::deferred},
               {"421 4.3.2 bye<close>", "451 4.3.0", Fate::deferred}};
  for (const bool pipelining : {true, false}) {
    for (const auto& row : cases) {
      Bench bench;
      if (!pipelining) bench.hop.rules.offers.clear();
      bench.hop.rules.answers["DATA"] = row.answer;
      const auto delivery = bench.deliver_to({"a@example.com"});
      CHECK(line(delivery.reply) == row.line);
      CHECK(delivery.fate == row.fate);
      CHECK(bench.hop.taken().empty());
    }
  }
}

TEST_CASE("B08 a refusal in the middle of the data is passed on") {
  const std::string big = "a: b\r\n\r\n" + std::string(8 << 20, 'x') + "\r\n";
  struct {
    const char* says;
    const char* line;
    Fate fate;
  } cases[] = {{"552 5.3.4 too big<reset>", "552 5.3.4", Fate::refused},
               {"452 4.3.1 disk full<reset>", "452 4.3.1", Fate::deferred},
               {"421 4.3.2 going down<reset>", "451 4.3.2", Fate::deferred},
               {"250 2.0.0 thanks", "451 4.4.2", Fate::deferred},
               {"<reset>", "451 4.4.2", Fate::deferred},
               {"nonsense<reset>", "451 4.4.2", Fate::deferred}};
  for (const auto& row : cases) {
    Bench bench;
    bench.hop.rules.mid_data_at = 100'000;
    bench.hop.rules.mid_data = row.says;
    const auto delivery = bench.deliver(envelope({"a@example.com"}), big);
    CHECK_MESSAGE(line(delivery.reply) == row.line, row.says);
    CHECK(delivery.fate == row.fate);
    CHECK(bench.hop.taken().empty());
  }
}

TEST_CASE("B09 a refusal after the final dot keeps its class, code and words") {
  struct {
    const char* answer;
    const char* line;
    const char* text;
  } cases[] = {{"550 5.7.1 spam", "550 5.7.1", "spam"},
               {"554 no code", "554 5.0.0", "no code"},
               {"554-5.6.0 two\r\n554 5.6.0 lines", "554 5.6.0", "two\nlines"},
               {"451 4.7.1 greylisted", "451 4.7.1", "greylisted"},
               {"552 4.2.2 wrong class", "552 5.0.0", "4.2.2 wrong class"},
               {"421 4.3.2 closing", "451 4.3.2", "closing"}};
  for (const auto& row : cases) {
    Bench bench;
    bench.hop.rules.dot = {row.answer};
    const auto delivery = bench.deliver_to({"a@example.com"});
    CHECK(line(delivery.reply) == row.line);
    CHECK(delivery.reply.text == row.text);
    CHECK(delivery.fate == (delivery.reply.permanent() ? Fate::refused : Fate::deferred));
  }
}

TEST_CASE("B10 no answer to the final dot is ambiguous, and said so") {
  for (const char* end : {"<close>", "<reset>", "", "garbage", "354 more"}) {
    Bench bench;
    bench.route.data_timeout = 200ms;
    bench.hop.rules.dot = {end};
    const auto delivery = bench.deliver_to({"a@example.com", "b@example.com"});
    CHECK(delivery.fate == Fate::ambiguous);
    CHECK(line(delivery.reply) == "451 4.4.2");
    REQUIRE(bench.told("ambiguous") == 1);
    const auto& trouble = bench.troubles.back();
    CHECK(trouble.id == "testid");
    CHECK(trouble.detail.ends_with("for <a@example.com> <b@example.com>"));
    CHECK(trouble.detail.size() > 64);
  }
}

TEST_CASE("a client that is gone just before the final dot: nothing is delivered") {
  const std::string big = "a: b\r\n\r\n" + std::string(400'000, 'x') + "\r\n";
  for (const auto& content : {kContent, big}) {
    for (const bool chunking : {false, true}) {
      Bench bench;
      if (chunking) bench.hop.rules.offers.push_back("CHUNKING");
      bench.client_there = false;
      CHECK(bench.deliver(envelope({"a@example.com"}), content).fate == Fate::client_gone);
      CHECK(bench.hop.taken().empty());
      bench.client_there = true;
      CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
      CHECK(bench.hop.connections() == 2);
    }
  }
}

TEST_CASE("no final dot behind give_up") {
  Bench bench;
  bench.patience = 300ms;
  bench.hop.rules.answers["DATA"] = "";
  const auto delivery = bench.deliver_to({"a@example.com"});
  CHECK(delivery.fate == Fate::deferred);
  CHECK(delivery.reply.code == 451);
  CHECK(bench.hop.taken().empty());
}

TEST_CASE("role recipients that the next hop does not know go to the role mailbox, once") {
  Bench bench;
  bench.role_mailbox = "it@example.com";
  bench.hop.rules.answers["RCPT TO:<postmaster"] = "550 5.1.1 who";
  bench.hop.rules.answers["RCPT TO:<abuse"] = "550 5.1.1 who";
  auto mail = envelope({"postmaster@example.com", "abuse@example.com", "a@example.com"});
  mail.recipients[0].role = mail.recipients[1].role = true;
  CHECK(bench.deliver(mail).fate == Fate::delivered);
  CHECK(bench.hop.taken()[0].to == std::vector<std::string>{"<a@example.com>", "<it@example.com>"});

  mail = envelope({"postmaster"});
  mail.recipients[0].role = true;
  CHECK(bench.deliver(mail).fate == Fate::delivered);
  CHECK(bench.hop.taken()[1].to == std::vector<std::string>{"<it@example.com>"});

  bench.hop.rules.answers["RCPT TO:<it@"] = "550 5.1.1 nor him";
  CHECK(bench.deliver(mail).fate == Fate::deferred);
  CHECK(bench.told("way_refused") == 1);
}

TEST_CASE("a next hop with SMTP only is spoken to without extensions") {
  Bench bench;
  bench.hop.rules.answers["EHLO"] = "502 5.5.1 what";
  CHECK(bench.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::delivered);
  CHECK(bench.hop.lines()[1] == "HELO us.test");
  CHECK(bench.hop.taken()[0].from == "<s@example.net>");
}

TEST_CASE("a recipient named twice gets one copy") {
  Bench bench;
  CHECK(bench.deliver_to({"a@example.com", "a@example.com"}).fate == Fate::delivered);
  CHECK(bench.hop.taken()[0].to.size() == 1);
}

TEST_CASE("a thousand recipients in batches that cannot lock up") {
  Bench bench;
  std::vector<std::string> to;
  for (int i = 0; i < 1000; ++i) to.push_back("recipient" + std::to_string(i) + "@example.com");
  CHECK(bench.deliver_to(to).fate == Fate::delivered);
  CHECK(bench.hop.taken()[0].to.size() == 1000);
}

}  // namespace sallyport::relay::testing
