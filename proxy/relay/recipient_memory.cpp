#include "proxy/relay/recipient_memory.h"

#include "base/mail/replies.h"
#include "base/text.h"

namespace sallyport::relay {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr const char* kRecipients = "recipient";
constexpr const char* kRefused = "refused";
constexpr const char* kDomains = "unverifiable";

constexpr auto kFoundKept = hours(24 * 31);
constexpr auto kUnknownKept = minutes(10);
constexpr auto kRefusedKept = hours(24);
constexpr auto kTrustKept = hours(1);
constexpr std::int64_t kFresh = 3600;          // seconds
constexpr std::int64_t kRefreshedAfter = 600;  // a delivery renews a record older than that

constexpr std::string_view kFoundPrefix = "found ";

// `host`: asked_host(), in words.
std::string found_key(const std::string& host, const mail::Path& recipient) {
  return host + " " + recipient.spelling();
}

// Exactly as the next hop was told: whether ANNA and anna, or the two forms of a domain, are one is its to
// say.
std::string unknown_key(const std::string& host, const mail::Path& recipient) {
  return host + " <" + recipient.address() + ">";
}

std::string domain_key(const Route& route, const mail::Path& recipient) {
  return asked_host(route).to_string() + " " + recipient.domain_ascii;
}

std::string pair_key(const mail::Path& sender, const mail::Path& recipient) {
  return "<" + sender.address() + "> <" + recipient.address() + ">";
}

// The form on the wire is also a good one to keep: ReplyParser reads it back with all its checks.
std::string to_record(const mail::Reply& reply) { return reply.wire(""); }

std::optional<mail::Reply> from_record(std::string_view record) {
  mail::ReplyParser parser;
  if (parser.feed(record) != mail::ReplyParser::State::done) return std::nullopt;
  return parser.reply();
}

// What a delivery left behind are the next hop's words, or that one of ours.
mail::Reply recognized(mail::Reply reply) {
  auto ours = mail::reply(mail::Refusal::on_its_own);
  const bool is_ours = reply.code == ours.code && reply.text == ours.text;
  return is_ours ? ours : reply;
}

// Everything else (parameters, size, too many recipients, a full mailbox) is true of one message, perhaps
// not of the next. A reply without an enhanced code has got 5.1.1 by now, whatever its code: so both count.
bool speaks_of_recipient(const mail::Reply& reply) {
  const auto& code = reply.enhanced;
  const bool is_refusal = reply.code == 550 || reply.code == 551 || reply.code == 553;
  return is_refusal && (code.subject == 1 || code == mail::EnhancedCode{5, 2, 1});
}

}  // namespace

const Host& asked_host(const Route& route) {
  static const Host nowhere;
  if (route.ask_host) return *route.ask_host;
  return route.hosts.empty() ? nowhere : route.hosts.front();
}

std::int64_t RecipientMemory::seconds() const {
  return std::chrono::duration_cast<std::chrono::seconds>(state_.now().time_since_epoch()).count();
}

std::optional<KnownRecipient> RecipientMemory::recall(const Route& route,
                                                      const mail::Path& recipient) const {
  const auto host = asked_host(route).to_string();
  if (const auto record = state_.get(kRecipients, unknown_key(host, recipient)))
    if (const auto reply = from_record(*record))
      return KnownRecipient{.found = false, .fresh = true, .reply = *reply};
  const auto record = state_.get(kRecipients, found_key(host, recipient));
  if (!record || !record->starts_with(kFoundPrefix)) return std::nullopt;
  const auto since = parse_unsigned(std::string_view(*record).substr(kFoundPrefix.size())).value_or(0);
  const auto age = seconds() - static_cast<std::int64_t>(since);
  // A clock that was set back makes the record stale, not eternal.
  return KnownRecipient{.found = true, .fresh = age >= 0 && age < kFresh, .reply = {}};
}

void RecipientMemory::found(const Route& route, const mail::Path& recipient) {
  const auto host = asked_host(route).to_string();
  state_.erase(kRecipients, unknown_key(host, recipient));
  const auto key = found_key(host, recipient);
  const auto now = seconds();
  if (const auto record = state_.get(kRecipients, key); record && record->starts_with(kFoundPrefix)) {
    const auto since = parse_unsigned(std::string_view(*record).substr(kFoundPrefix.size())).value_or(0);
    const auto age = now - static_cast<std::int64_t>(since);
    if (age >= 0 && age < kRefreshedAfter) return;
  }
  state_.put(kRecipients, key, std::string(kFoundPrefix) + std::to_string(now), state_.now() + kFoundKept);
}

void RecipientMemory::unknown(const Route& route, const mail::Path& recipient, const mail::Reply& reply) {
  const auto key = unknown_key(asked_host(route).to_string(), recipient);
  state_.put(kRecipients, key, to_record(reply), state_.now() + kUnknownKept);
}

DomainTrust RecipientMemory::trust(const Route& route, const mail::Path& recipient) const {
  const auto record = state_.get(kDomains, domain_key(route, recipient));
  if (!record) return DomainTrust::untested;
  return *record == "yes" ? DomainTrust::unverifiable : DomainTrust::verifiable;
}

void RecipientMemory::set_trust(const Route& route, const mail::Path& recipient, DomainTrust trust) {
  state_.put(kDomains, domain_key(route, recipient), trust == DomainTrust::unverifiable ? "yes" : "no",
             state_.now() + kTrustKept);
}

// A refusal for good that does not speak of the recipient parts it from the others as a temporary one: the
// message hears it at its own dot, and no other one does.
void RecipientMemory::refused(const Envelope& envelope, const mail::Path& recipient,
                              const mail::Reply& reply) {
  const bool told = reply.transient() || speaks_of_recipient(reply);
  const auto record = to_record(told ? reply : mail::reply(mail::Refusal::on_its_own));
  const auto pair = pair_key(envelope.sender, recipient);
  const auto expires = state_.now() + kRefusedKept;
  state_.put(kRefused, pair, "", expires);
  state_.put(kRefused, pair + " " + envelope.identity, envelope.id + " " + record, expires);
}

bool RecipientMemory::may_have_refused(const mail::Path& sender, const mail::Path& recipient) const {
  return state_.get(kRefused, pair_key(sender, recipient)).has_value();
}

std::optional<RefusedBefore> RecipientMemory::take_refusal(const Asker& asker,
                                                           const mail::Path& recipient) {
  if (!asker.identity) return std::nullopt;
  const auto key = pair_key(asker.sender, recipient) + " " + *asker.identity;
  const auto record = state_.get(kRefused, key);
  if (!record) return std::nullopt;
  const auto blank = record->find(' ');
  auto reply = from_record(std::string_view(*record).substr(blank + 1));
  const bool is_anybody = asker.sender.is_null() || asker.identity->empty();
  if (!reply || reply->transient() || is_anybody) state_.erase(kRefused, key);
  if (!reply) return std::nullopt;
  return RefusedBefore{recognized(std::move(*reply)), record->substr(0, blank)};
}

}  // namespace sallyport::relay
