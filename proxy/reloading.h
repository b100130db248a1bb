// What a running gateway takes over without a restart: the configuration after SIGHUP, and lists when
// their files change. What has errors never replaces what is good (promise P10).
//
// All of it on the thread that runs the program; list files are looked at, and read when they change, on
// one of its own: a file system that hangs holds up the lists, nothing else, and is left behind at the end
// of the process. SIGHUP reads on the calling thread.
#pragma once

#include <memory>

#include "base/io/task.h"
#include "base/io/worker_pool.h"
#include "base/store/event_log.h"
#include "proxy/gateway.h"
#include "proxy/list_changes.h"
#include "proxy/serve.h"

namespace sallyport::proxy {

class Reloading {
 public:
  // All of them outlive it; `gateway` runs.
  Reloading(const ServeOptions& options, Gateway& gateway, store::EventLog& events);

  // SIGHUP: reads everything again, and says in an event `reload` what became of it.
  void run();

  // Looks at the list files twice a second, for good. What has changed is read: an event `lists`.
  io::Task<> watch_lists();

 private:
  struct NewLists;

  Result<> try_to();
  void tell_what_needs_a_restart(const Settings& settings) const;
  io::Task<> look_at_lists();
  io::Task<> renew_lists(std::shared_ptr<NewLists> lists);

  const ServeOptions& options_;
  Gateway& gateway_;
  store::EventLog& events_;
  const std::shared_ptr<const Settings> started_;  // what this process runs with until its end
  ListChanges changes_;
  io::WorkerPool reader_{"lists", 1, 1, std::chrono::seconds(1)};
};

}  // namespace sallyport::proxy
