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
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "dns/channel.h"
#include "dns/message.h"
#include "dns/question.h"

namespace sallyport::dns {

// Held by every question that is asked of it, so that new servers do not end questions in flight. One core.
class Upstream : public std::enable_shared_from_this<Upstream> {
 public:
  // Somebody forges answers to a question, in a server's name.
  using OnForged = std::function<void(const Endpoint& server)>;

  static constexpr int kAtOnce = 64;
  static constexpr std::size_t kMostChannels = 128;
  static constexpr std::size_t kIdleChannels = 2;

  // One question on its way through the servers: a state machine that their replies drive, and the one
  // object for all of it.
  class Flight;

  // `timeout`: of one try; `tries`: over all servers.
  Upstream(const io::Executor& executor, const Clock& clock, Duration timeout, int tries,
           OnForged on_forged)
      : executor_(executor),
        clock_(clock),
        timeout_(timeout),
        tries_(tries),
        on_forged_(std::move(on_forged)) {}
  static Result<std::shared_ptr<Upstream>> open(const io::Executor& executor, const Clock& clock,
                                                const std::vector<Endpoint>& servers, Duration timeout,
                                                int tries, OnForged on_forged);

  // Asks one server after the other. A server that has answered is not asked the same again. Where all that
  // comes is an alias, as some forwarders send it, its target is asked.
  void ask(const std::shared_ptr<Flight>& flight);

  // Every flight lands soon, with a timeout. To be called before the loop is destroyed.
  void abandon();

  std::size_t channels() const;

 private:
  struct Server {
    Endpoint endpoint;
    std::vector<std::shared_ptr<Channel>> channels;  // by UDP, one at least
    std::shared_ptr<Channel> stream;                 // by TCP, once it is needed
    bool failing = false;
    TimePoint again;                          // when one question may try it, if it is failing
    TimePoint edns_again = TimePoint::min();  // when it has shown that it knows none
  };
  struct Past {  // of one question, a server
    int tries = 0;
    bool answered = false;
  };

  void begin(Flight& flight);
  void try_next(Flight& flight);
  void send(Flight& flight, bool edns);
  bool turn_to_tcp(Flight& flight);
  void take_reply(Flight& flight, const Channel& over);
  void give_up(Flight& flight);
  void conclude(Flight& flight, Answer answer);
  std::shared_ptr<Channel> channel_of(Server& server);
  static void give_back(Server& server);
  std::uint16_t random_id();
  Server* choose(std::vector<Past>& past, TimePoint now);

  io::Executor executor_;
  const Clock& clock_;
  Duration timeout_;
  std::vector<Server> servers_;
  int tries_;
  OnForged on_forged_;
  bool abandoned_ = false;
  std::array<std::uint16_t, 128> ids_{};  // unused ones, known to nobody
  std::size_t ids_left_ = 0;
};

class Upstream::Flight : public Channel::Sending {
 public:
  explicit Flight(Question question) : asked(std::move(question)) {}

  const Question asked;

 private:
  friend Upstream;
  virtual void landed(Answer answer) = 0;  // from the loop, or inside ask(); memory is needed there
  void replied(const Channel& over) override { upstream_->take_reply(*this, over); }

  std::shared_ptr<Upstream> upstream_;
  Aliases aliases_;
  std::optional<Answer> alias_;  // what came before, whose target is asked for now
  Question target_;
  std::vector<Past> past_;  // of each server
  int tries_ = 0;
  std::optional<Answer> last_;  // if nobody knows better; none: a timeout
  Server* server_ = nullptr;
  bool edns_ = true, over_tcp_ = false;
  bool edns_failed_ = false;  // at this server, just now
};

}  // namespace sallyport::dns
