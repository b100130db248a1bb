// Answers for as long as they hold, in bounded memory, for all cores.
//
// TTLs are clamped to 30 s .. 1 day. `found`, `no_data` and `nx_domain` are kept for their TTL (negative
// ones for at most 3 h: RFC 2308 5); temporary failures for 5 s (30 s at most: RFC 9520 3.2), so that a
// dead server is not asked anew by every session. Over the bound the least recently used go. Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/bounded_memory.h"
#include "base/clock.h"
#include "dns/answer.h"
#include "dns/question.h"

namespace sallyport::dns {

// From the moment of the answer; zero: it is not kept.
std::chrono::seconds lifetime(const Answer& answer);

class Cache {
 public:
  Cache(std::size_t max_bytes, const Clock& clock) : answers_(max_bytes), clock_(clock) {}

  AnswerPtr find(const Question& question);  // null: nothing that still holds
  void put(const Question& question, AnswerPtr answer);
  void clear() { answers_.clear(); }
  MemorySize size() const { return answers_.size(); }

 private:
  BoundedMemory<Question, AnswerPtr> answers_;
  const Clock& clock_;
};

}  // namespace sallyport::dns
