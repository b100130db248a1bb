#include <doctest/doctest.h>

#include "proxy/smtp/server_machine.h"

using namespace sallyport;
using namespace sallyport::smtp;

namespace {

// A machine in the middle of DATA, with everything before it said and taken away.
ServerMachine in_data() {
  ServerOptions options;
  options.hostname = "mx.example.test";
  ServerMachine machine(options, "3kf9q7m2c1x");
  machine.greet();
  for (std::string_view line :
       {"EHLO c\r\n", "MAIL FROM:<a@b.test>\r\n", "RCPT TO:<c@d.test>\r\n", "DATA\r\n"}) {
    (void)machine.next(line);
    machine.answer({line.empty() && machine.accepted_recipients() ? 354 : 250, {}, "ok"});
    (void)machine.next(line);
  }
  (void)machine.take_output();
  return machine;
}

}  // namespace

TEST_CASE("P01 a client that waits behind its wrong end of data hears the refusal, not a timeout") {
  ServerMachine machine = in_data();
  REQUIRE(machine.waiting() == Waiting::data);
  std::string_view content = "Subject: x\r\n\r\nbody\n.\nMAIL FROM:<evil@b.test>\r\n";
  while (!std::holds_alternative<NeedInput>(machine.next(content))) {
  }
  CHECK(machine.waiting() == Waiting::discard);
  machine.end_session({421, {4, 4, 2}, "timeout"});
  Event dropped = machine.next(content);
  REQUIRE(std::holds_alternative<MessageDropped>(dropped));
  CHECK(std::get<MessageDropped>(dropped).reply.code == 550);
  CHECK(std::holds_alternative<Close>(machine.next(content)));
  CHECK(machine.take_output().starts_with("550 5.5.2 "));
}

TEST_CASE("a message that is merely late hears what the driver says") {
  ServerMachine machine = in_data();
  std::string_view content = "Subject: x\r\n";
  while (!std::holds_alternative<NeedInput>(machine.next(content))) {
  }
  machine.end_session({421, {4, 4, 2}, "timeout"});
  CHECK(std::holds_alternative<Close>(machine.next(content)));
  CHECK(machine.take_output() == "421 4.4.2 timeout; id 3kf9q7m2c1x.1\r\n");
}
