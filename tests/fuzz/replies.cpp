// What a next hop says: bounded, printable, and ours again when it is passed on.
#include <algorithm>
#include <tuple>

#include "base/mail/reply.h"
#include "base/text.h"
#include "proxy/relay/capabilities.h"
#include "proxy/relay/way.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sallyport::fuzz {
namespace {

class Parsing {
 public:
  void feed(std::string_view piece) {
    while (state_ != mail::ReplyParser::State::broken && !piece.empty()) {
      state_ = parser_.feed(piece);
      if (state_ != mail::ReplyParser::State::done) continue;
      replies_.push_back(parser_.reply());
      lines_ = parser_.lines();
      promise(lines_.size() <= 100, "a reply is bounded");
    }
  }
  auto result() const { return std::tuple(state_, replies_, lines_, parser_.why_broken()); }

 private:
  mail::ReplyParser parser_;
  mail::ReplyParser::State state_ = mail::ReplyParser::State::more;
  std::vector<mail::Reply> replies_;
  std::vector<std::string> lines_;
};

void check_wire(const mail::Reply& reply) {
  const std::string wire = reply.wire("testid");
  std::string_view rest = wire;
  while (!rest.empty()) {
    const std::size_t end = rest.find("\r\n");
    promise(end != std::string_view::npos && end + 2 <= 512,
            "a reply line is a line of at most 512 octets");
    promise(std::ranges::all_of(rest.substr(0, end), [](char c) { return c >= ' ' && c < '\x7f'; }),
            "what we say is printable ASCII");
    rest.remove_prefix(end + 2);
  }
  promise(reply.code < 400 || wire.find("id testid\r\n") + 11 == wire.size(), "4xx and 5xx end in an id");
  mail::ReplyParser parser;
  std::string_view input = wire;
  promise(parser.feed(input) == mail::ReplyParser::State::done && input.empty(), "it is one reply");
  promise(parser.reply().code == reply.code, "its code is kept");
  const bool kept = !reply.enhanced || parser.reply().enhanced == reply.enhanced;
  promise(kept, "its enhanced code is kept");
}

void check_reply(const mail::Reply& reply) {
  promise(reply.code >= 200 && reply.code <= 599, "codes from 200 to 599");
  promise(!reply.enhanced || reply.enhanced.klass == reply.code / 100, "the enhanced code is of its class");
  promise(std::ranges::none_of(reply.text, [](char c) { return is_control(c) && c != '\n'; }), "printable");
  promise(is_valid_utf8(reply.text), "valid UTF-8");
  check_wire(reply);
  (void)relay::one_line(reply);
  if (!reply.transient() && !reply.permanent()) return;
  for (const auto asked : {relay::Asked::sender, relay::Asked::recipient, relay::Asked::content}) {
    const auto passed = relay::passed_on(reply, asked);
    promise(passed.code != 421, "the next hop does not end our session");
    promise(passed.enhanced.klass == passed.code / 100, "what is passed on has an enhanced code");
    promise(passed.permanent() == reply.permanent(), "a refusal stays as final as it was");
    check_wire(passed);
  }
}

}  // namespace

void replies(std::string_view input) {
  const std::string bytes = spell(input, reply_letters());
  const auto [state, all, lines, why] = same_however_cut(bytes, [] { return Parsing(); });
  promise((state == mail::ReplyParser::State::broken) == !why.empty(), "what is broken says why");
  for (const auto& reply : all) check_reply(reply);
  const auto offered = relay::HopCapabilities::parse(lines);
  promise(relay::HopCapabilities::from_record(offered.to_record()) == offered,
          "what is offered is remembered");
}

}  // namespace sallyport::fuzz
