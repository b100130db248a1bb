// The content of one message while it is received, judged and relayed: memory up to 1 MiB, then an
// unlinked temporary file (nothing to clean up after kill -9).
//
// One owner, one thread; file writes and reads run in the pool for files. append() never blocks and
// never fails; when wants_spill() says so, await spill() before appending more. Errors of spill():
// no_space (452 4.3.1), any other (451 4.3.0); the buffer is then only good for destruction.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/io/task.h"
#include "base/io/worker_pool.h"
#include "base/result.h"

namespace sallyport::store {

class MessageBuffer {
 public:
  static constexpr std::size_t kMemory = 1 << 20;
  // Over this much in all buffers together each keeps only kLittle in memory (promise P9).
  static constexpr std::size_t kMemoryOfAll = 64 << 20;
  static constexpr std::size_t kLittle = 64 << 10;

  // `directory` must exist; see check_directory().
  MessageBuffer(std::string directory, io::WorkerPool& files);
  ~MessageBuffer();
  MessageBuffer(const MessageBuffer&) = delete;
  MessageBuffer& operator=(const MessageBuffer&) = delete;

  void append(std::string_view content);
  bool wants_spill() const;
  io::Task<Result<>> spill();

  std::uint64_t size() const { return spilled_ + memory_.size(); }
  bool in_memory() const { return spilled_ == 0; }

  // The piece at `offset`, at most 1 MiB; empty at the end. Valid until the next call on this buffer.
  io::Task<Result<std::string_view>> piece(std::uint64_t offset);

 private:
  // The open file and a piece in flight. Held by the work in the pool as well, which may outlive a
  // buffer whose session was torn down.
  struct File;
  void count();  // the memory that is held, into the sum over all buffers

  std::string directory_;
  io::WorkerPool& files_;
  std::string memory_;         // what lies in memory: all of it, or the tail behind `spilled_`
  std::size_t counted_ = 0;    // for it, in the sum over all buffers
  std::uint64_t spilled_ = 0;  // octets in the file
  std::shared_ptr<File> file_;
};

// Whether temporary files can be made there: a directory, ours or root's, writable, not a symbolic link
// and not open to everybody (unless sticky, like /tmp). The error names path, owner and what to do.
Result<> check_directory(const std::string& path);

}  // namespace sallyport::store
