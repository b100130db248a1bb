// A small SMTP or LMTP server that stores what it gets to a Maildir: the stand-in for the internal
// server in the demo and in tests, and `sallyport sink` on its own. Not for port 25: it takes anything.
//
// All of it runs on one executor. Messages are fsynced before they are answered.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/io/acceptor.h"
#include "base/io/worker_pool.h"
#include "base/store/event_log.h"

namespace sallyport::proxy {

struct SinkSettings {
  Endpoint listen;
  bool lmtp = false;
  std::string maildir;  // made if it is missing
  std::string hostname = "sink.invalid";
  std::vector<std::string> known;  // recipients that exist; empty: everybody does
};

class Sink {
 public:
  Sink(SinkSettings settings, io::TaskGroup& tasks, store::EventLog* events);
  ~Sink();

  // Binds, makes the Maildir, and serves on `executor` until its loop ends.
  Result<> start(const io::Executor& executor);
  Endpoint local() const { return local_; }
  int messages() const { return messages_.load(); }
  bool knows(const std::string& address) const;

  // Stores one message as a file of its own: written, fsynced, renamed into new/.
  io::Task<Result<>> store(std::string message);

  const SinkSettings& settings() const { return settings_; }
  store::EventLog* events() const { return events_; }

 private:
  SinkSettings settings_;
  io::TaskGroup& tasks_;
  store::EventLog* events_;
  io::WorkerPool files_;
  Endpoint local_;
  std::atomic<int> messages_{0};
};

// `sallyport sink`: runs until SIGTERM or SIGINT.
int run_sink(SinkSettings settings, store::LogFormat format);

}  // namespace sallyport::proxy
