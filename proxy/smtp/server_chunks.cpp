// BDAT (RFC 3030): content framed by count. The octets that a BDAT announces are consumed whatever is
// answered, or the session ends: they must never be read as commands.
//
// Any refusal ends the transaction. RFC 3030 2 leaves it indeterminate, and chunks that were pipelined
// behind the refused one must not become a message of their own.
#include <algorithm>
#include <utility>

#include "proxy/smtp/server_state.h"

namespace sallyport::smtp {
namespace {

using Why = Close::Why;

// A message in chunks of 1 KiB on average always fits, and a thousand small ones beside it.
std::uint64_t max_chunks(std::uint64_t message_size) { return 1'000 + message_size / 1024; }
constexpr std::size_t slice_octets = 32 * 1024;

}  // namespace

void ServerMachine::State::bdat(std::string_view argument) {
  const auto announced = parse_chunk_argument(argument);
  if (!announced) return close_with(mail::reply(mail::Refusal::bdat_syntax), Why::protocol_abuse);
  auto refusal = chunk_refusal(*announced);
  if (refusal && announced->octets > discard_allowance()) return close_with(*refusal, Why::protocol_abuse);
  chunk = Chunk{announced->octets, announced->octets, announced->last, std::move(refusal)};
  if (chunk->refusal || transaction->message) return begin_chunk();
  asked = Asked::data;
  upcoming = DataBegins{.chunked = true};
}

std::optional<mail::Reply> ServerMachine::State::chunk_refusal(const ChunkArgument& announced) const {
  if (options.tls_required && !tls) return mail::reply(mail::Refusal::starttls_required);
  if (auto refusal = message_refusal()) return refusal;
  const auto& message = transaction->message;
  if (message && message->refusal) return message->refusal;
  if (message && message->chunks >= max_chunks(options.message_size))
    return mail::reply(mail::Refusal::too_many_chunks);
  // Never below zero: a message that has grown over its limit is refused already.
  const std::uint64_t room = options.message_size - (message ? message->octets : 0);
  if (announced.octets > room) return too_large();
  return std::nullopt;
}

void ServerMachine::State::answer_first_chunk(const mail::Reply& reply) {
  if (reply.code == 354)
    transaction->message.emplace(options.line_length);
  else
    chunk->refusal = reply;
  begin_chunk();
}

void ServerMachine::State::begin_chunk() {
  if (transaction && transaction->message) ++transaction->message->chunks;
  phase = Phase::chunk;
}

bool ServerMachine::State::read_chunk(std::string_view& input) {
  if (chunk->left == 0) {
    end_chunk();
    return true;
  }
  if (input.empty()) return false;
  std::uint64_t length = std::min<std::uint64_t>(chunk->left, input.size());
  if (options.normalize_line_ends) length = std::min<std::uint64_t>(length, slice_octets);
  take_chunk_octets(input.substr(0, length));
  input.remove_prefix(length);
  chunk->left -= length;
  return true;
}

void ServerMachine::State::take_chunk_octets(std::string_view octets) {
  if (chunk->refusal) return;
  Message& message = *transaction->message;
  if (options.normalize_line_ends) {
    scratch.clear();
    message.normalizer.feed(octets, scratch);
    octets = scratch;
  }
  message.watch.feed(octets);
  accept_content(octets);
}

void ServerMachine::State::end_chunk() {
  phase = Phase::command;
  const Chunk ended = *std::exchange(chunk, std::nullopt);
  if (ended.refusal) return drop_chunk(*ended.refusal, ended.last);
  if (ended.last) return end_last_chunk();
  const Message& message = *transaction->message;
  if (message.refused())
    return drop_chunk(message.refusal.value_or(content_fault_reply(message.fault())), false);
  tell(mail::reply(mail::Answer::chunk_received, std::to_string(ended.octets)));
}

void ServerMachine::State::end_last_chunk() {
  Message& message = *transaction->message;
  scratch.clear();
  message.normalizer.finish(scratch);
  message.watch.feed(scratch);
  message.watch.finish();
  accept_content(scratch);
  phase = Phase::content_complete;
}

// Only the answer to LAST is given once for each recipient in LMTP (RFC 2033 4.3).
void ServerMachine::State::drop_chunk(const mail::Reply& reply, bool last) {
  if (!transaction) return tell(reply);
  if (transaction->message) {
    dropped = MessageDropped{reply};
  } else {
    note(reply);
    reset = true;
  }
  if (last)
    tell_each(reply);
  else
    give(reply);
  transaction.reset();
}

}  // namespace sallyport::smtp
