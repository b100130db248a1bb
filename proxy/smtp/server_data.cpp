// DATA (RFC 5321 4.1.1.4): content up to CRLF.CRLF, and what becomes of content that is refused.
#include <algorithm>
#include <utility>

#include "proxy/smtp/server_state.h"

namespace sallyport::smtp {
namespace {

using Why = Close::Why;

// So much is decoded at a time.
constexpr std::size_t slice_octets = 32 * 1024;

constexpr std::uint64_t least_discard_allowance = 1'000'000;

}  // namespace

bool is_line_end_fault(mail::ContentFault fault) {
  return fault != mail::ContentFault::none && fault != mail::ContentFault::line_too_long;
}

mail::Reply content_fault_reply(mail::ContentFault fault) {
  switch (fault) {
    case mail::ContentFault::bare_cr:
      return mail::reply(mail::Refusal::bare_cr);
    case mail::ContentFault::bare_lf:
      return mail::reply(mail::Refusal::bare_lf);
    case mail::ContentFault::nul:
      return mail::reply(mail::Refusal::nul);
    case mail::ContentFault::none:
    case mail::ContentFault::line_too_long:
      break;
  }
  return mail::reply(mail::Refusal::line_too_long);
}

// RFC 1870 6.3.
mail::Reply ServerMachine::State::too_large() const {
  return mail::reply(mail::Refusal::message_too_large, std::to_string(options.message_size));
}

// What is still read of a message that is refused already, so that a polite client gets its answer.
std::uint64_t ServerMachine::State::discard_allowance() const {
  return std::max(options.message_size, least_discard_allowance);
}

// Why no message can begin now (RFC 5321 3.3, RFC 2033 4.2, RFC 3030 2).
std::optional<mail::Reply> ServerMachine::State::message_refusal() const {
  if (helo_name.empty()) return mail::reply(mail::Refusal::helo_first);
  if (!transaction) return mail::reply(mail::Refusal::mail_first);
  if (transaction->recipients > 0) return std::nullopt;
  if (transaction->rcpt_commands == 0 || options.lmtp) return mail::reply(mail::Refusal::rcpt_first);
  return mail::reply(mail::Refusal::no_valid_recipients);
}

void ServerMachine::State::data(std::string_view argument) {
  if (!argument.empty()) return refuse(mail::Refusal::data_argument);
  if (const auto refusal = message_refusal()) return tell(*refusal);
  if (transaction->message) return refuse(mail::Refusal::message_begun);
  asked = Asked::data;
  upcoming = DataBegins{};
}

void ServerMachine::State::answer_data(const mail::Reply& reply) {
  if (chunk) return answer_first_chunk(reply);
  if (reply.code != 354) {
    if (!too_much_junk()) tell(reply);
    return;
  }
  say("354 End data with <CR><LF>.<CR><LF>");
  transaction->message.emplace(options.line_length);
  transaction->message->decoder.emplace(options.line_length, options.normalize_line_ends);
  phase = Phase::data;
}

bool ServerMachine::State::read_data(std::string_view& input) {
  if (input.empty()) return false;
  Message& message = *transaction->message;
  std::string_view slice = input.substr(0, slice_octets);
  const std::size_t offered = slice.size();
  scratch.clear();
  scratch.reserve(offered);
  const bool ended = message.decoder->feed(slice, scratch);
  const std::size_t consumed = offered - slice.size();
  input.remove_prefix(consumed);

  const bool refused_before = message.refused();
  accept_content(scratch);
  if (ended)
    phase = Phase::content_complete;
  else if (refused_before)
    count_discarded(consumed);
  return true;
}

void ServerMachine::State::accept_content(std::string_view content) {
  Message& message = *transaction->message;
  message.octets += content.size();
  if (message.octets > options.message_size && !message.refusal) message.refusal = too_large();
  if (!content.empty() && !message.refused()) upcoming = Body{content};
}

// The reply is due at the true end of the message, but that is not waited for without limit.
void ServerMachine::State::count_discarded(std::uint64_t octets) {
  Message& message = *transaction->message;
  message.discarded += octets;
  if (message.discarded > discard_allowance()) refuse_unfinished(Why::protocol_abuse);
}

// The refusal of a message whose true end is not waited for.
void ServerMachine::State::refuse_unfinished(Why reason) {
  const Message& message = *transaction->message;
  const mail::Reply reply = message.refusal.value_or(content_fault_reply(message.fault()));
  append_copies(reply);
  close_with(reply, reason);
}

// Under DATA a wrong line end outweighs every other reason for a refusal: whoever sends one may be
// smuggling, and is given no second try in this session. BDAT leaves no doubt about where it ends.
void ServerMachine::State::end_content() {
  scratch = std::string();
  const Message& message = *transaction->message;
  const mail::ContentFault fault = message.fault();
  if (message.decoder && is_line_end_fault(fault)) {
    const mail::Reply reply = content_fault_reply(fault);
    append_copies(reply);
    return close_with(reply, Why::protocol_abuse);
  }
  if (message.refusal) return drop_message(mail::Reply(*message.refusal));
  if (fault != mail::ContentFault::none) return drop_message(content_fault_reply(fault));
  asked = Asked::message;
  upcoming = MessageEnds{};
}

}  // namespace sallyport::smtp
