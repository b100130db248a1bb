#include "base/store/event_log.h"
#include "base/store/event_text.h"
#include "base/text.h"

namespace sallyport::store {
namespace {

constexpr std::size_t kMaxValue = 2048;
constexpr std::size_t kUsualSize = 1024;  // of a message with one recipient

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Whole characters only, so that the cut does not show as a broken one.
std::string_view shorten(std::string_view text) {
  std::size_t end = kMaxValue;
  while (end > kMaxValue - 4 && is_continuation(text[end])) --end;
  return text.substr(0, end);
}

}  // namespace

Event::Event(const char* type) : type_(type) { body_.reserve(kUsualSize); }

void Event::key(std::string_view name) {
  body_ += body_.ends_with('{') ? "\"" : ",\"";
  body_ += name;
  body_ += "\":";
}

Event& Event::text(const char* key, std::string_view value) {
  if (value.empty()) return *this;
  this->key(key);
  body_ += '"';
  const bool cut = value.size() > kMaxValue;
  append_escaped(body_, cut ? shorten(value) : value);
  if (cut) body_ += "...";
  body_ += '"';
  return *this;
}

Event& Event::number(const char* key, std::int64_t value) {
  this->key(key);
  body_ += std::to_string(value);
  return *this;
}

Event& Event::flag(const char* key, bool value) {
  this->key(key);
  body_ += value ? "true" : "false";
  return *this;
}

Event& Event::milliseconds(const char* key, Duration value) {
  return number(key, std::chrono::duration_cast<std::chrono::milliseconds>(value).count());
}

Event& Event::begin_list(const char* key) {
  this->key(key);
  body_ += '[';
  return *this;
}

Event& Event::begin_item() {
  if (!body_.ends_with('[')) body_ += ',';
  body_ += '{';
  return *this;
}

Event& Event::end_item() {
  body_ += '}';
  return *this;
}

Event& Event::members(std::string_view written) {
  if (body_.ends_with('{') && !written.empty()) written.remove_prefix(1);  // its comma
  body_ += written;
  return *this;
}

Event& Event::end_list() {
  body_ += ']';
  return *this;
}

}  // namespace sallyport::store
