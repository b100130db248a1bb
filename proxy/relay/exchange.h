// One mail transaction on one connection: MAIL, RCPT, the content, the answers.
//
// Lives in its caller's frame; every reference outlives it. A step ends in success or in a Stop: a fault
// of the way before any content was sent (another connection may be tried), or the end of the delivery.
#pragma once

#include <algorithm>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mail/content.h"
#include "base/store/message_buffer.h"
#include "proxy/relay/connection.h"
#include "proxy/relay/relay.h"
#include "proxy/relay/way.h"

namespace sallyport::relay {

// One RCPT command, and what came of it.
struct Slot {
  const Recipient* recipient = nullptr;
  std::string address;  // as sent; the role mailbox if the recipient was not known
  bool redirected = false;
  bool accepted = false;
  bool shares = false;                // redirected to an address that has its own slot
  mail::Reply reply;                  // to RCPT
  std::optional<mail::Reply> result;  // after the final dot; empty: none came
};

struct Stop {
  std::optional<WayFault> fault;  // set: no content was sent, and it may be tried elsewhere
  Fate fate = Fate::deferred;
  mail::Reply reply;  // for the client
  std::string words;  // of the next hop
};
using Step = std::expected<void, Stop>;

std::unexpected<Stop> stop(WayFault fault);
std::unexpected<Stop> stop(Fate fate, mail::Reply reply, std::string words = {});
// A refusal by the next hop, passed on.
std::unexpected<Stop> stop(const mail::Reply& reply, Asked asked);

struct Message {
  const Envelope& envelope;
  const std::string& trace;
  store::MessageBuffer& content;
  std::uint64_t size() const { return trace.size() + content.size(); }
};

struct Patience {
  const Clock& clock;
  std::chrono::milliseconds command;
  std::chrono::milliseconds answer;  // to the final dot
  TimePoint give_up;                 // no final dot after it
  TimePoint for_command() const { return std::min(give_up, clock.now() + command); }
  bool over() const { return clock.now() >= give_up; }
};

class Exchange {
 public:
  Exchange(Connection& hop, const Message& message, std::vector<Slot>& slots, const Patience& patience)
      : hop_(hop), message_(message), slots_(slots), patience_(patience) {}

  // MAIL and all RCPT. Success: MAIL was accepted and each slot has its reply.
  io::Task<Step> address(const std::string& role_mailbox);
  // DATA, where it was not sent with the recipients.
  io::Task<Step> begin_content();
  // All of it, the final dot included, unless `still_there` says no just before that.
  io::Task<Step> send_content(const std::function<bool()>& still_there);
  // Fills in the slots' results; true if the next hop owes nothing more.
  io::Task<bool> collect_results();

  // Gives the recipients up; true if the connection can be used again.
  io::Task<bool> reset();

 private:
  bool data_rides_along() const;
  bool needs_smtputf8() const;
  Result<std::vector<std::string>> commands() const;
  Step judge(const std::vector<mail::Reply>& replies);
  Step judge_recipient(Slot& slot, const mail::Reply& reply);
  io::Task<Step> redirect(const std::string& role_mailbox);

  io::Task<Step> frame_content();
  io::Task<Step> look_aside();
  io::Task<Step> push();
  io::Task<Step> push_last(const std::function<bool()>& still_there);
  void frame(std::string_view content);
  std::size_t unwritten() const { return out_.size() + as_it_is_.size(); }
  io::Task<Result<>> write_out();
  int answers_due() const { return hop_.lmtp() ? static_cast<int>(accepted_.size()) : 1; }

  Connection& hop_;
  const Message& message_;
  std::vector<Slot>& slots_;
  const Patience& patience_;
  std::vector<Slot*> accepted_;  // in the order of their RCPT commands, which is that of LMTP's answers
  bool data_sent_ = false;
  bool content_begun_ = false;
  std::optional<mail::Reply> data_reply_;
  mail::DotEncoder dots_;
  // Framed and not yet written, in this order. `as_it_is_` lies in the message's buffer, and is written
  // before that is asked for another piece.
  std::string out_;
  std::string_view as_it_is_;
  std::string end_;
};

}  // namespace sallyport::relay
