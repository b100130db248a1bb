// One message handed over to one route: host after host until one of them has answered.
//
// Lives in the frame of Relay::deliver(); every reference outlives it.
#pragma once

#include "proxy/relay/delivered_memory.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/exchange.h"
#include "proxy/relay/pool.h"
#include "proxy/relay/recipient_memory.h"

namespace sallyport::relay {

class Handover {
 public:
  struct Parts {
    Environment& environment;
    Pool& pool;
    RecipientMemory& recipients;
    DeliveredMemory& delivered;
  };

  Handover(Parts parts, const Route& route, const Message& message, std::string role_mailbox,
           TimePoint give_up, const std::function<bool()>& still_there);

  io::Task<Delivery> run();

 private:
  // The delivery, or why this host was no way.
  using Attempt = std::expected<Delivery, WayFault>;

  io::Task<bool> settle_without_next_hop();
  io::Task<bool> holds_eight_bit() const;
  io::Task<> choose_pending();
  io::Task<Attempt> try_host(const Host& host);
  io::Task<Attempt> use(std::unique_ptr<Connection> hop);
  io::Task<Attempt> finish(Exchange& exchange, std::unique_ptr<Connection> hop, Stop stop);
  io::Task<Step> hand_over(Exchange& exchange);

  Step judge_recipients();
  io::Task<> judge_results();
  void all_delivered();
  io::Task<> split();
  void end(Fate fate, mail::Reply reply, std::string words);
  void refuse(mail::Reply reply, std::string words);
  void part(const Recipient& recipient);
  io::Task<> report_ambiguous(bool (*concerned)(const Slot&));

  std::vector<Slot> fresh_slots() const;
  io::Task<const std::string*> digest();
  bool some_delivered_before() const { return !delivery_.earlier_digest.empty(); }
  void tell(const char* kind, std::string detail) const;

  Parts parts_;
  const Route& route_;
  const Message& message_;
  std::string role_mailbox_;
  const std::function<bool()>& still_there_;
  Patience patience_;

  std::vector<const Recipient*> pending_;
  std::string digest_;  // once it was needed
  std::vector<Slot> slots_;
  Delivery delivery_;  // host, TLS and words of the last next hop
};

}  // namespace sallyport::relay
