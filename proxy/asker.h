// Asks the DNS for one command: a loop of its own, and a resolver that lives on it.
//
// One thread. What its tasks use outlives the Asker; what is still asked at its end is dropped.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/io/event_loop.h"
#include "base/io/task.h"
#include "base/ip_address.h"
#include "dns/live_resolver.h"
#include "dns/resolver.h"

namespace sallyport::proxy {

// Why a command does not begin: an exit status of sysexits, and words for the user.
struct CommandFault {
  int status;
  std::string why;

  int tell(const char* command) const;  // on stderr; the status
};
template <class T>
using Taken = std::expected<T, CommandFault>;

// "sudo -u sallyport ...", with the name of whoever owns the file or folder.
std::string as_owner_of(const std::string& path);
std::unexpected<CommandFault> usage_fault(std::string why);
Taken<IpAddress> take_address(const std::string& text);  // of --ip

// Who answers.
struct DnsSource {
  std::string zone;                  // a master file instead of servers; "" = live
  std::vector<std::string> servers;  // ADDRESS or ADDRESS:PORT; none: those of the LiveSettings
};

class Asker {
 public:
  // `command` is for what it says on stderr. 64 for a server that is none, 65 for a master file with
  // mistakes (each with its line), 66 for one that cannot be read.
  static Taken<std::unique_ptr<Asker>> open(const char* command, const DnsSource& source,
                                            dns::LiveSettings live = {});
  ~Asker();
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  dns::Resolver& resolver() { return *resolver_; }
  io::TaskGroup& tasks() { return tasks_; }

  template <class Found>
  Found run(io::Task<Found> task) {
    std::optional<Found> found;
    loop_.run(keep(std::move(task), found));
    return std::move(*found);
  }

 private:
  explicit Asker(const char* command);

  template <class Found>
  static io::Task<> keep(io::Task<Found> task, std::optional<Found>& out) {
    out = co_await std::move(task);
  }

  io::TaskGroup tasks_;
  io::EventLoop loop_;
  std::unique_ptr<dns::Resolver> resolver_;  // dies first: what is in flight waits on the loop
  dns::LiveResolver* live_ = nullptr;
};

}  // namespace sallyport::proxy
