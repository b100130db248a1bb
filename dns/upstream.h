// The servers as one core knows them: a channel to each, who is well, and whom to ask next. For dns/ alone.
#pragma once

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

  static Result<std::shared_ptr<Upstream>> open(const io::Executor& executor,
                                                const std::vector<Endpoint>& servers, Duration timeout,
                                                int tries, OnForged on_forged);

  // Asks one server after the other. A server that has answered is not asked the same again. Where all that
  // comes is an alias, as some forwarders send it, its target is asked. Whoever asks holds us.
  io::Task<Answer> ask(Question question, const Clock& clock);

  void abandon();

 private:
  struct Server {
    Endpoint endpoint;
    std::shared_ptr<Channel> channel;
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
  Server* choose(std::vector<Past>& past, TimePoint now);

  std::vector<Server> servers_;
  int tries_ = 1;
  OnForged on_forged_;
  bool abandoned_ = false;
};

}  // namespace sallyport::dns
