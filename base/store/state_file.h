// The state on disk: one SQLite file in WAL mode, every commit synced, guarded against a second process.
//
// <file>.lock is held for as long as the object lives. A file that is damaged, or of another version, is
// renamed to <file>.corrupt-<time> and a new one begun; each record carries a checksum, because SQLite
// would hand out a flipped bit inside a value. One thread at a time.
//
// Errors: refused (another instance holds the lock: "in use by another instance (pid N)"), invalid (the
// file is damaged: call begin_anew()), no_space, io.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/io/descriptor.h"
#include "base/result.h"
#include "base/store/sqlite.h"
#include "base/store/state_record.h"

namespace sallyport::store {

class StateFile {
 public:
  using OnRecord = std::function<void(StateRecord)>;
  using OnTrouble = std::function<void(std::string_view what)>;
  using Batch = std::unordered_map<std::string, StateRecord>;

  static Result<std::unique_ptr<StateFile>> open(std::string path, const Clock& clock,
                                                 OnTrouble on_trouble);

  // All records in the order they were put, the expired ones left out (and deleted).
  Result<> load(const OnRecord& on_record);
  Result<> commit(const Batch& batch);
  // Sets the file aside and begins an empty one in its place; told to on_trouble.
  Result<> begin_anew(std::string_view reason);

 private:
  // An open database with its statements; never without both.
  struct Session {
    SqliteHandle database;
    Statement put;
    Statement erase;
  };

  StateFile(std::string path, const Clock& clock, OnTrouble on_trouble, io::Descriptor lock);
  static Result<io::Descriptor> lock(const std::string& path);
  Result<Session> open_session() const;
  Result<> connect();
  Result<> load_rows(const OnRecord& on_record, WallTime now);
  Result<> write(const StateRecord& record);

  std::string path_;
  const Clock& clock_;
  OnTrouble on_trouble_;
  io::Descriptor lock_;
  std::optional<Session> session_;
};

}  // namespace sallyport::store
