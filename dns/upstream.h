// The servers as one core knows them: a channel to each, who is well, and whom to ask next. For dns/ alone.
#pragma once

#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "dns/channel.h"
#include "dns/question.h"

namespace sallyport::dns {

// Held by every question that is asked of it, so that new servers do not end questions in flight. One core.
class Upstream {
 public:
  static Result<std::shared_ptr<Upstream>> open(const io::Executor& executor,
                                                const std::vector<Endpoint>& servers, Duration timeout,
                                                int tries);

  // Asks one server after the other. A server that has answered is not asked the same again. Whoever asks
  // holds us.
  io::Task<Answer> ask(Question question, const Clock& clock);

  void abandon();

 private:
  struct Server {
    std::shared_ptr<Channel> channel;
    bool failing = false;
    TimePoint again;  // when one question may try it, if it is failing
  };
  struct Past {  // of one question, a server
    int tries = 0;
    bool answered = false;
  };

  Server* choose(std::vector<Past>& past, TimePoint now);

  std::vector<Server> servers_;
  int tries_ = 1;
  bool abandoned_ = false;
};

}  // namespace sallyport::dns
