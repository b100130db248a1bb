#include "base/mail/replies.h"

#include <algorithm>
#include <array>

#include "base/mail/refusal_row.h"
#include "base/mail/refusals_addresses.h"
#include "base/mail/refusals_message.h"
#include "base/mail/refusals_session.h"
#include "base/mail/refusals_strangers.h"
#include "base/mail/refusals_way.h"

namespace sallyport::mail {
namespace {

// "550 5.7.1 Text": read by the compiler, which stops at what is no such thing.
struct Written {
  int code = 0;
  EnhancedCode enhanced;
  const char* text = nullptr;
};

consteval int take_number(const char*& text, char end) {
  int number = 0;
  for (; *text != end; ++text) {
    if (*text < '0' || *text > '9') throw "a digit is wanted";
    number = 10 * number + (*text - '0');
  }
  ++text;
  return number;
}

consteval Written read(const char* reply) {
  Written out;
  out.code = take_number(reply, ' ');
  out.enhanced.klass = static_cast<std::uint8_t>(take_number(reply, '.'));
  out.enhanced.subject = static_cast<std::uint16_t>(take_number(reply, '.'));
  out.enhanced.detail = static_cast<std::uint16_t>(take_number(reply, ' '));
  out.text = reply;
  if (out.code / 100 != out.enhanced.klass) throw "the enhanced code is of another class";
  return out;
}

using refusals::RefusalRow;

constexpr std::size_t kRefusals = refusals::kSession.size() + refusals::kAddresses.size() +
                                  refusals::kStrangers.size() + refusals::kMessage.size() +
                                  refusals::kWay.size();

// In the order of the enumeration, and nothing but 4xx and 5xx.
consteval std::array<RefusalText, kRefusals> all_refusals() {
  std::array<RefusalText, kRefusals> texts{};
  std::size_t place = 0;
  const auto add = [&](Chapter chapter, std::span<const RefusalRow> rows) {
    for (const RefusalRow& row : rows) {
      const Written reply = read(row.reply);
      if (static_cast<std::size_t>(row.refusal) != place) throw "another refusal comes next";
      if (reply.code / 100 != 4 && reply.code / 100 != 5) throw "no refusal";
      texts.at(place++) = {row.refusal,    chapter,    row.name, reply.code,
                           reply.enhanced, reply.text, row.help};
    }
  };
  add(Chapter::session, refusals::kSession);
  add(Chapter::addresses, refusals::kAddresses);
  add(Chapter::strangers, refusals::kStrangers);
  add(Chapter::message, refusals::kMessage);
  add(Chapter::way, refusals::kWay);
  return texts;
}

constexpr auto kRefusalTexts = all_refusals();
static_assert(kRefusalTexts.back().refusal == Refusal::on_its_own);  // the last of them

struct AnswerRow {
  Answer answer;
  const char* reply;
};

constexpr auto kAnswerRows = [] {
  using enum Answer;
  return std::to_array<AnswerRow>({
      {ok, "250 2.0.0 OK"},
      {sender_ok, "250 2.1.0 Sender ok"},
      {recipient_ok, "250 2.1.5 Recipient ok"},
      {delivered_earlier, "250 2.0.0 Delivered earlier"},
      {chunk_received, "250 2.0.0 {} octets received"},
      {cannot_verify, "252 2.5.0 Send some mail, and RCPT will tell"},
      {starttls_ready, "220 2.0.0 Ready to start TLS"},
      {authenticated, "235 2.7.0 Authenticated"},
      {help,
       "214 2.0.0 Sallyport, a mail gateway: RFC 5321, lines and messages end in CRLF\n"
       "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP STARTTLS AUTH\n"
       "An answer of 4xx or 5xx ends in an id: tell postmaster that id"},
      {bye, "221 2.0.0 Bye"},
  });
}();

consteval std::array<Written, kAnswerRows.size()> all_answers() {
  std::array<Written, kAnswerRows.size()> texts{};
  for (std::size_t place = 0; place < texts.size(); ++place) {
    texts.at(place) = read(kAnswerRows.at(place).reply);
    if (static_cast<std::size_t>(kAnswerRows.at(place).answer) != place) throw "another answer comes next";
    if (texts.at(place).code / 100 != 2) throw "no answer";
  }
  return texts;
}

constexpr auto kAnswerTexts = all_answers();
static_assert(kAnswerRows.back().answer == Answer::bye);  // the last of them

std::string filled(std::string text, std::string_view detail) {
  if (const auto place = text.find("{}"); place != std::string::npos) text.replace(place, 2, detail);
  return text;
}

}  // namespace

std::span<const RefusalText> refusal_texts() { return kRefusalTexts; }

const RefusalText& text_of(Refusal refusal) { return kRefusalTexts.at(static_cast<std::size_t>(refusal)); }

const RefusalText* refusal_named(std::string_view name) {
  const auto found = std::ranges::find(kRefusalTexts, name, &RefusalText::name);
  return found == kRefusalTexts.end() ? nullptr : &*found;
}

Reply reply(Refusal refusal, std::string_view detail) {
  const RefusalText& entry = text_of(refusal);
  return {entry.code, entry.enhanced, filled(entry.text, detail), true, refusal};
}

Reply reply(Answer answer, std::string_view detail) {
  const Written& entry = kAnswerTexts.at(static_cast<std::size_t>(answer));
  return {entry.code, entry.enhanced, filled(entry.text, detail)};
}

std::string_view reason_of(const Reply& reply) {
  if (reply.refusal) return text_of(*reply.refusal).name;
  return reply.transient() || reply.permanent() ? kNextHop : std::string_view();
}

}  // namespace sallyport::mail
