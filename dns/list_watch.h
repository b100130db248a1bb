// Whether the configured lists answer us, and truly: the test entries of RFC 5782 5, and a circuit breaker.
//
// A list that lists the whole world is set aside, for that family of subjects, until a later test finds it
// mended: it would cost all mail. One whose test entry is missing only draws a warning. A list that fails
// to answer, strangers' questions or a test, is not asked again until a test of ours, every 30 s, has been
// answered whole: so a dead list costs strangers two seconds in all, and one that nobody could test refuses
// nobody.
//
// standing() and heard() from every core; the rest from one. Outlives its tasks.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "dns/list.h"
#include "dns/news.h"
#include "dns/resolver.h"

namespace sallyport::dns {

enum class Family : std::uint8_t { ipv4, ipv6, domain };
inline constexpr std::size_t kFamilies = 3;

// The entries of one family: one that must be listed, one that must not.
struct TestPoints {
  Subject listed;
  Subject clear;
  bool operator==(const TestPoints&) const = default;
};
TestPoints usual_test_points(Family family);  // 127.0.0.2 and 127.0.0.1, their IPv6 forms, TEST and INVALID

struct WatchedList {
  Name zone;
  std::string shown;  // in messages: the zone, unless its name holds a key
  std::array<std::optional<TestPoints>, kFamilies> families;  // none: the list has no such subjects
  Duration timeout = std::chrono::seconds(2);
  bool operator==(const WatchedList&) const = default;
};

class ListWatch {
 public:
  static constexpr auto kBetweenTests = std::chrono::hours(4);
  static constexpr auto kBetweenProbes = std::chrono::seconds(30);
  static constexpr auto kCost = std::chrono::seconds(2);  // of a dead list, to one stranger after another

  ListWatch(std::vector<WatchedList> lists, const Clock& clock, OnNews on_news);
  ~ListWatch();
  ListWatch(const ListWatch&) = delete;
  ListWatch& operator=(const ListWatch&) = delete;

  const std::vector<WatchedList>& lists() const { return lists_; }
  enum class Standing : std::uint8_t {
    asked,
    not_meant,  // it has no such subjects
    not_answering,
    set_aside,
  };
  Standing standing(std::size_t list, Family family) const;
  // What became of a stranger's question, if it took the list's whole time or was answered: time-outs in a
  // row open the breaker once they come to kCost.
  void heard(std::size_t list, ListAnswer::Result result);

  io::Task<> test(Resolver& resolver);   // every list, all at once, past the cache
  io::Task<> probe(Resolver& resolver);  // those whose breaker is open; the whole test closes it
  // Tests at once and every four hours, and probes between, until stop(), which is called on its core.
  io::Task<> keep(Resolver& resolver);
  void stop();

 private:
  struct State;
  class Waking;

  io::Task<> test_or_probe(Resolver& resolver, TimePoint& next_test);
  io::Task<> test_one(Resolver& resolver, std::size_t list);
  io::Task<> test_family(Resolver& resolver, std::size_t list, Family family, bool& answered);
  io::Task<ListAnswer> ask_now(Resolver& resolver, std::size_t list, Subject subject);
  void judge(std::size_t list, Family family, const ListAnswer& listed, const ListAnswer& clear);
  void set_aside(std::size_t list, Family family, bool aside);
  void set_open(std::size_t list, bool open);

  std::vector<WatchedList> lists_;
  const Clock& clock_;
  OnNews on_news_;
  std::unique_ptr<State[]> states_;
  std::atomic<bool> stopping_{false};
  io::Signal* wake_ = nullptr;  // of keep(), while it runs
};

}  // namespace sallyport::dns
