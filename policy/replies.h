// The reply table: every refusal that the judgement can give, with its code and words in one place.
// tests/check-replies holds docs/replies.md against it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/mail/reply.h"

namespace sallyport::policy {

enum class Refusal {
  relay,
  percent_hack,
  barred_sender,
  barred_recipient,
  no_domain,
  other_route,
  loop,
  not_utf8_capable,
  too_large_for_route,
  eight_bit,
  client,
  client_later,
  reverse_name,
  sender_domain,
  sender_null_mx,
  spf_fail,
  spf_broken,
  dns_trouble,
};

struct RefusalText {
  Refusal refusal;
  const char* name;  // in events: "relay", "percent-hack", ...
  int code;
  mail::EnhancedCode enhanced;
  const char* text;  // {} stands for the detail
  const char* help;  // for the docs: what the admin or the sender can do
};

std::span<const RefusalText> refusal_texts();
const RefusalText& text_of(Refusal refusal);
mail::Reply reply_for(Refusal refusal, std::string_view detail = {});

}  // namespace sallyport::policy
