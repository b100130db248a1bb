// Answers for as long as they hold, in bounded memory, for all cores (a lock a shard, held for a look).
//
// TTLs are clamped to 30 s .. 1 day. `found`, `no_data` and `nx_domain` are kept for their TTL (negative
// ones for at most 3 h: RFC 2308 5); temporary failures for 5 s (30 s at most: RFC 9520 3.2), so that a
// dead server is not asked anew by every session. Over the bound the least recently used go. Thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "dns/answer.h"
#include "dns/question.h"

namespace sallyport::dns {

class Cache {
 public:
  Cache(std::size_t max_bytes, const Clock& clock);
  ~Cache();

  AnswerPtr find(const Question& question);  // null: nothing that still holds
  void put(const Question& question, AnswerPtr answer);
  void clear();

  struct Size {
    std::size_t bytes = 0;  // about what it takes, of a sixteenth of the bound for each shard
    std::size_t entries = 0;
  };
  Size size() const;

 private:
  struct Shard;
  Shard& shard(const Question& question) const;

  std::unique_ptr<Shard[]> shards_;
  const Clock& clock_;
  std::size_t max_bytes_;
};

}  // namespace sallyport::dns
