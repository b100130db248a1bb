// The servers as one core knows them: the channels to each, who is well, and whom to ask next. For dns/
// alone.
//
// A channel has kAtOnce questions in flight at most: what answers them, all at once if it must, fits into
// its socket's buffer (208 KiB where nobody has changed it, of which 1232 octets take 2.3). A burst takes
// more channels, up to kMostChannels a server; beyond that they have more questions each. Of the idle ones
// kIdleChannels are kept.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "dns/channel.h"
#include "dns/message.h"
#include "dns/question.h"

namespace sallyport::dns {

// Held by every question that is asked of it, so that new servers do not end questions in flight. One core.
class Upstream {
 public:
  // Somebody forges answers to a question, in a server's name.
  using OnForged = std::function<void(const Question& question, const Endpoint& server)>;

  static constexpr int kAtOnce = 64;
  static constexpr std::size_t kMostChannels = 128;
  static constexpr std::size_t kIdleChannels = 2;

  Upstream(const io::Executor& executor, Duration timeout, int tries, OnForged on_forged)
      : executor_(executor), timeout_(timeout), tries_(tries), on_forged_(std::move(on_forged)) {}
  static Result<std::shared_ptr<Upstream>> open(const io::Executor& executor,
                                                const std::vector<Endpoint>& servers, Duration timeout,
                                                int tries, OnForged on_forged);

  // Asks one server after the other. A server that has answered is not asked the same again. Where all that
  // comes is an alias, as some forwarders send it, its target is asked. Whoever asks holds us.
  io::Task<Answer> ask(Question question, const Clock& clock);

  void abandon();

  std::size_t channels() const;

 private:
  struct Server {
    Endpoint endpoint;
    std::vector<std::shared_ptr<Channel>> channels;  // one at least
    bool failing = false;
    bool edns = true;  // until it has shown that it knows none
    TimePoint again;   // when one question may try it, if it is failing
  };
  struct Past {  // of one question, a server
    int tries = 0;
    bool answered = false;
  };

  io::Task<Answer> ask_servers(Question question, const Clock& clock, Aliases& aliases);
  io::Task<Answer> ask(Server& server, Question question, Aliases& aliases, bool& answered);
  std::shared_ptr<Channel> channel_of(Server& server);
  static void give_back(Server& server);
  std::uint16_t random_id();
  Server* choose(std::vector<Past>& past, TimePoint now);

  io::Executor executor_;
  Duration timeout_;
  std::vector<Server> servers_;
  int tries_;
  OnForged on_forged_;
  bool abandoned_ = false;
  std::array<std::uint16_t, 128> ids_{};  // unused ones, known to nobody
  std::size_t ids_left_ = 0;
};

}  // namespace sallyport::dns
