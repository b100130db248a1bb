#include "proxy/session_tests_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mail/replies.h"
#include "base/text.h"
#include "proxy/smtp/command_line.h"
#include "proxy/trial.h"
#include "proxy/verdict_words.h"

namespace sallyport::proxy {
namespace {

using config::list_of;
using config::located;
using config::Stage;
using config::Table;
using config::text;

constexpr int kMaxName = 255;
constexpr int kMaxLine = 4096;
constexpr int kMaxReply = 512;
constexpr int kMaxScore = 10'000;
constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 40;

config::Type<std::string> one_word_of(const std::vector<std::string>& words) {
  std::vector<std::pair<std::string, std::string>> choices;
  for (const std::string& word : words) choices.emplace_back(word, word);
  return config::choice<std::string>(std::move(choices));
}

config::Type<std::string> verdict_word() {
  return one_word_of({verdict::kAccept, verdict::kDefer, verdict::kReject});
}

// What depends on earlier mail, on other recipients or on a next hop: no session of a test is told so.
bool is_never_stated(mail::Refusal refusal) {
  using enum mail::Refusal;
  return refusal == greylisted || refusal == over_rate || refusal == harvest || refusal == other_route;
}

// The hint says what to write in its place.
config::Type<std::string> refusal() {
  std::vector<std::string> names;
  for (const mail::RefusalText& text : mail::refusal_texts())
    if (text.chapter == mail::Chapter::addresses || text.chapter == mail::Chapter::strangers)
      names.emplace_back(text.name);
  auto type = one_word_of(names);
  type.read = [read = type.read](const config::Node& node, std::string& out, config::Reader& reader) {
    if (!read(node, out, reader)) return false;
    const auto refusal = mail::refusal_named(out)->refusal;
    if (!is_never_stated(refusal)) return true;
    return reader.error(node.position,
                        fmt::format("no session of a test is ever refused as \"{}\": that depends on what "
                                    "was before, or on other recipients",
                                    out),
                        refusal == mail::Refusal::greylisted
                            ? R"({"verdict": "accept", "greylisted": true}: it has to come again before)"
                            : "");
  };
  return type;
}

const Table<ExpectationSection>& expectation_table() {
  static const auto table =
      Table<ExpectationSection>("What should become of a recipient.")
          .required("verdict", &ExpectationSection::verdict, verdict_word(), Stage::rcpt,
                    "the answer to RCPT")
          .field("why", &ExpectationSection::why, refusal(), Stage::rcpt,
                 "the refusal's name, as in events")
          .field("reply", &ExpectationSection::reply, text(kMaxReply), Stage::rcpt, "is part of the reply")
          .field("score", &ExpectationSection::score,
                 config::optional(config::integer<int>(-kMaxScore, kMaxScore)), Stage::rcpt,
                 "what the findings about the client add up to")
          .field("greylisted", &ExpectationSection::greylisted, config::optional(config::boolean()),
                 Stage::rcpt, "whether it has to come again before it is accepted");
  return table;
}

// "reject", or a section.
config::Type<ExpectationSection> expectation() {
  auto type = config::section(expectation_table());
  type.words = verdict_word().words +
               R"(, or {"verdict": ..., "why": ..., "reply": ..., "score": N, "greylisted": true})";
  type.read = [words = type.words](const config::Node& node, ExpectationSection& out,
                                   config::Reader& reader) {
    if (node.as<config::Object>()) return expectation_table().read(node, out, reader);
    if (!node.as<std::string>()) return reader.expected(node, words);
    return verdict_word().read(node, out.verdict, reader);
  };
  return type;
}

config::Type<std::string> helo() {
  return config::parsed<std::string>(
      "what a client can say in HELO",
      [](std::string_view text) -> Result<std::string> {
        if (text.size() <= kMaxName && smtp::is_helo_name(text)) return std::string(text);
        return fail(Errc::invalid, "a name or an address literal, without blanks");
      },
      [](const std::string& text) { return text; });
}

config::Type<mail::Path> sender() {
  return config::parsed<mail::Path>(
      "an address, or <> for the null sender",
      [](std::string_view text) -> Result<mail::Path> {
        if (auto path = read_sender(text)) return *path;
        return fail(Errc::invalid, "user@example.com");
      },
      [](const mail::Path& path) { return path.address(); });
}

// Under its address each.
config::Type<std::vector<config::Named<ExpectationSection>>> recipients() {
  auto type = config::map_of(expectation());
  type.read = [read = type.read](const config::Node& node, auto& out, config::Reader& reader) {
    bool good = read(node, out, reader);
    for (const auto& to : out)
      if (!read_recipient(to.name))
        good = reader.error(to.position, fmt::format("\"{}\" is no address", printable(to.name, 80)),
                            "user@example.com");
    return good;
  };
  return type;
}

const Table<SessionSection>& session_table() {
  static const auto table =
      Table<SessionSection>("One session, and what should become of its recipients.")
          .required("name", &SessionSection::name, text(kMaxName), Stage::start,
                    "how it is called where it is told of")
          .required("client", &SessionSection::client, config::ip_address(), Stage::connect, "its address")
          .field(
              "listener", &SessionSection::listener, located(text(kMaxName)), Stage::connect,
              "where it comes in; not written: where strangers do, or with `authenticated` where users do")
          .field("talks_early", &SessionSection::talks_early, config::boolean(), Stage::connect,
                 "before its greeting")
          .required("helo", &SessionSection::helo, helo(), Stage::helo, "what it calls itself")
          .field("authenticated", &SessionSection::authenticated, located(text(kMaxName)), Stage::mail,
                 "the user who has logged in")
          .required("from", &SessionSection::from, sender(), Stage::mail, "the sender; `<>` for none")
          .field("size", &SessionSection::size, config::size(0, kMaxSize), Stage::mail,
                 "of the message, as declared in MAIL")
          .field("zone", &SessionSection::zone, list_of(located(text(kMaxLine))), Stage::start,
                 "what the DNS says, beside the lines of the file: lines of a master file")
          .required("to", &SessionSection::to, located(recipients()), Stage::rcpt,
                    "each recipient, and what should become of it");
  return table;
}

}  // namespace

const Table<TestFileSection>& test_file_table() {
  static const auto table =
      Table<TestFileSection>("Sessions, and what should become of them.")
          .field("zone", &TestFileSection::zone, list_of(located(text(kMaxLine))), Stage::start,
                 "what the DNS says to all of them: lines of a master file")
          .required("sessions", &TestFileSection::sessions,
                    located(list_of(located(config::section(session_table())))), Stage::start,
                    "a list: who comes, and what should become of each recipient (docs/session-tests.md)");
  return table;
}

}  // namespace sallyport::proxy
