#include "base/store/state_file.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/faults.h"
#include "base/store/file_error.h"
#include "base/text.h"

namespace sallyport::store {
namespace {

constexpr std::int64_t kApplication = 0x53414c50;  // "SALP", in the file's header
constexpr std::int64_t kVersion = 1;

// A replaced row gets a new, highest id: the order of ids is the order in which records were put.
constexpr const char* kSchema = R"(
BEGIN IMMEDIATE;
CREATE TABLE record (
  id INTEGER PRIMARY KEY, kind BLOB NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
  expires INTEGER NOT NULL, checksum INTEGER NOT NULL, UNIQUE (kind, key));
PRAGMA application_id = 0x53414c50;
PRAGMA user_version = 1;
COMMIT;
)";

constexpr const char* kSettings = R"(
PRAGMA busy_timeout = 200;
PRAGMA cell_size_check = ON;
PRAGMA trusted_schema = OFF;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA journal_size_limit = 16777216;
)";

constexpr const char* kPut =
    "INSERT OR REPLACE INTO record (kind, key, value, expires, checksum) VALUES (?, ?, ?, ?, ?)";
constexpr const char* kErase = "DELETE FROM record WHERE kind = ? AND key = ?";
constexpr const char* kSelect = "SELECT kind, key, value, expires, checksum FROM record ORDER BY id";

std::int64_t to_milliseconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

WallTime from_milliseconds(std::int64_t count) { return WallTime(std::chrono::milliseconds(count)); }

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

std::string holder(int lock) {
  char text[16];
  const auto length = ::pread(lock, text, sizeof text, 0);
  const std::string_view pid = trim({text, static_cast<std::size_t>(length > 0 ? length : 0)});
  return printable(pid.substr(0, pid.find('\n')));
}

// The name of a new file must survive a power cut as well as its content.
void sync_directory_of(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  const io::Descriptor descriptor(
      ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor) ::fsync(descriptor.get());
}

// SQLite would create it readable by everybody. Closed before SQLite opens it: closing a second descriptor
// later would drop SQLite's own locks.
Result<> create_private(const std::string& path) {
  const io::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return file_error(path, errno);
  return {};
}

Result<std::int64_t> pragma(sqlite3* database, const char* sql) {
  auto statement = Statement::prepare(database, sql);
  if (!statement) return statement.error();
  const Result<bool> row = statement->step();
  if (!row) return row.error();
  return *row ? statement->number(0) : 0;
}

Result<> check_version(sqlite3* database) {
  const auto version = pragma(database, "PRAGMA user_version");
  if (!version) return version.error();
  const auto tables = pragma(database, "SELECT count(*) FROM sqlite_master");
  if (!tables) return tables.error();
  if (*version == 0 && *tables == 0) return sqlite_run(database, kSchema);
  const auto application = pragma(database, "PRAGMA application_id");
  if (!application) return application.error();
  if (*application != kApplication) return fail(Errc::invalid, "it is not a state file of Sallyport");
  if (*version != kVersion)
    return fail(Errc::invalid, fmt::format("its version is {}, not {}", *version, kVersion));
  return {};
}

// The file was opened for writing: what keeps SQLite from it stands in the header. The rest of the file is
// judged as it is read: a PRAGMA quick_check would read it twice, and a start is to take under two seconds.
Result<> check_writable(sqlite3* database) {
  if (sqlite3_db_readonly(database, "main") == 1) return fail(Errc::invalid, "its header forbids writing");
  return {};
}

}  // namespace

StateFile::StateFile(std::string path, const Clock& clock, OnTrouble on_trouble, io::Descriptor lock)
    : path_(std::move(path)), clock_(clock), on_trouble_(std::move(on_trouble)), lock_(std::move(lock)) {}

Result<std::unique_ptr<StateFile>> StateFile::open(std::string path, const Clock& clock,
                                                   OnTrouble on_trouble) {
  Result<io::Descriptor> lock = StateFile::lock(path + ".lock");
  if (!lock) return lock.error();
  faults::crash_point("state.locked");
  std::unique_ptr<StateFile> file(
      new StateFile(std::move(path), clock, std::move(on_trouble), std::move(*lock)));
  Result<> connected = file->connect();
  if (!connected && connected.error().code == Errc::invalid) {
    connected = file->begin_anew(connected.error().detail);
  }
  if (!connected) return connected.error();
  return file;
}

Result<io::Descriptor> StateFile::lock(const std::string& path) {
  io::Descriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return file_error(path, errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return file_error(path, errno);
    return fail(Errc::refused,
                fmt::format("{}: in use by another instance (pid {})", path, holder(lock.get())));
  }
  // Only for the sentence above; the lock counts, not what the file says.
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), pid.data(), pid.size(), 0) < 0) {
    return file_error(path, errno);
  }
  return lock;
}

Result<> StateFile::connect() {
  session_.reset();
  Result<Session> session = open_session();
  if (!session) return session.error();
  session_.emplace(std::move(*session));
  sync_directory_of(path_);
  return {};
}

Result<StateFile::Session> StateFile::open_session() const {
  if (const auto created = create_private(path_); !created) return created.error();
  faults::crash_point("state.created");
  auto database = sqlite_open(path_);
  if (!database) return database.error();
  sqlite3* const raw = database->get();
  if (const auto set = sqlite_run(raw, kSettings); !set) return set.error();
  if (const auto version = check_version(raw); !version) return version.error();
  if (const auto writable = check_writable(raw); !writable) return writable.error();
  auto put = Statement::prepare(raw, kPut);
  if (!put) return put.error();
  auto erase = Statement::prepare(raw, kErase);
  if (!erase) return erase.error();
  return Session{std::move(*database), std::move(*put), std::move(*erase)};
}

Result<> StateFile::load(const OnRecord& on_record) {
  const WallTime now = clock_.wall();
  if (const auto loaded = load_rows(on_record, now); !loaded) return loaded.error();
  auto purge = Statement::prepare(session_->database.get(), "DELETE FROM record WHERE expires <= ?");
  if (!purge) return purge.error();
  Result<> purged = purge->bind(1, to_milliseconds(now)).run();
  // Another program may hold the write lock for now; what stays is left out again next time.
  if (!purged && purged.error().code == Errc::invalid) return purged;
  return {};
}

Result<> StateFile::load_rows(const OnRecord& on_record, WallTime now) {
  auto rows = Statement::prepare(session_->database.get(), kSelect);
  if (!rows) return rows.error();
  for (;;) {
    const Result<bool> row = rows->step();
    if (!row) return row.error();
    if (!*row) return {};
    const std::int64_t expires = rows->number(3);
    if (checksum(rows->blob(0), rows->blob(1), rows->blob(2), expires) != rows->number(4)) {
      return fail(Errc::invalid, "a record's checksum is wrong");
    }
    if (from_milliseconds(expires) <= now) continue;
    on_record({.kind = std::string(rows->blob(0)),
               .key = std::string(rows->blob(1)),
               .value = std::string(rows->blob(2)),
               .expires = from_milliseconds(expires)});
  }
}

Result<> StateFile::commit(const Batch& batch) {
  if (!session_) {
    // The last attempt to begin anew failed.
    if (const auto connected = connect(); !connected) return connected.error();
  }
  sqlite3* const database = session_->database.get();
  if (const auto begun = sqlite_run(database, "BEGIN IMMEDIATE"); !begun) return begun.error();
  Result<> result;
  for (auto record = batch.begin(); result && record != batch.end(); ++record)
    result = write(record->second);
  faults::crash_point("state.before-commit");
  if (result) result = sqlite_run(database, "COMMIT");
  faults::crash_point("state.committed");
  if (!result && sqlite3_get_autocommit(database) == 0) {
    // The error that counts is the first one; SQLite may have rolled back already.
    static_cast<void>(sqlite_run(database, "ROLLBACK"));
  }
  return result;
}

Result<> StateFile::write(const StateRecord& record) {
  if (record.erased) return session_->erase.bind(1, record.kind).bind(2, record.key).run();
  const std::int64_t expires = to_milliseconds(record.expires);
  return session_->put.bind(1, record.kind)
      .bind(2, record.key)
      .bind(3, record.value)
      .bind(4, expires)
      .bind(5, checksum(record.kind, record.key, record.value, expires))
      .run();
}

Result<> StateFile::begin_anew(std::string_view reason) {
  session_.reset();
  const std::string aside = fmt::format("{}.corrupt-{:%Y%m%dT%H%M%S}Z", path_,
                                        std::chrono::floor<std::chrono::seconds>(clock_.wall()));
  faults::crash_point("state.before-set-aside");
  if (std::rename(path_.c_str(), aside.c_str()) != 0) return file_error(path_, errno);
  faults::crash_point("state.set-aside");
  // A write-ahead log left in place would be replayed into the new file.
  if (std::rename((path_ + "-wal").c_str(), (aside + "-wal").c_str()) != 0 && errno != ENOENT) {
    return file_error(path_ + "-wal", errno);
  }
  ::unlink((path_ + "-shm").c_str());
  on_trouble_(
      fmt::format("state file {} is damaged ({}): kept as {}, a new one is begun", path_, reason, aside));
  return connect();
}

}  // namespace sallyport::store
