// The way out: recipients asked of, and messages handed to, the next hop.
//
// One Relay for the process, shared by all cores and by successive configurations; everything it keeps
// per route is keyed by the host, so a reload that leaves a host alone leaves its connections alone.
// Thread rule: every function may be called from any core; the connections a core uses are its own.
//
// Honesty (promise P1): `delivered` is only what the next hop said 250 to after the final dot. Only an
// answer to RCPT speaks of a recipient; everything else that fails is a fault of the way and temporary.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "base/ip_address.h"
#include "base/mail/address.h"
#include "base/mail/parameters.h"
#include "base/mail/reply.h"
#include "base/store/message_buffer.h"
#include "base/store/state_store.h"
#include "proxy/relay/route.h"

namespace sallyport::relay {

// What happened on the way out that the event log should hear of. `kind` is a stable word:
// "ambiguous", "unverifiable", "host_down", "host_up", "tls_fallback", "way_refused", "loop",
// "split_delivery", "refused_at_delivery".
struct Trouble {
  const char* kind;
  std::string route;
  std::string host;
  std::string detail;
  std::string id;  // of the transaction, if one is concerned
};

struct Recipient {
  mail::Path path;
  mail::RcptParameters parameters;
  bool role = false;  // may be redirected to role_mailbox
};

struct Envelope {
  std::string id;
  std::string identity{};  // as of Asker
  mail::Path sender;
  mail::MailParameters parameters;
  std::vector<Recipient> recipients;
};

// Who asks for a recipient.
struct Asker {
  IpAddress address;
  mail::Path sender;
  // Under which the client is known again when it retries; "" = nobody in particular: others' mail comes
  // from there as well. nullopt: may_have_refused() says that there is nothing to be known again for.
  std::optional<std::string> identity = "";
};

// The answer for one recipient asked at RCPT.
struct RecipientAnswer {
  enum class Kind {
    exists,
    unknown,  // the next hop's own permanent refusal, in `reply`
    defer,    // cannot be said now; `reply` is 4xx
  } kind = Kind::defer;
  mail::Reply reply;  // without id
  bool cached = false;
  std::string refused_id{};  // of the client's message at whose delivery this was said; "" = it was at RCPT
  // Where the reply is ours, for a fault of the way: the host that was tried last, and its real words, or
  // what failed. Printable, for the event.
  std::string host{};
  std::string next_hop_reply{};
};

// What a next hop says to a recipient, in its own words.
struct Probe {
  std::string host;      // that answered, or was tried last
  mail::Reply reply{};   // code 0: it could not be asked
  std::string detail{};  // then: why
};

enum class Fate {
  delivered,    // 250 for every recipient, now or remembered from an earlier try
  refused,      // 5xx for every recipient: their reply
  deferred,     // nothing was delivered, or not to all: 451
  ambiguous,    // connection lost after the final dot: 451
  client_gone,  // `still_there` said no just before the final dot: nothing was delivered
};

struct Delivery {
  Fate fate = Fate::deferred;
  mail::Reply reply;           // what the client is to be told, without id
  std::string host;            // that answered last
  std::string next_hop_reply;  // its own words, printable, for the event
  bool tls = false;
  bool spared = false;  // an earlier try had delivered all of it: nothing was sent now, and `host` is ""
  // Some or all of it was delivered by an earlier try, which is remembered by this digest. For
  // Relay::forget_earlier_tries(), once the client has heard the 250. "" = nothing was.
  std::string earlier_digest;
};

struct RelayServices {
  const Clock& clock;
  io::TaskGroup& tasks;
  store::StateStore& state;
  std::function<void(const Trouble&)> on_trouble;  // usable from every thread
};

class Relay {
 public:
  explicit Relay(RelayServices services);
  ~Relay();

  // Our own names and addresses, so that a next hop that is ourselves is noticed (451, "loop").
  void set_ourselves(std::string hostname, std::vector<Endpoint> listeners);

  // Whether the next hop knows this recipient: by list, from memory, or by asking now. The asker's sender
  // and identity are only for refusals remembered from an earlier delivery: where there is none for the
  // pair, its identity need not be found out.
  bool may_have_refused(const mail::Path& sender, const mail::Path& recipient) const;
  io::Task<RecipientAnswer> ask(std::shared_ptr<const Route> route, Asker asker, Recipient recipient,
                                TimePoint deadline);

  // Asks the route's hosts in their order until one answers. For people who want to know how things are:
  // nothing is recalled, and nothing remembered.
  io::Task<Probe> probe(std::shared_ptr<const Route> route, mail::Path recipient, TimePoint deadline);

  // Hands the message over. `trace` is put on top of the content. `give_up` is when our own final dot
  // must have been sent by; after it the next hop's answer is waited for up to route.data_timeout.
  // `still_there` is asked just before the final dot. `role_mailbox` ("" = none) takes the role
  // recipients that the next hop does not know. References must outlive the task.
  io::Task<Delivery> deliver(std::shared_ptr<const Route> route, const Envelope& envelope,
                             const std::string& trace, store::MessageBuffer& content,
                             std::string role_mailbox, TimePoint give_up,
                             std::function<bool()> still_there);

  // The retry's 250 was heard: equal mail that comes from now on is new mail, and must arrive. Not before:
  // a client that did not hear it tries again.
  void forget_earlier_tries(const Envelope& envelope, const Delivery& delivery);

  // A 250 that the client never saw: the retry must not deliver again. True: that is on disk.
  // `identified`: the message has a Message-ID; without one an equal message may well be another,
  // and is spared for half an hour only.
  io::Task<bool> remember_unconfirmed(const Envelope& envelope, store::MessageBuffer& content,
                                      bool identified);

  // What all routes can do, for EHLO: as last known. SMTPUTF8 if any route has it, DSN only if all.
  struct Offers {
    bool smtputf8 = false;
    bool dsn = false;
  };
  Offers offers(const std::vector<std::shared_ptr<const Route>>& routes) const;
  // Of one route: SIZE it announced (0: none), SMTPUTF8.
  struct Capabilities {
    bool known = false;
    bool smtputf8 = false;
    bool dsn = false;
    bool eight_bit = false;
    std::uint64_t size = 0;
  };
  Capabilities capabilities(const Route& route) const;
  // Asks every route's first host for its capabilities now (at start and after a reload).
  io::Task<> learn(std::vector<std::shared_ptr<const Route>> routes);

  // Closes the idle connections of the calling core.
  io::Task<> close_idle();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport::relay
