#include "proxy/relay/way.h"

#include <algorithm>
#include <utility>

#include "base/mail/replies.h"
#include "base/text.h"

namespace sallyport::relay {
namespace {

constexpr std::size_t kMaxText = 1000;

// For a next hop without enhanced codes. A refused recipient is an unknown one, unless the code is the one
// for a full mailbox.
mail::EnhancedCode stand_in(int code, Asked asked) {
  const auto klass = static_cast<std::uint8_t>(code / 100);
  if (asked != Asked::recipient) return {klass, 0, 0};
  if (code == 452 || code == 552) return {klass, 2, 2};
  return klass == 5 ? mail::EnhancedCode{5, 1, 1} : mail::EnhancedCode{klass, 2, 0};
}

std::string bounded(const std::string& text) {
  std::string out;
  for (const char c : text) out += is_control(c) && c != '\n' ? '?' : c;
  if (out.size() > kMaxText) {
    out.resize(kMaxText);
    // Cut before a UTF-8 sequence, not inside it.
    while (!out.empty() && !is_valid_utf8(out)) out.pop_back();
  }
  return trim(out).empty() ? "Refused by the destination" : out;
}

}  // namespace

std::unexpected<WayFault> way_fault(Way way, std::string detail, const char* trouble) {
  return std::unexpected(WayFault{way, std::move(detail), trouble});
}

WayFault fault_of(const Error& error) {
  if (error.code == Errc::invalid) return {Way::refusing, error.detail, "way_refused"};
  if (error.code == Errc::timeout) return {Way::lost, "timed out: " + error.detail, nullptr};
  return {Way::lost, "connection lost: " + error.detail, nullptr};
}

mail::Reply way_reply(Way way) {
  switch (way) {
    case Way::unreachable:
      return mail::reply(mail::Refusal::unreachable);
    case Way::lost:
      return mail::reply(mail::Refusal::connection_lost);
    case Way::refusing:
      return mail::reply(mail::Refusal::destination_refuses);
    case Way::insecure:
      return mail::reply(mail::Refusal::insecure);
    case Way::loop:
      return mail::reply(mail::Refusal::way_loop);
    case Way::busy:
      break;
  }
  return mail::reply(mail::Refusal::busy);
}

mail::Reply passed_on(const mail::Reply& reply, Asked asked) {
  const int code = is_closing(reply) ? 451 : reply.code;
  const bool valid = reply.enhanced && reply.enhanced.klass == code / 100;
  return mail::reply(code, valid ? reply.enhanced : stand_in(code, asked), bounded(reply.text));
}

bool refuses_us(const mail::Reply& reply) {
  return reply.code == 530 || reply.code == 535 || reply.code == 538;
}

bool refuses_asking(const mail::Reply& reply) {
  return refuses_us(reply) ||
         (reply.permanent() && reply.enhanced.klass == 5 && reply.enhanced.subject == 7);
}

std::string one_line(const mail::Reply& reply) {
  std::string line = std::to_string(reply.code);
  if (reply.enhanced) line += " " + reply.enhanced.to_string();
  line += " " + reply.text;
  std::ranges::replace(line, '\n', ' ');
  return printable(line);
}

}  // namespace sallyport::relay
