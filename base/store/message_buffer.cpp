#include "base/store/message_buffer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/io/descriptor.h"
#include "base/store/file_error.h"

namespace sallyport::store {
namespace {

std::atomic<std::size_t> in_memory_of_all{0};

// A file without a name. File systems without O_TMPFILE (NFS, some overlays) give it one for a moment.
Result<io::Descriptor> open_unlinked(const std::string& directory) {
  io::Descriptor file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file) return file;
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
    return file_error("temporary file in " + directory, errno);
  }
  std::string name = directory + "/sallyport-XXXXXX";
  io::Descriptor named(::mkostemp(name.data(), O_CLOEXEC));
  if (!named) return file_error("temporary file in " + directory, errno);
  ::unlink(name.c_str());
  return named;
}

Result<> write_at(int file, std::string_view content, std::uint64_t offset) {
  while (!content.empty()) {
    const ssize_t written = ::pwrite(file, content.data(), content.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return file_error("temporary file", errno);
    if (written == 0) return fail(Errc::no_space, "temporary file: nothing was written");
    content.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<> read_at(int file, std::string& into, std::uint64_t offset) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const ssize_t got =
        ::pread(file, into.data() + filled, into.size() - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error("temporary file", errno);
    if (got == 0) return fail(Errc::io, "temporary file: shorter than what was written");
    filled += static_cast<std::size_t>(got);
  }
  return {};
}

std::string owner_name(uid_t owner) {
  const passwd* const entry = ::getpwuid(owner);  // at start and reload: one thread only
  return entry != nullptr ? entry->pw_name : fmt::format("uid {}", owner);
}

}  // namespace

struct MessageBuffer::File {
  io::Descriptor descriptor;
  std::string content;  // on its way to the file, or the piece read back last
};

MessageBuffer::MessageBuffer(std::string directory, io::WorkerPool& files)
    : directory_(std::move(directory)), files_(files) {}

MessageBuffer::~MessageBuffer() { in_memory_of_all.fetch_sub(counted_, std::memory_order_relaxed); }

void MessageBuffer::append(std::string_view content) {
  memory_ += content;
  count();
}

void MessageBuffer::count() {
  // By capacity: a string that was emptied holds its memory still.
  in_memory_of_all.fetch_add(memory_.capacity() - counted_,
                             std::memory_order_relaxed);  // wraps where it shrank
  counted_ = memory_.capacity();
}

bool MessageBuffer::wants_spill() const {
  if (memory_.size() > kMemory) return true;
  return memory_.size() > kLittle && in_memory_of_all.load(std::memory_order_relaxed) > kMemoryOfAll;
}

io::Task<Result<>> MessageBuffer::spill() {
  if (file_ == nullptr) file_ = std::make_shared<File>();
  file_->content.swap(memory_);
  auto work = [file = file_, directory = directory_, offset = spilled_]() -> Result<> {
    if (!file->descriptor) {
      Result<io::Descriptor> opened = open_unlinked(directory);
      if (!opened) return opened.error();
      file->descriptor = std::move(*opened);
    }
    return write_at(file->descriptor.get(), file->content, offset);
  };
  const Result<> written = co_await files_.run(std::move(work));
  if (!written) co_return written;
  spilled_ += file_->content.size();
  file_->content.clear();
  if (in_memory_of_all.load(std::memory_order_relaxed) > kMemoryOfAll) std::string().swap(file_->content);
  memory_.swap(file_->content);
  count();
  co_return Result<void>{};
}

io::Task<Result<std::string_view>> MessageBuffer::piece(std::uint64_t offset) {
  if (offset >= size()) co_return std::string_view{};
  if (offset >= spilled_) {
    co_return std::string_view(memory_).substr(static_cast<std::size_t>(offset - spilled_), kMemory);
  }
  file_->content.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kMemory, spilled_ - offset)));
  auto work = [file = file_, offset] { return read_at(file->descriptor.get(), file->content, offset); };
  const Result<> read = co_await files_.run(std::move(work));
  if (!read) co_return read.error();
  co_return std::string_view(file_->content);
}

Result<> check_directory(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    const Error why = file_error(path, errno);
    return fail(why.code, why.detail + "; make it: install -d -m 700 -o <Sallyport's user> " + path);
  }
  const std::string whose = fmt::format("{} (owned by {})", path, owner_name(status.st_uid));
  if (S_ISLNK(status.st_mode))
    return fail(Errc::invalid, whose + " is a symbolic link: name the directory itself");
  if (!S_ISDIR(status.st_mode)) return fail(Errc::invalid, whose + " is not a directory");
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    const std::string advice = ::geteuid() == 0 ? "run as that user, or name a directory of root's"
                                                : fmt::format("chown it to {}", owner_name(::geteuid()));
    return fail(Errc::invalid, fmt::format("{} belongs to another user: {}", whose, advice));
  }
  if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0) {
    return fail(Errc::invalid, whose + " can be written by everybody: chmod 700 it");
  }
  if (const auto file = open_unlinked(path); !file) {
    return fail(file.error().code, fmt::format("{} cannot take files: {}; make it writable for {}", whose,
                                               file.error().detail, owner_name(::geteuid())));
  }
  return {};
}

}  // namespace sallyport::store
