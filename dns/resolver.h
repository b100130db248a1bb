// The seam to the DNS: everything that asks (SPF, reverse DNS, lists) knows this interface and no socket.
//
// LiveResolver asks servers, ZoneResolver a master file, BudgetedResolver another resolver within limits.
// A resolver outlives the tasks that ask it. Called on any core; the caller is resumed on its own.
#pragma once

#include "base/clock.h"
#include "base/io/task.h"
#include "dns/answer.h"
#include "dns/question.h"

namespace sallyport::dns {

struct Asking {
  TimePoint deadline = TimePoint::max();  // the answer is `timeout` then; a resolver may give up sooner
  bool fresh = false;  // past the cache; the answer, if there is one, replaces what the cache has
};

class Resolver {
 public:
  virtual ~Resolver() = default;

  // Never null, never throws but for want of memory.
  virtual io::Task<AnswerPtr> ask(Question question, Asking asking) = 0;

  // The answer, if it is at hand without waiting; else null, and nothing was asked.
  virtual AnswerPtr at_hand(const Question& question) { return nullptr; }

  // Another number once other servers are asked: what was concluded before from answers holds no longer.
  virtual unsigned epoch() const { return 0; }
};

}  // namespace sallyport::dns
