#include "proxy/refusal_event.h"

#include <algorithm>

#include "base/mail/replies.h"

namespace sallyport::proxy {
namespace {

// "" where it is not about a recipient.
std::string_view recipient_of(const smtp::Refused& refused) {
  return refused.verb == smtp::Verb::rcpt ? smtp::written_recipient(refused.command) : std::string_view();
}

bool is_command(const smtp::Refused& refused) { return recipient_of(refused).empty(); }
bool is_any(const smtp::Refused&) { return true; }

void record(store::Event& event, const smtp::Refusals& refusals, bool (*wanted)(const smtp::Refused&)) {
  const auto& list = refusals.list();
  if (std::ranges::any_of(list, wanted)) {
    event.begin_list("refused");
    for (const smtp::Refused& refused : list) {
      if (!wanted(refused)) continue;
      event.begin_item().text("command", refused.command);
      record_reply(event, refused.reply);
      event.end_item();
    }
    event.end_list();
  }
  if (refusals.count() > list.size()) event.number("refusals", static_cast<std::int64_t>(refusals.count()));
}

}  // namespace

void record_reply(store::Event& event, const mail::Reply& reply) {
  event.number("code", reply.code)
      .text("enhanced", reply.enhanced ? reply.enhanced.to_string() : "")
      .text("reply", reply.text)
      .text("why", mail::reason_of(reply));
}

void record_refusals(store::Event& event, const smtp::Refusals& refusals) {
  record(event, refusals, is_any);
}

void record_refused_commands(store::Event& event, const smtp::Refusals& refusals) {
  record(event, refusals, is_command);
}

void record_refused_recipients(store::Event& event, const smtp::Refusals& refusals) {
  for (const smtp::Refused& refused : refusals.list()) {
    if (is_command(refused)) continue;
    event.begin_item().text("address", recipient_of(refused));
    record_reply(event, refused.reply);
    event.end_item();
  }
}

}  // namespace sallyport::proxy
