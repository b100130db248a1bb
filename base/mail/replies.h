// The reply table: every reply that is Sallyport's own, once, with its code, words and, for a refusal, what
// to do. Replies of next hops are passed on, and barring lists have their operator's text.
//
// A refusal and an answer are types of their own, and the table is checked when it is compiled: a refusal
// of 2xx cannot be built. docs/replies.md is made from it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/mail/reply.h"

namespace sallyport::mail {

// 4xx and 5xx, in the order of docs/replies.md.
enum class Refusal : std::uint8_t {
  too_many_sessions,
  too_many_new_sessions,
  connection_rate,
  turned_away,
  internal_error,
  timeout,
  going_down,
  too_many_errors,
  too_much_junk,
  too_many_broken_lines,
  too_many_recipient_commands,
  too_many_failed_logins,
  talked_early,
  illegal_pipelining,
  other_protocol,
  command_too_long,
  broken_line,
  unknown_command,
  not_implemented,
  no_expn,
  not_a_front_end,
  this_is_lmtp,
  this_is_smtp,
  bad_helo,
  helo_first,
  ehlo_first,
  mail_first,
  sender_given,
  rcpt_first,
  message_begun,
  inside_transaction,
  starttls_unavailable,
  tls_active,
  starttls_required,
  authentication_required,
  authentication_in_clear,
  authentication_not_offered,
  authenticated_already,
  mechanism_not_offered,
  wrong_password,
  authorization_refused,
  authentication_unavailable,
  authentication_cancelled,
  auth_response_malformed,
  auth_line_too_long,
  auth_syntax,
  bdat_syntax,
  data_argument,
  rset_argument,
  quit_argument,
  starttls_argument,
  vrfy_argument,
  parameter_malformed,
  parameter_unknown,

  relay,
  percent_hack,
  barred_sender,
  barred_recipient,
  blocked_sender,
  no_domain,
  mail_syntax,
  rcpt_syntax,
  bad_sender,
  bad_recipient,
  domain_not_normal,
  sender_not_ascii,
  recipient_not_ascii,
  not_utf8_capable,
  destination_not_utf8_capable,
  recipient_unknown,
  bad_address,
  too_many_recipients,
  harvest,
  over_rate,
  other_route,
  too_large_for_route,
  too_large_for_recipient,
  size_over_limit,

  client,
  client_later,
  reverse_name,
  sender_domain,
  sender_null_mx,
  spf_fail,
  spf_broken,
  dns_trouble,
  greylisted,

  no_valid_recipients,
  bare_cr,
  bare_lf,
  nul,
  line_too_long,
  malformed_header,
  header_too_large,
  message_too_large,
  too_many_chunks,
  eight_bit,
  loop,
  no_space,
  cannot_store,
  cannot_read_back,

  unreachable,
  connection_lost,
  destination_refuses,
  insecure,
  way_loop,
  busy,
  utf8_withdrawn,
  recipient_refused_late,
  delivered_in_part,
  on_its_own,
};

// 2xx.
enum class Answer : std::uint8_t {
  ok,
  sender_ok,
  recipient_ok,
  delivered_earlier,
  chunk_received,
  cannot_verify,
  starttls_ready,
  authenticated,
  help,
  bye,
};

enum class Chapter : std::uint8_t { session, addresses, strangers, message, way };

struct RefusalText {
  Refusal refusal;
  Chapter chapter;
  const char* name;  // in events: "relay", "percent-hack", ...
  int code;
  EnhancedCode enhanced;
  const char* text;  // {} stands for the detail
  const char* help;  // for the page: when it is given, and what the admin or the sender can do
};

std::span<const RefusalText> refusal_texts();
const RefusalText& text_of(Refusal refusal);
const RefusalText* refusal_named(std::string_view name);  // as events have it; null: none is called so
Reply reply(Refusal refusal, std::string_view detail = {});
Reply reply(Answer answer, std::string_view detail = {});

// Why, as events say it: a refusal's name, kNextHop for what is passed on, "" for an answer.
inline constexpr std::string_view kNextHop = "next hop";
std::string_view reason_of(const Reply& reply);

// docs/replies.md.
std::string replies_reference();

}  // namespace sallyport::mail
