#include "base/store/state_file.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/faults.h"
#include "base/store/file_error.h"
#include "base/store/state_schema.h"
#include "base/text.h"

namespace sallyport::store {
namespace {

constexpr std::size_t kRowsInAStep = 1'000;  // milliseconds

// Before the first look into the file: SQLite keeps the index of its write-ahead log in memory of its own
// then. In a mapped file beside it, whoever cuts that file (`cp` of a copy over it is enough) ends the
// process.
constexpr const char* kAlone = "PRAGMA busy_timeout = 200; PRAGMA locking_mode = EXCLUSIVE";
constexpr const char* kBeside = "PRAGMA busy_timeout = 200";

constexpr const char* kSettings = R"(
PRAGMA cell_size_check = ON;
PRAGMA trusted_schema = OFF;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA journal_size_limit = 16777216;
)";

constexpr const char* kAppend =
    "INSERT INTO log (kind, key, value, expires, large, checksum) VALUES (?, ?, ?, ?, ?, ?)";
constexpr const char* kSetClock = "INSERT OR REPLACE INTO clock (id, store, wall) VALUES (1, ?, ?)";
constexpr const char* kGetClock = "SELECT store, wall FROM clock WHERE id = 1";
constexpr const char* kEarlyRows =
    "SELECT kind, key, value, expires, checksum, id, large FROM log INDEXED BY early "
    "WHERE large = 0 AND id < ? ORDER BY id DESC LIMIT ?";
constexpr const char* kAllRows =
    "SELECT kind, key, value, expires, checksum, id, large FROM log WHERE id < ? ORDER BY id DESC LIMIT ?";
constexpr const char* kOldestRows =
    "SELECT kind, key, value, expires, checksum, id, large FROM log WHERE id >= ? ORDER BY id LIMIT ?";
constexpr const char* kDropRows = "DELETE FROM log WHERE id <= ?";
constexpr const char* kFirst = "SELECT ifnull(min(id), 0) FROM log";
constexpr const char* kLast = "SELECT ifnull(max(id), 0) FROM log";

std::int64_t to_milliseconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

WallTime from_milliseconds(std::int64_t count) {
  return count >= to_milliseconds(WallTime::max()) ? WallTime::max()
                                                   : WallTime(std::chrono::milliseconds(count));
}

// FNV-1a over the record's parts; the length of each goes in as well, so that they cannot be shifted.
class Checksum {
 public:
  Checksum& add(std::string_view part) {
    add(static_cast<std::int64_t>(part.size()));
    for (const char c : part) octet(static_cast<unsigned char>(c));
    return *this;
  }
  Checksum& add(std::int64_t number) {
    for (int shift = 0; shift < 64; shift += 8) octet(static_cast<std::uint64_t>(number) >> shift & 0xff);
    return *this;
  }
  std::int64_t value() const { return static_cast<std::int64_t>(sum_); }

 private:
  void octet(std::uint64_t bits) { sum_ = (sum_ ^ bits) * 0x100000001b3; }
  std::uint64_t sum_ = 0xcbf29ce484222325;
};

std::int64_t checksum(std::string_view kind, std::string_view key, std::string_view value,
                      std::int64_t expires) {
  return Checksum().add(kind).add(key).add(value).add(expires).value();
}

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool is_empty(const std::string& path) {
  std::error_code error;
  return std::filesystem::file_size(path, error) == 0 && !error;
}

Result<SqliteHandle> open_with(const std::string& path, const char* how) {
  auto database = sqlite_open(path);
  if (!database) return database;
  if (const auto set = sqlite_run(database->get(), how); !set) return set.error();
  if (const auto set = sqlite_run(database->get(), kSettings); !set) return set.error();
  return database;
}

// Without its write-ahead log a file may be one half of two.
Result<> check_pages(sqlite3* database) {
  auto check = Statement::prepare(database, "PRAGMA quick_check(1)");
  if (!check) return check.error();
  const Result<bool> row = check->step();
  if (!row) return row.error();
  if (!*row || check->blob(0) != "ok") return fail(Errc::invalid, "its write-ahead log is gone");
  return {};
}

// The file was opened for writing: what keeps SQLite from it stands in the header. The rest of the file is
// judged as it is read: a PRAGMA quick_check would read it twice, and a start is to take under two seconds.
Result<> check_writable(sqlite3* database) {
  if (sqlite3_db_readonly(database, "main") == 1) return fail(Errc::invalid, "its header forbids writing");
  return {};
}

}  // namespace

StateFile::StateFile(std::string path, StateLimits limits, StateLock lock)
    : path_(std::move(path)), limits_(std::move(limits)), lock_(std::move(lock)) {}

Result<std::unique_ptr<StateFile>> StateFile::open(std::string path, const Clock& clock, StateLimits limits,
                                                   const OnTrouble& on_trouble) {
  Result<StateLock> lock = StateLock::take(path + ".lock", limits.brief);
  if (!lock) return lock.error();
  faults::crash_point("state.locked");
  std::unique_ptr<StateFile> file(new StateFile(std::move(path), std::move(limits), std::move(*lock)));
  Result<> begun = file->begin(on_trouble);
  if (!begun && begun.error().code == Errc::invalid)
    begun = file->begin_anew(begun.error().detail, clock.wall(), on_trouble);
  if (!begun) return begun.error();
  return file;
}

// Only a file that is certainly new begins without a word.
Result<> StateFile::begin(const OnTrouble& on_trouble) {
  const bool found = is_there(path_);
  if (!found && is_there(path_ + "-wal"))
    return fail(Errc::invalid, "it is gone, and its write-ahead log is not");
  if (const auto connected = connect(); !connected) return connected;
  if (session_->last >= lock_.last_row()) return {};
  if (!found) {
    on_trouble(fmt::format("state file {} is gone: a new one is begun", path_));
  } else {
    if (const auto checked = check_pages(session_->database.get()); !checked) return checked;
    on_trouble(
        fmt::format("state file {} has lost what was written to it last: was its write-ahead log "
                    "taken away, or an older file put in its place?",
                    path_));
  }
  lock_.note(session_->last);
  return {};
}

Result<> StateFile::connect() {
  session_.reset();
  Result<Session> session = open_session();
  if (!session) return session.error();
  session_.emplace(std::move(*session));
  session_->file = FileMark::at(path_);
  session_->log = FileMark::at(path_ + "-wal");
  return {};
}

// SQLite goes on writing into a file that nobody finds any more.
Result<> StateFile::check_in_place() {
  const std::string log = path_ + "-wal";
  if (session_->log.is_none()) session_->log = FileMark::at(log);
  if (!session_->file.has_left(path_) && !is_empty(path_) && !session_->log.has_left(log)) return {};
  return fail(Errc::invalid, "it was deleted, replaced or cut while in use");
}

// Alone with it, if that can be: a reader (`sqlite3 state.db` in somebody's terminal) is no reason to do
// without the file.
Result<SqliteHandle> StateFile::open_database() const {
  Result<SqliteHandle> database = open_with(path_, kAlone);
  if (database || database.error().code != Errc::refused) return database;
  if (const auto used = check_not_in_use(path_); !used) return used.error();
  database = open_with(path_, kBeside);
  if (!database && database.error().code == Errc::refused) return fail(Errc::io, database.error().detail);
  return database;
}

Result<StateFile::Session> StateFile::open_session() const {
  if (!is_there(path_)) {
    if (const auto made = make_state_file(path_); !made) return made.error();
  }
  if (const auto checked = check_state_file(path_); !checked) return checked.error();
  auto database = open_database();
  if (!database) return database.error();
  sqlite3* const raw = database->get();
  if (const auto version = check_state_version(raw); !version) return version.error();
  if (const auto writable = check_writable(raw); !writable) return writable.error();
  Session session;
  session.database = std::move(*database);
  const auto first = sqlite_number(raw, kFirst);
  if (!first) return first.error();
  const auto last = sqlite_number(raw, kLast);
  if (!last) return last.error();
  session.first = std::max<std::int64_t>(*first, 1);
  session.last = *last;
  if (const auto read = read_clock(session); !read) return read.error();
  auto append = Statement::prepare(raw, kAppend);
  if (!append) return append.error();
  session.append.emplace(std::move(*append));
  return session;
}

Result<> StateFile::read_clock(Session& session) {
  auto row = Statement::prepare(session.database.get(), kGetClock);
  if (!row) return row.error();
  const Result<bool> found = row->step();
  if (!found) return found.error();
  if (*found) session.clock = {from_milliseconds(row->number(0)), from_milliseconds(row->number(1))};
  return {};
}

std::optional<StateClock::Reading> StateFile::last_reading() const {
  return session_ ? session_->clock : std::nullopt;
}

std::int64_t StateFile::rows() const { return session_ ? session_->last - session_->first + 1 : 0; }

Result<bool> StateFile::load(Which which, std::size_t most, const OnRecord& on_record) {
  if (!session_) return false;
  std::int64_t& before = which == Which::early ? session_->early_before : session_->before;
  std::size_t seen = 0;
  const auto rows = read(which == Which::early ? kEarlyRows : kAllRows, before, most, [&](Row& row) {
    ++seen;
    before = row.id;
    if (which == Which::early || row.large) on_record(row.record);
    return Result<>{};
  });
  if (!rows) return rows.error();
  return seen == most;
}

Result<> StateFile::read(const char* sql, std::int64_t from, std::size_t most,
                         const std::function<Result<>(Row&)>& on_row) const {
  auto rows = Statement::prepare(session_->database.get(), sql);
  if (!rows) return rows.error();
  rows->bind(1, from).bind(2, static_cast<std::int64_t>(most));
  for (;;) {
    const Result<bool> found = rows->step();
    if (!found) return found.error();
    if (!*found) return {};
    made_step();
    const std::int64_t expires = rows->number(3);
    if (checksum(rows->blob(0), rows->blob(1), rows->blob(2), expires) != rows->number(4))
      return fail(Errc::invalid, "a record's checksum is wrong");
    Row row{.record = {.kind = std::string(rows->blob(0)),
                       .key = std::string(rows->blob(1)),
                       .value = std::string(rows->blob(2)),
                       .expires = from_milliseconds(expires),
                       .erased = expires == 0},
            .id = rows->number(5),
            .large = rows->number(6) != 0};
    if (const auto taken = on_row(row); !taken) return taken;
  }
}

Result<> StateFile::transaction(const std::function<Result<>()>& work) {
  if (const auto held = lock_.hold(); !held) return held;
  if (!session_) {
    // The last attempt to begin anew failed.
    if (const auto connected = connect(); !connected) return connected.error();
  }
  sqlite3* const database = session_->database.get();
  if (const auto begun = sqlite_run(database, "BEGIN IMMEDIATE"); !begun) return begun.error();
  const std::int64_t first = session_->first, last = session_->last;
  Result<> result = work();
  faults::crash_point("state.before-commit");
  if (result) result = sqlite_run(database, "COMMIT");
  faults::crash_point("state.committed");
  if (result) lock_.note(session_->last);
  if (result) return check_in_place();
  session_->first = first;
  session_->last = last;
  // The error that counts is the first one; SQLite may have rolled back already.
  if (sqlite3_get_autocommit(database) == 0) static_cast<void>(sqlite_run(database, "ROLLBACK"));
  return result;
}

Result<> StateFile::commit(const Batch& batch, const StateClock::Reading& clock) {
  return transaction([&]() -> Result<> {
    for (const auto& [name, record] : batch) {
      if (const auto written = append(record); !written) return written;
    }
    return write(clock);
  });
}

Result<> StateFile::commit(std::span<const StateRecord> records) {
  return transaction([&]() -> Result<> {
    for (const StateRecord& record : records) {
      if (const auto written = append(record); !written) return written;
    }
    return {};
  });
}

Result<> StateFile::shorten(std::size_t most, const IsHeld& is_held) {
  return transaction([&]() -> Result<> {
    std::vector<StateRecord> kept;
    std::int64_t until = session_->first - 1;
    const auto seen = read(kOldestRows, session_->first, most, [&](Row& row) {
      until = row.id;
      if (!row.record.erased && is_held(row.record)) kept.push_back(std::move(row.record));
      return Result<>{};
    });
    if (!seen) return seen;
    for (const StateRecord& record : kept) {
      if (const auto written = append(record); !written) return written;
    }
    auto drop = Statement::prepare(session_->database.get(), kDropRows);
    if (!drop) return drop.error();
    if (const auto dropped = drop->bind(1, until).run(); !dropped) return dropped;
    if (until == session_->last) {  // empty: SQLite counts from 1 again
      session_->last = until = 0;
      lock_.note(0);  // at once: a kill behind the commit must not leave it too large
    }
    session_->first = until + 1;
    return {};
  });
}

Result<> StateFile::write(const StateClock::Reading& clock) {
  auto set = Statement::prepare(session_->database.get(), kSetClock);
  if (!set) return set.error();
  return set->bind(1, to_milliseconds(clock.store)).bind(2, to_milliseconds(clock.wall)).run();
}

Result<> StateFile::append(const StateRecord& record) {
  const std::int64_t expires = record.erased ? 0 : to_milliseconds(record.expires);
  const Result<> written = session_->append->bind(1, record.kind)
                               .bind(2, record.key)
                               .bind(3, record.value)
                               .bind(4, expires)
                               .bind(5, std::int64_t{limits_.is_large(record.kind) ? 1 : 0})
                               .bind(6, checksum(record.kind, record.key, record.value, expires))
                               .run();
  if (!written) return written;
  session_->last = sqlite3_last_insert_rowid(session_->database.get());
  made_step();
  return {};
}

void StateFile::made_step() const {
  if (++rows_done_ % kRowsInAStep == 0 && step_) step_();
}

Result<> StateFile::begin_anew(std::string_view reason, WallTime now, const OnTrouble& on_trouble) {
  session_.reset();
  const std::string aside =
      fmt::format("{}.corrupt-{:%Y%m%dT%H%M%S}Z", path_, std::chrono::floor<std::chrono::seconds>(now));
  faults::crash_point("state.before-set-aside");
  // The write-ahead log first: left in place it would be replayed into the new file.
  if (std::rename((path_ + "-wal").c_str(), (aside + "-wal").c_str()) != 0 && errno != ENOENT)
    return file_error(path_ + "-wal", errno);
  if (std::rename(path_.c_str(), aside.c_str()) != 0 && errno != ENOENT) return file_error(path_, errno);
  faults::crash_point("state.set-aside");
  ::unlink((path_ + "-shm").c_str());
  on_trouble(
      fmt::format("state file {} is damaged ({}): kept as {}, a new one is begun", path_, reason, aside));
  lock_.note(0);  // told: a kill before that makes the next start say that the file is gone
  return connect();
}

}  // namespace sallyport::store
