#include "base/mail/trace.h"

#include <array>
#include <chrono>

#include "base/mail/address.h"
#include "base/mail/field_writer.h"
#include "base/text.h"

namespace sallyport::mail {
namespace {

constexpr std::size_t max_word = 255;

// An untrusted word: what no host name or address literal holds becomes '?', so that it stays one word.
std::string one_word(std::string_view untrusted) {
  std::string out(untrusted.substr(0, max_word));
  for (char& c : out)
    if (!is_alnum(c) && !std::string_view("-._:[]").contains(c)) c = '?';
  return out;
}

std::string two_digits(unsigned number) {
  return {static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
}

std::string tcp_info(const ReceivedFacts& facts) {
  const std::string literal = facts.client.address_literal();
  if (facts.reverse_name.empty()) return '(' + literal + ')';
  return '(' + one_word(facts.reverse_name) + ' ' + literal + ')';
}

std::string tls_comment(const ReceivedFacts& facts) {
  std::string out = '(' + one_word(facts.tls_version);
  if (!facts.tls_cipher.empty()) out += ' ' + one_word(facts.tls_cipher);
  return out + ')';
}

// RFC 5321 4.4 would leave the clause out rather than show what cannot be shown here.
bool can_show(std::string_view recipient, bool smtputf8) {
  return !recipient.empty() && recipient.size() <= 512 && !holds_control(recipient) &&
         (smtputf8 ? is_valid_utf8(recipient) : is_ascii(recipient));
}

}  // namespace

std::string_view transmission_type(const ReceivedFacts& facts) {
  if (!facts.extended) return "SMTP";
  const std::size_t security = (facts.tls_version.empty() ? 0U : 2U) + (facts.authenticated ? 1U : 0U);
  constexpr std::array<std::array<std::string_view, 4>, 4> types = {{
      {"ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA"},
      {"UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA"},
      {"LMTP", "LMTPA", "LMTPS", "LMTPSA"},
      {"UTF8LMTP", "UTF8LMTPA", "UTF8LMTPS", "UTF8LMTPSA"},
  }};
  return types[(facts.lmtp ? 2U : 0U) + (facts.smtputf8 ? 1U : 0U)][security];
}

std::string received_field(const ReceivedFacts& facts) {
  FieldWriter field("Received");
  field.word("from " + (facts.helo.empty() ? "unknown" : one_word(facts.helo)));
  field.word(tcp_info(facts));
  field.new_line("by " + one_word(facts.by));
  field.word('(' + one_word(facts.product) + ')');
  field.word("with " + std::string(transmission_type(facts)));
  if (!facts.tls_version.empty()) field.word(tls_comment(facts));
  field.word("id " + one_word(facts.id));
  if (can_show(facts.recipient, facts.smtputf8)) field.word("for <" + facts.recipient + '>');
  field.close_clauses();
  field.new_line(rfc5322_date(facts.when));
  return std::move(field).finish();
}

std::string rfc5322_date(WallTime when) {
  using namespace std::chrono;
  constexpr std::array<std::string_view, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = floor<std::chrono::days>(when);
  const year_month_day date(day);
  const hh_mm_ss time(floor<seconds>(when - day));
  std::string out(days[weekday(day).c_encoding()]);
  out += ", " + std::to_string(static_cast<unsigned>(date.day())) + ' ';
  out += months[static_cast<unsigned>(date.month()) - 1];
  out += ' ' + std::to_string(static_cast<int>(date.year())) + ' ';
  out += two_digits(static_cast<unsigned>(time.hours().count())) + ':';
  out += two_digits(static_cast<unsigned>(time.minutes().count())) + ':';
  out += two_digits(static_cast<unsigned>(time.seconds().count())) + " +0000";
  return out;
}

}  // namespace sallyport::mail
