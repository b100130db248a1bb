// Time, always passed in so that tests own it.
//
// Deadlines and ages use the steady clock, which never jumps; the wall clock is only for what people
// and other programs read (Received:, events) and for state that outlives the process.
#pragma once

#include <chrono>

namespace sallyport {

using Duration = std::chrono::steady_clock::duration;
using TimePoint = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const { return std::chrono::steady_clock::now(); }
  virtual WallTime wall() const { return std::chrono::system_clock::now(); }
};

// The system's clock; lives as long as the program, usable from every thread.
inline const Clock& system_clock() {
  static const Clock clock;
  return clock;
}

}  // namespace sallyport
