// What a running gateway takes over without a restart: the configuration after SIGHUP, and lists when
// their files change. What has errors never replaces what is good (promise P10).
//
// All of it on the thread that runs the program, but for what reads files and judges what they say: lists
// and the whole configuration each have a thread for that. A file system that hangs, or a configuration
// that takes long, holds up what it is about and nothing else, and is left behind at the end of the
// process.
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
  // On `loop`, where its tasks run.
  Reloading(const ServeOptions& options, Gateway& gateway, store::EventLog& events,
            const io::Executor& loop);

  // SIGHUP: everything is to be read again; while it is being read, once more afterwards.
  void ask() { asked_.notify(); }
  // Reads everything when that is asked, for good; an event `reload` says what became of it. systemd hears
  // when it begins and ends.
  io::Task<> obey();

  // Looks at the list files twice a second, for good. What has changed is read: an event `lists`.
  io::Task<> watch_lists();

 private:
  struct NewConfiguration;
  struct NewLists;

  io::Task<> run();
  Result<> adopt(const std::shared_ptr<const Settings>& settings);
  void tell_what_needs_a_restart(const Settings& settings) const;
  io::Task<> look_at_lists();
  io::Task<> renew_lists(std::shared_ptr<NewLists> lists);

  const ServeOptions& options_;
  Gateway& gateway_;
  store::EventLog& events_;
  const std::shared_ptr<const Settings> started_;  // what this process runs with until its end
  io::Signal asked_;
  ListChanges changes_;
  io::WorkerPool loader_{"reload", 1, 1, std::chrono::seconds(1)};
  io::WorkerPool reader_{"lists", 1, 1, std::chrono::seconds(1)};
};

}  // namespace sallyport::proxy
