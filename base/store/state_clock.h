// The time by which records expire: it passes as time does, whatever the wall clock says.
//
// A process runs by the steady clock. Only the time in which no gateway ran is learnt from the wall clock,
// by what the last commit wrote of both. The rules:
//
// - The wall clock may drift from the steady one by a minute between two looks; that is followed.
// - A jump while running, forwards or backwards, expires nothing and keeps nothing longer.
// - At a start the wall clock is believed when between nothing and a day has passed. Less (it was set back)
//   counts as no time. More is believed once it has held for an hour: a clock that is wrong at boot is
//   usually set within minutes, and until then nothing of what it says is written down.
//
// now() may be called from every thread, the rest from one.
#pragma once

#include <atomic>
#include <optional>

#include "base/clock.h"

namespace sallyport::store {

class StateClock {
 public:
  // Both clocks at one moment, as they are written down.
  struct Reading {
    WallTime store;
    WallTime wall;
  };

  // `last`: of the process before this one.
  StateClock(const Clock& clock, std::optional<Reading> last);

  WallTime now() const;
  void look();  // now and then: notices what the wall clock does
  Reading reading() const;

 private:
  void doubt(Duration deviation);

  const Clock& clock_;
  std::atomic<WallTime::duration> offset_;  // of store time from the steady clock
  Duration wall_offset_;                    // of the wall clock as it is believed
  bool starting_ = false;                   // the deviation is the time in which nothing ran
  std::optional<Duration> doubted_;         // a deviation, and since when it has been so
  TimePoint since_;
};

}  // namespace sallyport::store
