#include "base/store/event_log.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/faults.h"
#include "base/needed_memory.h"
#include "base/store/event_text.h"
#include "base/store/line_output.h"

namespace sallyport::store {
namespace {

constexpr std::size_t kMaxBacklog = 4 << 20;
constexpr std::chrono::milliseconds kPatience{100};  // between two tries on a reader that is slow

constexpr std::string_view kLost =
    "events are lost: too many wait for the event store, which is not written";

Event note_event(std::string_view level, std::string_view text) {
  return std::move(Event("note").text("level", level).text("text", text));
}

// Escaped but for quotation marks: the text stands alone to the end of its line.
void append_unquoted(std::string& out, std::string_view text) {
  for (auto quote = text.find('"'); quote != std::string_view::npos; quote = text.find('"')) {
    append_escaped(out, text.substr(0, quote));
    out += '"';
    text.remove_prefix(quote + 1);
  }
  append_escaped(out, text);
}

}  // namespace

class EventLog::Impl {
 public:
  Impl(int descriptor, LogFormat format, const Clock& clock)
      : format_(format), clock_(clock), time_(format == LogFormat::json), output_(descriptor) {}
  ~Impl();

  LogFormat format() const { return format_; }
  // `head`: the type, or what stands for it in text. `body`: in the log's format.
  void emit(std::string_view head, std::string_view body);
  std::uint64_t dropped() const;
  bool all_written() const;
  void flush(Duration at_most);

 private:
  std::string_view compose(std::string_view head, std::string_view body);
  void accept(std::string_view line);
  void report_dropped();
  void drain();
  void die();
  void drain_in_background();
  void start_drainer();

  const LogFormat format_;
  const Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  TimeStamp time_;
  LineOutput output_;
  std::string line_;      // kept for its memory
  std::string backlog_;   // whole lines, but for the first, which may have lost its front
  std::size_t sent_ = 0;  // octets of `backlog_` that are out
  std::uint64_t dropped_ = 0;
  std::uint64_t unreported_ = 0;
  bool dead_ = false;
  bool stopping_ = false;
  std::thread drainer_;  // from the first backlog on
};

EventLog::Impl::~Impl() {
  {
    const std::lock_guard lock(mutex_);
    drain();
    stopping_ = true;
  }
  changed_.notify_one();
  if (drainer_.joinable()) drainer_.join();
}

void EventLog::Impl::emit(std::string_view head, std::string_view body) {
  const std::lock_guard lock(mutex_);
  if (dead_) {
    ++dropped_;
    return;
  }
  report_dropped();
  faults::crash_point("event.before-write");
  accept(compose(head, body));
  faults::crash_point("event.written");
}

std::string_view EventLog::Impl::compose(std::string_view head, std::string_view body) {
  const bool json = format_ == LogFormat::json;
  line_ = json ? "{\"time\":\"" : "";
  time_.append(line_, clock_.wall());
  line_ += json ? "\",\"type\":\"" : " ";
  line_ += head;
  line_ += json ? "\"" : "";
  line_ += body;
  line_ += json ? "}\n" : "\n";
  return line_;
}

void EventLog::Impl::accept(std::string_view line) {
  if (unreported_ > 0 || backlog_.size() - sent_ + line.size() > kMaxBacklog) {
    ++dropped_;
    ++unreported_;
    return;
  }
  const bool direct = backlog_.empty();
  if (direct && output_.write(line) == LineOutput::Outcome::dead) {
    ++dropped_;
    return die();
  }
  backlog_ += line;
  if (backlog_.empty()) return;
  if (direct) changed_.notify_one();
  start_drainer();
}

void EventLog::Impl::start_drainer() {
  if (drainer_.joinable()) return;
  try {
    drainer_ = std::thread([this] { drain_in_background(); });
  } catch (const std::system_error&) {
    // No thread to be had now: the next event tries again.
  }
}

bool EventLog::Impl::all_written() const {
  const std::lock_guard lock(mutex_);
  return !dead_ && unreported_ == 0 && backlog_.empty();
}

void EventLog::Impl::report_dropped() {
  // Room for the line behind it is wanted as well, or every other line would be a report.
  if (unreported_ == 0 || backlog_.size() - sent_ > kMaxBacklog / 2) return;
  Event report("dropped");
  report.number("count", static_cast<std::int64_t>(std::exchange(unreported_, 0)));
  const std::string& body = report.body_;
  accept(compose("dropped", format_ == LogFormat::json ? body : body_as_text(body)));
}

void EventLog::Impl::drain() {
  std::string_view rest = std::string_view(backlog_).substr(sent_);
  if (output_.write(rest) == LineOutput::Outcome::dead) return die();
  sent_ = backlog_.size() - rest.size();
  if (sent_ < backlog_.size() / 2) return;
  backlog_.erase(0, sent_);
  sent_ = 0;
  if (backlog_.empty()) report_dropped();
}

void EventLog::Impl::die() {
  dead_ = true;
  dropped_ += static_cast<std::uint64_t>(std::ranges::count(backlog_, '\n'));
  std::string().swap(backlog_);
  sent_ = 0;
}

void EventLog::Impl::drain_in_background() {
  const NeededMemory needed;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !backlog_.empty(); });
    if (stopping_) return;
    lock.unlock();
    output_.wait_writable(kPatience);
    lock.lock();
    drain();
  }
}

void EventLog::Impl::flush(Duration at_most) {
  const TimePoint end = std::chrono::steady_clock::now() + at_most;
  std::unique_lock lock(mutex_);
  for (;;) {
    drain();
    if (backlog_.empty() || std::chrono::steady_clock::now() >= end) return;
    lock.unlock();
    output_.wait_writable(std::chrono::milliseconds(10));
    lock.lock();
  }
}

std::uint64_t EventLog::Impl::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

EventLog::EventLog(int descriptor, LogFormat format, const Clock& clock)
    : impl_(std::make_unique<Impl>(descriptor, format, clock)) {}

EventLog::~EventLog() = default;

void EventLog::keep_in(std::unique_ptr<EventStore> store) {
  store_ = std::move(store);
  store_->on_news(
      [this](const EventStore::News& news) { note(news.bad ? "error" : "warning", news.text); });
}

// That events are lost is said on the descriptor alone: the store counts them itself, once it has room
// again.
void EventLog::keep(const Event& event) {
  if (store_ && !store_->append(event.type_, event.body_)) emit_note("error", kLost);
}

void EventLog::write(const Event& event) {
  const NeededMemory needed;  // what happened is told, above all when it was for want of memory
  keep(event);
  const bool json = impl_->format() == LogFormat::json;
  json ? impl_->emit(event.type_, event.body_) : impl_->emit(event.type_, body_as_text(event.body_));
}

void EventLog::note(std::string_view level, std::string_view text) {
  const NeededMemory needed;
  keep(note_event(level, text));
  emit_note(level, text);
}

void EventLog::emit_note(std::string_view level, std::string_view text) {
  if (impl_->format() == LogFormat::json) {
    const Event event = note_event(level, text);
    return impl_->emit(event.type_, event.body_);
  }
  std::string body = " ";
  append_unquoted(body, text);
  impl_->emit(std::string(level) + ":", body);
}

std::uint64_t EventLog::dropped() const { return impl_->dropped(); }

bool EventLog::all_written() const { return impl_->all_written(); }

void EventLog::flush(Duration at_most) { impl_->flush(at_most); }

}  // namespace sallyport::store
