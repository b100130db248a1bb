// The event log: one line of JSON an event (or plain text), on a descriptor, by append only.
//
// Events are written as text directly, never through a document tree. A write never blocks a core: what
// the reader does not take is kept up to 4 MiB, then dropped and counted, and the next line that gets
// out says how many ({"type":"dropped","count":N}). A reader that is gone (EPIPE) silences the log and
// nothing else; a full disk counts as a reader that is slow. Every function may be called from any thread.
// What is written goes into the event store as well, if there is one, whatever becomes of the descriptor;
// what becomes of the store is a note on the descriptor, at once. JSON carries UTC; text is for people, in
// local time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/store/event_store.h"

namespace sallyport::store {

enum class LogFormat { json, text };

// Builds one event. `key`s are literals; text values are untrusted and escaped here. A secret is never
// handed to it.
class Event {
 public:
  // Common words for `type`: "session", "message", "reload", "start", "stop", or a relay::Trouble's kind.
  explicit Event(const char* type);
  Event& text(const char* key, std::string_view value);  // left out when empty, cut at 2 KiB
  Event& number(const char* key, std::int64_t value);
  Event& flag(const char* key, bool value);
  Event& milliseconds(const char* key, Duration value);
  Event& begin_list(const char* key);  // of objects
  Event& begin_item();
  Event& end_item();
  Event& end_list();
  // Those of another, written once for many events.
  Event& members(std::string_view written);
  std::string take_members() && { return std::move(body_); }

 private:
  friend class EventLog;
  void key(std::string_view name);

  const char* type_;
  std::string body_;  // ,"key":value ... without the braces
};

class EventLog {
 public:
  // Takes `descriptor` (not closed at the end). Text format is for people at a terminal.
  EventLog(int descriptor, LogFormat format, const Clock& clock);
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // From now on; before other threads write.
  void keep_in(std::unique_ptr<EventStore> store);

  void write(const Event& event);
  // A warning for the admin that is not mail: level is "error", "warning" or "info".
  void note(std::string_view level, std::string_view text);
  std::uint64_t dropped() const;
  // Nothing is kept back or dropped that its reader has not heard of: what was written survives a kill.
  bool all_written() const;
  void flush(Duration at_most);  // at the end of the program

 private:
  void keep(const Event& event);
  void emit_note(std::string_view level, std::string_view text);

  class Impl;
  std::unique_ptr<Impl> impl_;
  std::unique_ptr<EventStore> store_;  // or none
};

}  // namespace sallyport::store
