// State that outlives the process: small keyed records with an expiry, in SQLite.
//
// Kinds in use: "recipient" (found / not found), "refused" (at delivery), "delivered" (the memory that
// keeps retries from delivering twice), "capabilities" (of next hops), "unverifiable" (domains).
//
// Everything is held in memory in front; put() is written behind by one writer thread with group
// commit, at the latest after a second and at destruction; put_durable() resolves when the record is on
// disk (synchronous=FULL). get() never touches the disk. Every function may be called from any thread.
// Bounded: over `max_records` of a kind the ones put longest ago go. A store that cannot be opened or
// written is a logged degradation, never lost mail: memory goes on, put_durable() reports it. A damaged
// file is renamed to <file>.corrupt-<time> and a new one begun. A file in use by another process is the
// one thing that is refused: two gateways would undo each other's memory.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/io/task.h"
#include "base/result.h"

namespace sallyport::store {

class StateStore {
 public:
  using OnTrouble = std::function<void(std::string_view what)>;

  static constexpr std::size_t kMaxRecords = 200'000;

  // "" as `file`: memory only, by choice (put_durable() succeeds then). `on_trouble` is called from any
  // thread. The only error is `refused`, "in use by another instance (pid N)": do not start.
  static Result<std::unique_ptr<StateStore>> open(std::string file, const Clock& clock,
                                                  OnTrouble on_trouble,
                                                  std::size_t max_records = kMaxRecords);
  virtual ~StateStore() = default;

  virtual std::optional<std::string> get(std::string_view kind, std::string_view key) const = 0;
  virtual void put(std::string_view kind, std::string_view key, std::string_view value,
                   WallTime expires) = 0;
  virtual io::Task<Result<>> put_durable(std::string kind, std::string key, std::string value,
                                         WallTime expires) = 0;
  virtual void erase(std::string_view kind, std::string_view key) = 0;
  virtual std::size_t count(std::string_view kind) const = 0;  // as held; may include expired ones
  virtual void flush() = 0;  // blocks until everything put so far is on disk
};

}  // namespace sallyport::store
