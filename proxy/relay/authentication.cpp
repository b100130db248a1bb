#include "proxy/relay/authentication.h"

#include "base/mail/codec.h"

namespace sallyport::relay {
namespace {

using namespace std::string_literals;

WayResult<> judged(const Result<mail::Reply>& reply, int wanted) {
  if (!reply) return std::unexpected(fault_of(reply.error()));
  if (reply->code == wanted) return {};
  return way_fault(Way::refusing, "AUTH: " + one_line(*reply), "way_refused");
}

io::Task<WayResult<>> login(Connection& hop, const Credentials& credentials, TimePoint deadline) {
  auto asked = judged(co_await hop.command("AUTH LOGIN\r\n", deadline), 334);
  if (!asked) co_return asked;
  asked = judged(co_await hop.command(mail::base64_encode(credentials.user) + "\r\n", deadline), 334);
  if (!asked) co_return asked;
  co_return judged(co_await hop.command(mail::base64_encode(credentials.password) + "\r\n", deadline), 235);
}

}  // namespace

io::Task<WayResult<>> authenticate(Connection& hop, const Credentials& credentials, TimePoint deadline) {
  if (hop.capabilities().auth_plain) {
    const auto message = "\0"s + credentials.user + "\0"s + credentials.password;
    const auto line = "AUTH PLAIN " + mail::base64_encode(message) + "\r\n";
    co_return judged(co_await hop.command(line, deadline), 235);
  }
  if (hop.capabilities().auth_login) co_return co_await login(hop, credentials, deadline);
  co_return way_fault(Way::refusing, "neither AUTH PLAIN nor LOGIN is offered", "way_refused");
}

}  // namespace sallyport::relay
