// The client of a session that is made up by the fuzzer: what it sends and when, and what it heard.
//
//   ;  waits until it is read from: what follows is not there before that
//   |  what follows comes in another read, but is there already
//   <  falls silent for good (a timeout)   >  resets the connection   _  hears that the gateway goes down
//
// At the end of its letters it shuts its side down.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/fuzz/alphabet.h"
#include "tests/fuzz/session_stream.h"

namespace sallyport::fuzz {

// Outlives the stream, which the session owns.
struct ClientRecord {
  std::string sent;  // all of it, read by the server or not
  std::string heard;
  std::size_t longest_write = 0;
  bool reset = false;
};

class ClientStream final : public MemoryStream {
 public:
  ClientStream(std::string_view letters, std::shared_ptr<ClientRecord> record);

  io::Task<Result<std::string_view>> read(TimePoint deadline, std::size_t at_most) override;
  io::Presence poll(std::string& into, std::size_t cap) override;

 private:
  struct Piece {
    std::string bytes;
    bool waits = false;   // not there before it is read
    Errc end = Errc::io;  // instead of bytes
  };
  Result<> heard(const std::string& bytes) override;
  void add(Piece piece);

  std::vector<Piece> pieces_;
  std::size_t next_ = 0;
  std::string scratch_;  // as the thread's: the last read dies at the next
  std::shared_ptr<ClientRecord> record_;
};

}  // namespace sallyport::fuzz
