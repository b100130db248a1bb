// What the store's tests share: a directory that goes away, a clock of their own, tasks run to their end.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/io/event_loop.h"
#include "base/result.h"

namespace sallyport::store {

class ScratchDirectory {
 public:
  ScratchDirectory() : path_((std::filesystem::temp_directory_path() / "sallyport-test-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::size_t entries() const {
    using Iterator = std::filesystem::directory_iterator;
    return static_cast<std::size_t>(std::distance(Iterator(path_), Iterator()));
  }

 private:
  std::string path_;
};

inline std::string read_file(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

inline void write_file(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

// A copy of a state file in use, to be looked into: nobody else gets into the file itself.
inline std::string copy_of_state(const std::string& file) {
  for (const char* end : {"", "-wal"}) {
    constexpr auto kOver = std::filesystem::copy_options::overwrite_existing;
    if (std::filesystem::exists(file + end))
      std::filesystem::copy_file(file + end, file + ".copy" + end, kOver);
  }
  return file + ".copy";
}

// Both clocks go as `time` does; `jumped` is what the wall clock alone has done.
struct TestClock : Clock {
  TimePoint now() const override { return TimePoint(time.time_since_epoch()); }
  WallTime wall() const override { return time + jumped; }
  Duration jumped{0};
  WallTime time{std::chrono::milliseconds(1'795'363'200'123)};  // 2026-11-22T16:00:00.123Z
};

template <class T>
io::Task<> keep_result(io::Task<Result<T>> task, Result<T>& result) {
  result = co_await std::move(task);
}

template <class T>
Result<T> run(io::Task<Result<T>> task) {
  Result<T> result;
  io::EventLoop loop;
  loop.run(keep_result(std::move(task), result));
  return result;
}

}  // namespace sallyport::store
