// What every session uses and none owns: services of the process that outlive the event loops.
#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/io/task.h"
#include "base/io/worker_pool.h"
#include "base/store/event_log.h"
#include "base/store/in_flight.h"
#include "dns/resolver.h"
#include "proxy/fact_memory.h"
#include "proxy/greylist.h"
#include "proxy/known_good.h"
#include "proxy/penalties.h"
#include "proxy/rates.h"
#include "proxy/relay/relay.h"
#include "proxy/sender_book.h"
#include "proxy/session_limits.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

struct Services {
  const Clock& clock;
  store::EventLog& events;
  io::TaskGroup& tasks;
  io::WorkerPool& files;
  io::WorkerPool& passwords;
  relay::Relay& relay;
  dns::Resolver& resolver;
  SessionLimits& limits;
  KnownGood& known_good;
  FactMemory& facts;
  Greylist& greylist;
  store::InFlight& in_flight;
  SenderBook& senders;
  Rates& rates;
  Penalties& penalties;
  std::function<std::shared_ptr<const Settings>()> settings_in_use;  // by new sessions
};

}  // namespace sallyport::proxy
