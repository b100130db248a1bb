// Whether a recipient exists: by list, from memory, or asked of the next hop now (MAIL FROM:<>, RCPT,
// RSET; no message byte).
//
// Equal questions on one core are asked once. Each client (IPv4 address, IPv6 /64) has a bound on what it
// may have asked at once.
// Thread rule: every function from every core; references outlive the tasks.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "proxy/relay/environment.h"
#include "proxy/relay/pool.h"
#include "proxy/relay/question.h"
#include "proxy/relay/recipient_memory.h"
#include "proxy/relay/way.h"

namespace sallyport::relay {

class Recipients {
 public:
  Recipients(Environment& environment, Pool& pool, RecipientMemory& memory)
      : environment_(environment), pool_(pool), memory_(memory) {}

  io::Task<RecipientAnswer> ask(const Route& route, const Asker& asker, const Recipient& recipient,
                                TimePoint deadline);

  io::Task<Probe> probe(const Route& route, const mail::Path& recipient, TimePoint deadline);

 private:
  using Outcome = WayResult<RecipientAnswer>;

  std::optional<RecipientAnswer> recall(const Route& route, const mail::Path& recipient) const;
  io::Task<RecipientAnswer> ask_once(const Route& route, const IpAddress& client,
                                     const mail::Path& recipient, TimePoint deadline);
  io::Task<RecipientAnswer> ask_hosts(const Route& route, const mail::Path& recipient, TimePoint deadline);
  io::Task<Outcome> ask_host(const Route& route, const Host& host, const mail::Path& recipient,
                             TimePoint deadline);
  io::Task<Outcome> converse(const Route& route, std::unique_ptr<Connection> hop,
                             const mail::Path& recipient, TimePoint deadline);
  io::Task<Probe> probe_host(const Route& route, const Host& host, const mail::Path& recipient,
                             TimePoint deadline);
  void learn_trust(const Route& route, const mail::Path& recipient, const std::string& host, int code);
  RecipientAnswer conclude(const Route& route, const mail::Path& recipient, const mail::Reply& reply);
  RecipientAnswer without_way(const Route& route, const mail::Path& recipient, const WayFault& fault,
                              std::string host = {}) const;
  std::shared_ptr<Permits> turns_of(const IpAddress& client);

  Environment& environment_;
  Pool& pool_;
  RecipientMemory& memory_;
  std::mutex mutex_;
  std::map<IpAddress, std::weak_ptr<Permits>> turns_;  // by client
  Questions questions_;
};

}  // namespace sallyport::relay
