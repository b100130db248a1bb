#include "base/store/event_store.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "base/needed_memory.h"
#include "base/store/event_segment.h"
#include "base/store/event_text.h"
#include "base/store/state_clock.h"

namespace sallyport::store {
namespace {

constexpr std::size_t kMostQueued = 8 << 20;
constexpr std::size_t kKeptMemory = 1 << 20;
constexpr std::chrono::milliseconds kGather{50};  // so that a busy gateway wakes the writer seldom
constexpr std::chrono::seconds kBetweenSyncs{1};
constexpr std::chrono::seconds kBetweenTries{1};
constexpr std::chrono::hours kBetweenExpiries{1};
constexpr std::chrono::seconds kPatienceAtEnd{5};

// One of sixteen is removed whole; small ones are found in quickly.
std::uint64_t segment_size(std::uint64_t max_size) {
  return std::clamp<std::uint64_t>(max_size / 16, 64 << 10, 64 << 20);
}

// By the process before this one.
std::optional<StateClock::Reading> last_written(const std::string& directory) {
  const auto segments = segments_of(directory);
  if (segments.empty()) return std::nullopt;
  return StateClock::Reading{.store = segments.back().written, .wall = segments.back().written};
}

}  // namespace

class EventStore::Impl {
 public:
  Impl(EventStoreSettings settings, const Clock& clock)
      : settings_(std::move(settings)),
        clock_(clock),
        time_(true),
        age_(clock, last_written(settings_.directory)) {}

  void begin();  // before the writer runs
  bool append(std::string_view type, std::string_view body);
  bool flush(Duration at_most);
  void on_news(OnNews hear);
  std::uint64_t dropped() const;
  void run();
  void stop(Duration at_most);
  void give_up(const std::string& why);  // there is no writer

 private:
  using Lock = std::unique_lock<std::mutex>;

  void compose(std::string_view type, std::string_view body);
  void report_dropped();
  bool fetch(Lock& lock);
  bool write();
  bool open();
  void sync();
  void tend();
  bool all_is_well();
  void tell_lost_at_end();
  void tell(bool bad, const std::string& text);
  void say(const News& news);

  const EventStoreSettings settings_;
  const Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  TimeStamp time_;
  std::string waiting_;  // whole lines
  std::uint64_t dropped_ = 0;
  std::uint64_t unreported_ = 0;
  bool losing_ = false;  // and the writer has not written since
  bool idle_ = true;     // the writer has nothing in hand
  bool hurry_ = false;
  bool stopping_ = false;
  bool ended_ = false;

  std::mutex telling_;  // never wanted by who holds `mutex_`: who hears the news may append
  OnNews hear_;
  std::vector<News> untold_;  // nobody hears yet

  // The writer's own.
  std::string batch_;
  std::optional<EventSegment> segment_;
  bool unsynced_ = false;
  bool troubled_ = false;
  StateClock age_;  // as time passes, so that a wall clock that leaps ahead makes nothing old
  TimePoint sync_at_{};
  TimePoint expire_at_{};
};

void EventStore::Impl::begin() {
  (void)open();
  std::vector<std::string> others;
  (void)segments_of(settings_.directory, &others);
  if (others.empty() || troubled_) return;
  say({false, fmt::format("{} is no file, so no events are read of it", others.front())});
}

// -- what cores do -------------------------------------------------------------------------------------

bool EventStore::Impl::append(std::string_view type, std::string_view body) {
  const std::lock_guard lock(mutex_);
  report_dropped();
  if (waiting_.size() + body.size() > kMostQueued) {
    ++dropped_;
    ++unreported_;
    return std::exchange(losing_, true);
  }
  const bool was_empty = waiting_.empty();
  compose(type, body);
  if (was_empty) changed_.notify_all();
  return true;
}

void EventStore::Impl::compose(std::string_view type, std::string_view body) {
  waiting_ += "{\"time\":\"";
  time_.append(waiting_, clock_.wall());
  waiting_ += "\",\"type\":\"";
  waiting_ += type;
  waiting_ += '"';
  waiting_ += body;
  waiting_ += "}\n";
}

void EventStore::Impl::report_dropped() {
  if (unreported_ == 0 || waiting_.size() > kMostQueued / 2) return;
  compose("dropped", fmt::format(",\"count\":{}", std::exchange(unreported_, 0)));
}

bool EventStore::Impl::flush(Duration at_most) {
  Lock lock(mutex_);
  hurry_ = true;
  changed_.notify_all();
  const bool done = changed_.wait_for(lock, at_most, [this] { return waiting_.empty() && idle_; });
  hurry_ = false;
  return done;
}

void EventStore::Impl::on_news(OnNews hear) {
  const std::lock_guard lock(telling_);
  hear_ = std::move(hear);
  for (const News& news : std::exchange(untold_, {})) hear_(news);
}

std::uint64_t EventStore::Impl::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

void EventStore::Impl::stop(Duration at_most) {
  Lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  const bool ended = changed_.wait_for(lock, at_most, [this] { return ended_; });
  lock.unlock();
  if (!ended) say({true, "the last events may be lost: the disk does not answer"});
  const std::lock_guard telling(telling_);
  hear_ = nullptr;
}

void EventStore::Impl::give_up(const std::string& why) {
  tell(true, why);
  ended_ = true;
}

// -- the writer ----------------------------------------------------------------------------------------

void EventStore::Impl::run() {
  const NeededMemory needed;
  (void)pthread_setname_np(pthread_self(), "events");
  Lock lock(mutex_);
  while (fetch(lock)) {
    lock.unlock();
    const bool written = batch_.empty() || write();
    tend();
    lock.lock();
    idle_ = written;
    changed_.notify_all();
    if (written) continue;
    if (stopping_) break;
    changed_.wait_for(lock, kBetweenTries, [this] { return stopping_; });
  }
  lock.unlock();
  tell_lost_at_end();
  sync();
  segment_.reset();  // with its lock: the next store is opened as soon as this one has ended
  lock.lock();
  ended_ = true;
  changed_.notify_all();
}

// Waits for lines, or for the time to sync; false: the end, and nothing is left.
bool EventStore::Impl::fetch(Lock& lock) {
  const auto something = [this] { return stopping_ || !waiting_.empty() || !batch_.empty(); };
  if (unsynced_)
    changed_.wait_until(lock, sync_at_, something);
  else
    changed_.wait(lock, something);
  if (!batch_.empty()) return true;  // tried again
  if (waiting_.empty()) return !stopping_;
  changed_.wait_for(lock, kGather, [this] { return stopping_ || hurry_; });
  if (batch_.capacity() > kKeptMemory) std::string().swap(batch_);
  batch_.swap(waiting_);
  idle_ = false;
  return true;
}

bool EventStore::Impl::write() {
  if (!open()) return false;
  if (auto appended = segment_->append(batch_); !appended) {
    tell(true, appended.error().detail);
    return false;
  }
  batch_.clear();
  if (!std::exchange(unsynced_, true)) sync_at_ = std::chrono::steady_clock::now() + kBetweenSyncs;
  if (!all_is_well()) tell(false, {});
  return true;
}

bool EventStore::Impl::all_is_well() {
  const std::lock_guard lock(mutex_);
  return !std::exchange(losing_, false) && !troubled_;
}

bool EventStore::Impl::open() {
  const std::uint64_t most = segment_size(settings_.max_size);
  if (segment_ && segment_->is_gone()) {
    sync();
    segment_.reset();
    say({false, settings_.directory +
                    " was removed, renamed or replaced while in use: events go on in a new one"});
  }
  if (segment_ && !segment_->is_full(clock_.wall())) return true;
  if (segment_) {
    sync();
    if (!segment_->begin_another(clock_.wall())) return true;  // the old one takes more, if there is room
    expire_at_ = {};
    return true;
  }
  auto opened = EventSegment::open(settings_.directory, most, clock_.wall());
  if (!opened) {
    tell(true, opened.error().detail);
    return false;
  }
  segment_ = std::move(*opened);
  return true;
}

void EventStore::Impl::tend() {
  age_.look();
  const TimePoint now = std::chrono::steady_clock::now();
  if (unsynced_ && now >= sync_at_) sync();
  if (!segment_ || now < expire_at_) return;
  expire_at_ = now + kBetweenExpiries;
  const std::uint64_t current = segment_size(settings_.max_size);
  const auto keep = std::chrono::duration_cast<WallTime::duration>(settings_.keep);
  expire(settings_.directory, settings_.max_size - current, std::min(age_.now(), clock_.wall()) - keep);
}

void EventStore::Impl::sync() {
  if (!segment_ || !std::exchange(unsynced_, false)) return;
  if (auto synced = segment_->sync(); !synced) tell(true, synced.error().detail);
}

void EventStore::Impl::tell_lost_at_end() {
  Lock lock(mutex_);
  const auto left = std::ranges::count(batch_, '\n') + std::ranges::count(waiting_, '\n');
  const auto lines = static_cast<std::uint64_t>(left) + unreported_;
  lock.unlock();
  if (lines > 0)
    say({true, fmt::format("{} events are lost, which could not be written before the end", lines)});
}

// Once for each trouble, and once when it is over.
void EventStore::Impl::tell(bool bad, const std::string& text) {
  if (bad && troubled_) return;
  troubled_ = bad;
  if (bad) return say({true, "events are not kept: " + text});
  say({false, fmt::format("events are kept again; {} were lost so far", dropped())});
}

void EventStore::Impl::say(const News& news) {
  const std::lock_guard lock(telling_);
  hear_ ? hear_(news) : untold_.push_back(news);
}

// ------------------------------------------------------------------------------------------------------

EventStore::EventStore(EventStoreSettings settings, const Clock& clock)
    : impl_(std::make_shared<Impl>(std::move(settings), clock)) {
  impl_->begin();
  try {
    std::thread([impl = impl_] { impl->run(); }).detach();
  } catch (const std::system_error& error) {
    impl_->give_up(error.what());
  }
}

EventStore::~EventStore() { impl_->stop(kPatienceAtEnd); }

bool EventStore::append(std::string_view type, std::string_view body) { return impl_->append(type, body); }

bool EventStore::flush(Duration at_most) { return impl_->flush(at_most); }

void EventStore::on_news(OnNews hear) { impl_->on_news(std::move(hear)); }

std::uint64_t EventStore::dropped() const { return impl_->dropped(); }

}  // namespace sallyport::store
