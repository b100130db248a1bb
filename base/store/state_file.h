// The state on disk: a log in one SQLite file in WAL mode, every commit synced, guarded against a second
// process.
//
// Changes are added at the end; a start reads from there backwards, so that the first row of a key it meets
// is the one that counts. What has been overtaken is removed from the beginning (shorten). <file>.lock is
// held for as long as the object lives; one that a command holds is waited for, ten seconds at most. A file
// that is damaged, empty, or of a later version, is renamed to <file>.corrupt-<time> and a new one begun;
// each record carries a checksum, because SQLite would hand out a flipped bit inside a value. Nobody else
// reads the file meanwhile (copy it, with its -wal), unless he had it open before. One thread at a time.
// Whoever made it may be gone by the time a silent disk answers: it keeps nothing of theirs.
//
// Errors: refused (another instance holds the lock: "in use by another instance (pid N)"), invalid (the
// file is damaged: call begin_anew()), no_space, io.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"
#include "base/store/file_mark.h"
#include "base/store/sqlite.h"
#include "base/store/state_clock.h"
#include "base/store/state_limits.h"
#include "base/store/state_lock.h"
#include "base/store/state_record.h"

namespace sallyport::store {

class StateFile {
 public:
  using OnRecord = std::function<void(const StateRecord&)>;
  using IsHeld = std::function<bool(const StateRecord&)>;
  using OnTrouble = std::function<void(std::string_view what)>;
  using Batch = std::unordered_map<std::string, StateRecord>;
  enum class Which { early, rest };  // by StateLimits::is_large

  static Result<std::unique_ptr<StateFile>> open(std::string path, const Clock& clock, StateLimits limits,
                                                 const OnTrouble& on_trouble);

  // Told between the rows of what takes long: the disk is at work, and not silent.
  void on_step(std::function<void()> step) { step_ = std::move(step); }

  std::optional<StateClock::Reading> last_reading() const;  // as found
  // The next `most` rows, the newest first; false if those were the last. Erased and expired ones too: they
  // say that older rows do not count.
  Result<bool> load(Which which, std::size_t most, const OnRecord& on_record);
  Result<> commit(const Batch& batch, const StateClock::Reading& clock);
  Result<> commit(std::span<const StateRecord> records);
  // Takes the oldest rows out, and adds those that are held as they stand to the end.
  Result<> shorten(std::size_t most, const IsHeld& is_held);
  std::int64_t rows() const;
  // Sets the file aside and begins an empty one in its place; told to `on_trouble`. `now` is for its name.
  Result<> begin_anew(std::string_view reason, WallTime now, const OnTrouble& on_trouble);

 private:
  // An open database; `append` is always there.
  struct Session {
    SqliteHandle database;
    FileMark file, log;  // as they were opened; the write-ahead log is made by the first that needs it
    std::optional<Statement> append;
    std::int64_t first = 0, last = 0;  // rows
    std::int64_t early_before = std::numeric_limits<std::int64_t>::max();
    std::int64_t before = std::numeric_limits<std::int64_t>::max();
    std::optional<StateClock::Reading> clock;
  };
  struct Row {
    StateRecord record;
    std::int64_t id;
    bool large;
  };

  StateFile(std::string path, StateLimits limits, StateLock lock);
  Result<> check_in_place();
  Result<> begin(const OnTrouble& on_trouble);
  Result<SqliteHandle> open_database() const;
  Result<Session> open_session() const;
  static Result<> read_clock(Session& session);
  Result<> connect();
  Result<> read(const char* sql, std::int64_t from, std::size_t most,
                const std::function<Result<>(Row&)>& on_row) const;
  Result<> transaction(const std::function<Result<>()>& work);
  Result<> append(const StateRecord& record);
  Result<> write(const StateClock::Reading& clock);

  void made_step() const;

  std::string path_;
  StateLimits limits_;
  StateLock lock_;
  std::optional<Session> session_;
  std::function<void()> step_;
  mutable std::size_t rows_done_ = 0;
};

}  // namespace sallyport::store
