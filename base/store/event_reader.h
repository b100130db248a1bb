// Reads the event store of a gateway that runs, or does not: no lock, no socket, nothing is written.
//
// For one thread; reads files and so blocks. Lines are untrusted: a line that is no event is passed over.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace sallyport::store {

class EventReader {
 public:
  explicit EventReader(std::string directory) : directory_(std::move(directory)) {}

  // The events of a session and of its messages, in the order in which they were written.
  std::vector<std::string> of_session(std::uint64_t session) const;

  // Every event from that time on, the oldest first, until `take` says false. The line is valid during the
  // call.
  void each_since(WallTime since, const std::function<bool(std::string_view line)>& take) const;

  struct Kept {
    WallTime from, to;
    std::uint64_t events = 0;
  };
  std::optional<Kept> kept() const;  // nullopt: no events at all

  // What is named as a segment of it and is no file, so that nothing was read of it.
  std::vector<std::string> passed_over() const;

 private:
  std::string directory_;
};

}  // namespace sallyport::store
