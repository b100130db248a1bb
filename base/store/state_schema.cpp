#include "base/store/state_schema.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "base/faults.h"
#include "base/io/descriptor.h"
#include "base/open_file.h"
#include "base/store/file_error.h"

namespace sallyport::store {
namespace {

constexpr std::int64_t kApplication = 0x53414c50;  // "SALP", in the file's header
constexpr std::int64_t kVersion = 2;
constexpr off_t kHeader = 100;
constexpr std::string_view kMagic{"SQLite format 3\0", 16};
constexpr std::size_t kVersionAt = 60, kApplicationAt = 68;  // of four octets
constexpr off_t kSharedLocks = 0x40000002,
                kSharedLocksLength = 510;  // where SQLite's readers lock the file

// A log: the newest row of a key counts, one that expires at 0 says that the key was erased. Rows are only
// added at its end and removed at its beginning, because ten thousand changes a second in their places
// would be as many pages a second. `large` is 1 for what a start reads in the background.
constexpr const char* kSchema = R"(
BEGIN IMMEDIATE;
CREATE TABLE log (
  id INTEGER PRIMARY KEY, kind BLOB NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
  expires INTEGER NOT NULL, large INTEGER NOT NULL, checksum INTEGER NOT NULL);
CREATE INDEX early ON log (id) WHERE large = 0;
CREATE TABLE clock (id INTEGER PRIMARY KEY, store INTEGER NOT NULL, wall INTEGER NOT NULL);
PRAGMA application_id = 0x53414c50;
PRAGMA user_version = 2;
COMMIT;
)";

constexpr const char* kFromVersion1 = R"(
BEGIN IMMEDIATE;
CREATE TABLE log (
  id INTEGER PRIMARY KEY, kind BLOB NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
  expires INTEGER NOT NULL, large INTEGER NOT NULL, checksum INTEGER NOT NULL);
INSERT INTO log SELECT id, kind, key, value, expires, 0, checksum FROM record ORDER BY id;
CREATE INDEX early ON log (id) WHERE large = 0;
CREATE TABLE clock (id INTEGER PRIMARY KEY, store INTEGER NOT NULL, wall INTEGER NOT NULL);
DROP TABLE record;
PRAGMA user_version = 2;
COMMIT;
)";

// The name of a new file must survive a power cut as well as its content.
void sync_directory_of(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  const io::Descriptor descriptor(
      ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor) ::fsync(descriptor.get());
}

std::int64_t number_at(std::string_view header, std::size_t at) {
  std::int64_t number = 0;
  for (const char c : header.substr(at, 4)) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

Result<> check_size(off_t size) {
  if (size == 0) return fail(Errc::invalid, "it is empty");
  if (size < kHeader) return fail(Errc::invalid, "it is cut off");
  return {};
}

Result<> fill(const std::string& path) {
  auto database = sqlite_open(path);
  if (!database) return database.error();
  return sqlite_run(database->get(), kSchema);
}

}  // namespace

// SQLite would create it readable by everybody. Closed before SQLite opens it: closing a second descriptor
// later would drop SQLite's own locks.
Result<> make_state_file(const std::string& path) {
  const std::string fresh = path + ".new";
  ::unlink((fresh + "-journal").c_str());
  {
    const io::Descriptor file(::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file) return file_error(path, errno);
  }
  if (const auto filled = fill(fresh); !filled) return filled;
  faults::crash_point("state.created");
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return file_error(path, errno);
  sync_directory_of(path);
  return {};
}

Result<> check_state_file(const std::string& path) {
  const io::Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0) return file_error(path, errno);
  return check_size(status.st_size);
}

Result<> look_at_state_file(const std::string& path) {
  const auto opened = open_file(path);
  if (!opened && opened.error().code == Errc::not_found && ::access((path + "-wal").c_str(), F_OK) == 0)
    return fail(Errc::invalid, "it is gone, and its write-ahead log is not");
  if (!opened)
    return fail(opened.error().code == Errc::not_found ? Errc::not_found : Errc::io, opened.error().detail);
  const io::Descriptor file(*opened);
  struct stat status{};
  char octets[kHeader];
  if (::fstat(file.get(), &status) != 0) return fail(Errc::io, std::strerror(errno));
  if (const auto whole = check_size(status.st_size); !whole) return whole;
  if (::pread(file.get(), octets, kHeader, 0) != kHeader) return fail(Errc::io, std::strerror(errno));
  const std::string_view header(octets, kHeader);
  if (!header.starts_with(kMagic)) return fail(Errc::invalid, "it is no database");
  if (number_at(header, kApplicationAt) != kApplication)
    return fail(Errc::invalid, "it is not a state file of Sallyport");
  const std::int64_t version = number_at(header, kVersionAt);
  if (version >= 1 && version <= kVersion) return {};
  return fail(Errc::invalid, fmt::format("its version is {}, not {}", version, kVersion));
}

Result<> check_not_in_use(const std::string& path) {
  const io::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return file_error(path, errno);
  struct flock reader{};
  reader.l_type = F_RDLCK;
  reader.l_whence = SEEK_SET;
  reader.l_start = kSharedLocks;
  reader.l_len = kSharedLocksLength;
  if (::fcntl(file.get(), F_GETLK, &reader) != 0 || reader.l_type == F_UNLCK) return {};
  return fail(Errc::refused, fmt::format("{}: in use by another instance (pid {})", path, reader.l_pid));
}

Result<> check_state_version(sqlite3* database) {
  const auto version = sqlite_number(database, "PRAGMA user_version");
  if (!version) return version.error();
  const auto application = sqlite_number(database, "PRAGMA application_id");
  if (!application) return application.error();
  if (*application != kApplication) return fail(Errc::invalid, "it is not a state file of Sallyport");
  if (*version == 1) return sqlite_run(database, kFromVersion1);
  if (*version != kVersion)
    return fail(Errc::invalid, fmt::format("its version is {}, not {}", *version, kVersion));
  return {};
}

}  // namespace sallyport::store
