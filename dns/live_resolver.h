// Asks servers, over a c-ares channel for each on every core, and remembers the answers in one cache for
// all cores.
//
// A server that did not answer is passed over for ten seconds, then tried with one question: a dead first
// server of two costs one timeout, not one for each question. SERVFAIL and REFUSED are asked of the next
// server too, and are the answer when nobody knows better. A failure names its server, unless all were
// silent.
//
// A question for which forged answers come is asked by TCP (datagrams.h), and `on_news` hears a warning,
// once a minute at most.
//
// Equal questions in flight are asked once, whichever core they come from. Cached answers are given in
// place, on the asker's core, without a suspension. Every function may be called from every core.
// Destroyed after the loops have stopped and before their executors die: detach() each core first.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "dns/cache.h"
#include "dns/news.h"
#include "dns/resolver.h"

namespace sallyport::dns {

struct LiveSettings {
  std::vector<Endpoint> servers;                 // none: those of resolv.conf, read again when it changes
  std::string resolv_conf = "/etc/resolv.conf";  // without a server in it: those before, or 127.0.0.1
  Duration timeout = std::chrono::seconds(2);    // of a server; after a quarter of it it is asked anew
  int tries = 3;                                 // so many times half of that, over all servers
  std::size_t cache_bytes = 64 << 20;
  int max_in_flight = 10000;  // questions of all cores; beyond it: `exhausted` at once
  bool operator==(const LiveSettings&) const = default;
};

class LiveResolver : public Resolver {
 public:
  LiveResolver(LiveSettings settings, const Clock& clock, OnNews on_news);
  ~LiveResolver() override;

  // On the core's own thread: makes its channels, and takes them away (whoever waits for them hears
  // `timeout` while the loop runs). On a core that is not attached every question is a `timeout`.
  Result<> attach(const io::Executor& core);
  void detach(const io::Executor& core);

  // New servers and times; questions in flight are finished with the old ones. The cache stays, unless
  // the servers changed: then it is emptied, and what the old ones still say is not kept, nor shared with
  // who asks now. (So it is where resolv.conf changes.) Its bound is that of the start.
  void reload(LiveSettings settings);

  io::Task<AnswerPtr> ask(Question question, Asking asking) override;
  AnswerPtr at_hand(const Question& question) override;
  unsigned epoch() const override;

  struct Counts {
    std::uint64_t asked = 0;   // questions to servers
    std::uint64_t hits = 0;    // answered from the cache
    std::uint64_t shared = 0;  // waited for another's question
    std::uint64_t failed = 0;  // is_temporary()
    std::size_t bytes = 0, entries = 0;
  };
  Counts counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport::dns
