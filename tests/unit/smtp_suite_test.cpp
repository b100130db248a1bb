// Replays third-party data that is read in place, beside the project; skipped where it is not there.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/mail/codec.h"
#include "tests/dialogue/memory_session.h"

namespace sallyport::smtp {
namespace {

using dialogue::MemorySession;
using Json = nlohmann::json;

// A null value: the suite is not there.
Json suite(const std::string& name) {
  const std::filesystem::path path = SALLYPORT_SOURCE_ROOT "/../shared/suites/smtp/" + name;
  if (!std::filesystem::exists(path)) {
    MESSAGE("skipped: " << name << " is not there");
    return nullptr;
  }
  return Json::parse(std::ifstream(path));
}

// The first digit of the last reply to `line`, given as the first thing that it can be.
char reply_class(const std::string& line) {
  ServerOptions options;
  options.hostname = "mx.example.test";
  options.smtputf8 = true;
  options.dsn = true;
  options.starttls = true;
  options.lmtp = line.starts_with("LHLO");
  MemorySession session(options);
  if (!options.lmtp) session.receive("EHLO client.example\r\n");
  if (line.starts_with("RCPT") || line.starts_with("DATA") || line.starts_with("BDAT"))
    session.receive("MAIL FROM:<a@sender.example> SMTPUTF8\r\n");
  if (line.starts_with("DATA") || line.starts_with("BDAT"))
    session.receive("RCPT TO:<anna@example.test>\r\n");
  if (line.starts_with("RCPT")) session.answer_with("RCPT", mail::reply(250, {2, 1, 5}, "OK"));
  const std::size_t before = session.output().size();
  session.receive(line + "\r\n" + (line.starts_with("BDAT") ? std::string(123456, 'x') : std::string()));
  return session.output().at(before);
}

// What the suite takes and this server refuses on purpose.
bool refused_on_purpose(const std::string& line) {
  static const std::set<std::string> lines = {"DATA_",
                                              "MAIL FROM: <\" hi there! \"@d>",
                                              "MAIL  FROM : <>",
                                              "MAIL  FROM : <postmaster>",
                                              "MAIL  FROM : < >",
                                              "MAIL FROM:<> BODY=BINARYMIME BODY=7BIT BODY=8BITMIME",
                                              "MAIL FROM:<> RET=HDRS RET=FULL"};
  if (lines.contains(line) || line.starts_with("RCPT TO:<>")) return true;
  for (const char* verb : {"EXPN", "ETRN", "ATRN", "BURL", "AUTH"})
    if (line.starts_with(verb)) return true;
  for (const char* parameter :
       {"REQUIRETLS", "BY=", "HOLD", "SOLICIT", "TRANSID", "MTRK", "AUTH=", "MT-PRIORITY"})
    if (line.find(parameter) != std::string::npos) return true;
  return false;
}

TEST_CASE("third-party command lines are taken and refused as their suite says") {
  const Json commands = suite("commands.json");
  if (commands.is_null()) return;
  std::size_t agreed = 0;
  for (const Json& entry : commands["cases"]) {
    const std::string line = entry["line"];
    const bool taken = reply_class(line) < '4';
    CAPTURE(line);
    if (entry["ok"].get<bool>() && refused_on_purpose(line))
      CHECK_FALSE(taken);
    else
      CHECK(taken == entry["ok"].get<bool>());
    ++agreed;
  }
  CHECK(agreed == commands["count"]);
}

void check_wrong_end(const std::string& ending) {
  for (const std::uint64_t message_size : {100'000, 4}) {
    ServerOptions options;
    options.hostname = "mx.example.test";
    options.message_size = message_size;
    MemorySession session(options);
    session.receive("EHLO client.example\r\n");
    session.receive("MAIL FROM:<a@sender.example>\r\nRCPT TO:<anna@example.test>\r\nDATA\r\n");
    session.receive("one two" + ending +
                    "MAIL FROM:<evil@sender.example>\r\nRCPT TO:<bob@example.test>\r\n");
    session.receive("DATA\r\nsmuggled\r\n.\r\n");
    CAPTURE(ending);
    CHECK(session.delivered().empty());
    CHECK(session.closed());
    CHECK(session.output().find("550 5.5.2") != std::string::npos);
    CHECK(session.machine().transaction_number() == 1);
  }
}

// "('a' * 899 + '\\r\\n') * 1165": content that the suite describes rather than holds.
std::string expand(const std::string& text) {
  std::size_t length = 0;
  std::size_t lines = 0;
  if (std::sscanf(text.c_str(), "('a' * %zu + '\\r\\n') * %zu", &length, &lines) != 2) return text;
  std::string all;
  for (std::size_t i = 0; i < lines; ++i) all += std::string(length, 'a') + "\r\n";
  return all;
}

// One dialogue of the suite against the owner in memory, compared by the first digit of each reply.
class SuiteDialogue {
 public:
  explicit SuiteDialogue(const Json& dialogue) : id_(dialogue["id"]) {
    for (const Json& step : dialogue["steps"]) perform(step);
  }

 private:
  void perform(const Json& step) {
    if (step.contains("connect")) connect(step["connect"] == "tls");
    if (step.contains("send")) send(step["send"].get<std::string>() + "\r\n");
    if (step.contains("send_raw")) send(expand(step["send_raw"]));
    if (step.contains("code")) expect(step["code"]);
  }

  void connect(bool tls) {
    ServerOptions options;
    options.hostname = "testserver";
    options.lenient = true;
    options.auth_offered = true;
    options.message_size = 1024 * 1024;
    session_.emplace(options, tls);
    read_ = 0;
    // What a message or a user is worth is not the machine's to say.
    if (id_ == "bad_data") session_->answer_with("END", mail::reply(554, {5, 6, 0}, "No"));
  }

  void send(std::string octets) {
    if (const auto at = octets.find("user@testserver"); at != std::string::npos)
      octets.replace(at, 15, "anna@example.test");
    const auto decoded = mail::base64_decode(octets.substr(0, octets.size() - 2));
    if (decoded && decoded->ends_with("secretpassword"))
      session_->answer_with("AUTH", mail::reply(235, {2, 7, 0}, "Yes"));
    session_->receive(octets);
  }

  void expect(const std::string& code) {
    const std::string& output = session_->output();
    const std::string rest = output.substr(std::min(read_, output.size()));
    CAPTURE(id_);
    CAPTURE(read_);
    CHECK(rest.substr(0, 1) == code.substr(0, 1));
    std::size_t line = 0;
    while (rest.size() > line + 3 && rest[line + 3] == '-') line = rest.find('\n', line) + 1;
    read_ += rest.find('\n', line) + 1;
  }

  std::string id_;
  std::optional<MemorySession> session_;
  std::size_t read_ = 0;
};

TEST_CASE("third-party dialogues") {
  const Json dialogs = suite("dialogs.json");
  if (dialogs.is_null()) return;
  for (const Json& dialogue : dialogs["dialogs"]) SuiteDialogue{dialogue};
}

TEST_CASE("P01 P03 none of the known wrong ends of data ends a message") {
  const Json sequences = suite("eod-sequences.json");
  if (sequences.is_null()) return;
  for (const auto& [name, group] : sequences.items()) {
    if (name == "note" || name == "sources") continue;
    for (const Json& ending : group) check_wrong_end(ending);
  }
}

TEST_CASE("R01 open relay probes reach nobody but us") {
  const Json probes = suite("relay-probes.json");
  if (probes.is_null()) return;
  const auto fill = [](std::string text) {
    const std::pair<const char*, const char*> names[] = {{"{to}", "relaytest"},
                                                         {"{from}", "antispam"},
                                                         {"{domain}", "foreign.example"},
                                                         {"{srv}", "mx.example.test"},
                                                         {"{ip}", "192.0.2.1"}};
    for (const auto& [name, value] : names)
      for (auto at = text.find(name); at != std::string::npos; at = text.find(name))
        text.replace(at, std::string(name).size(), value);
    return text;
  };
  for (const Json& probe : probes["probes"]) {
    ServerOptions options;
    options.hostname = "mx.example.test";
    MemorySession session(options);
    session.receive("EHLO client.example\r\n");
    session.receive("MAIL FROM:<" + fill(probe["mail_from"]) + ">\r\n");
    session.receive("RCPT TO:<" + fill(probe["rcpt_to"]) + ">\r\n");
    CAPTURE(probe["rcpt_to"].get<std::string>());
    CHECK(session.machine().accepted_recipients() == 0);
  }
}

}  // namespace
}  // namespace sallyport::smtp
