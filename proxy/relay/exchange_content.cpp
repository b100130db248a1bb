// The content's way through an exchange: BDAT where CHUNKING is offered, else DATA with its dots.
#include "base/faults.h"
#include "base/mail/replies.h"
#include "base/text.h"
#include "proxy/relay/exchange.h"

namespace sallyport::relay {
namespace {

// What is written at once. Also how much at most follows the last look at client and next hop.
constexpr std::size_t kChunk = 64 * 1024;
constexpr std::size_t kLittle = 2 * 1024;

}  // namespace

io::Task<Step> Exchange::begin_content() {
  if (hop_.capabilities().chunking) co_return Step{};
  if (!data_reply_) {
    auto reply = co_await hop_.command("DATA\r\n", patience_.for_command());
    if (!reply) co_return stop(fault_of(reply.error()));
    data_reply_ = std::move(*reply);
  }
  if (data_reply_->code == 354) co_return Step{};
  const auto words = "DATA: " + one_line(*data_reply_);
  if (is_closing(*data_reply_)) co_return stop(WayFault{Way::refusing, words, nullptr});
  const bool answers = data_reply_->transient() || data_reply_->permanent();
  if (!answers || refuses_us(*data_reply_)) co_return stop(WayFault{Way::refusing, words, "way_refused"});
  co_return stop(*data_reply_, Asked::content);
}

io::Task<Step> Exchange::send_content(const std::function<bool()>& still_there) {
  faults::crash_point("relay.data");
  content_begun_ = true;
  if (hop_.capabilities().chunking) out_ = "BDAT " + std::to_string(message_.size()) + " LAST\r\n";
  frame(message_.trace);
  if (auto framed = co_await frame_content(); !framed) co_return framed;
  if (!hop_.capabilities().chunking) dots_.finish(end_);
  co_return co_await push_last(still_there);
}

// Little is copied, so that it goes out in one piece with what stands before it; the rest stays where it
// is.
void Exchange::frame(std::string_view content) {
  const bool unchanged = hop_.capabilities().chunking || dots_.passes(content);
  if (unchanged && content.size() > kLittle) {
    as_it_is_ = content;
  } else if (unchanged) {
    out_ += content;
  } else {
    dots_.feed(content, out_);
  }
}

// All of the content, which is written whenever there is a chunk of it and more is to come.
io::Task<Step> Exchange::frame_content() {
  for (std::uint64_t offset = 0; offset < message_.content.size();) {
    const auto piece = co_await message_.content.piece(offset);
    if (!piece) {
      co_return stop(Fate::deferred, mail::reply(mail::Refusal::cannot_read_back), piece.error().detail);
    }
    for (auto rest = *piece; !rest.empty();) {
      if (unwritten() >= kChunk || !as_it_is_.empty()) {
        if (auto pushed = co_await push(); !pushed) co_return pushed;
      }
      const auto chunk = rest.substr(0, kChunk);
      frame(chunk);
      rest.remove_prefix(chunk.size());
    }
    offset += piece->size();
    if (as_it_is_.empty() || offset >= message_.content.size()) continue;
    if (auto pushed = co_await push(); !pushed) co_return pushed;
  }
  co_return Step{};
}

// A refusal that comes before the end is an answer; anything else that comes, or the end of the
// connection, means that this message will not be taken.
io::Task<Step> Exchange::look_aside() {
  mail::Reply reply;
  const auto aside = co_await hop_.early_reply(reply, patience_.for_command());
  if (aside == Connection::Aside::nothing) co_return Step{};
  if (aside == Connection::Aside::reply && (reply.transient() || reply.permanent())) {
    co_return stop(reply, Asked::content);
  }
  co_return stop(Fate::deferred, way_reply(Way::lost), "connection lost in the middle of the message");
}

io::Task<Result<>> Exchange::write_out() {
  const std::string_view parts[] = {out_, as_it_is_, end_};
  auto written = co_await hop_.write(parts, patience_.for_command());
  out_.clear();
  as_it_is_ = {};
  co_return written;
}

io::Task<Step> Exchange::push() {
  if (auto looked = co_await look_aside(); !looked) co_return looked;
  const auto written = co_await write_out();
  faults::crash_point("relay.content");
  if (written) co_return Step{};
  // A next hop that closes has often said why.
  if (auto looked = co_await look_aside(); !looked) co_return looked;
  co_return stop(Fate::deferred, way_reply(patience_.over() ? Way::busy : Way::lost),
                 written.error().detail);
}

io::Task<Step> Exchange::push_last(const std::function<bool()>& still_there) {
  if (auto looked = co_await look_aside(); !looked) co_return looked;
  if (patience_.over()) co_return stop(Fate::deferred, way_reply(Way::busy), "no time left");
  if (still_there && !still_there()) co_return stop(Fate::client_gone, way_reply(Way::lost));
  faults::crash_point("relay.before-dot");
  hop_.owe(answers_due());
  const auto written = co_await write_out();
  faults::crash_point("relay.dot");
  if (written) co_return Step{};
  mail::Reply reply;
  const auto aside = co_await hop_.early_reply(reply, patience_.for_command());
  if (aside == Connection::Aside::reply && (reply.transient() || reply.permanent())) {
    co_return stop(reply, Asked::content);
  }
  // Nobody can tell whether the dot got through.
  co_return stop(Fate::ambiguous, way_reply(Way::lost), written.error().detail);
}

io::Task<bool> Exchange::collect_results() {
  const auto deadline = patience_.clock.now() + patience_.answer;
  bool in_step = true;
  for (int i = 0; i < answers_due(); ++i) {
    auto reply =
        faults::mutant("early-250") ? mail::reply(mail::Answer::ok) : co_await hop_.receive(deadline);
    if (!reply || reply->code / 100 == 3) {
      in_step = false;
      break;
    }
    if (is_closing(*reply)) in_step = false;
    accepted_[static_cast<std::size_t>(i)]->result = std::move(*reply);
  }
  // SMTP has one answer for all; a recipient that shares another's mailbox shares its answer.
  for (auto& slot : slots_) {
    if (!hop_.lmtp() && slot.accepted) slot.result = accepted_.front()->result;
    if (!slot.shares) continue;
    for (const auto* other : accepted_) {
      if (iequals(other->address, slot.address)) slot.result = other->result;
    }
  }
  co_return in_step;
}

}  // namespace sallyport::relay
