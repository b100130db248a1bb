#include "dns/cursor.h"

#include <utility>

namespace sallyport::dns {
namespace {

constexpr int kMaxPointers = 64;
constexpr std::size_t kPointer = 0xc0;

std::string_view text_of(Bytes octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

}  // namespace

std::uint8_t Cursor::octet() {
  if (at_ >= message_.size()) good_ = false;
  return good_ ? message_[at_++] : 0;
}

unsigned Cursor::number16() {
  const unsigned high = octet();
  return high << 8U | octet();
}

std::uint32_t Cursor::number32() {
  const std::uint32_t high = number16();
  return high << 16U | number16();
}

Bytes Cursor::octets(std::size_t length) {
  if (!good_ || message_.size() - at_ < length) good_ = false;
  if (!good_) return {};
  at_ += length;
  return message_.subspan(at_ - length, length);
}

// Gives each label of the name here to `take`, until that returns false; the root has none. Leaves the
// cursor behind the name.
template <class Take>
void Cursor::labels(Take take) {
  std::size_t back_from = at_, behind = 0, wire = 1;
  for (int pointers = 0;;) {
    const std::size_t length = octet();
    if (!good_ || length == 0) break;
    if (length >= kPointer) {
      const std::size_t target = (length & 0x3fU) << 8U | octet();
      if (behind == 0) behind = at_;
      good_ = good_ && target < back_from && ++pointers <= kMaxPointers;
      at_ = back_from = target;
      continue;
    }
    wire += length + 1;
    if (length > Name::kMaxLabel || wire > Name::kMaxWire) good_ = false;
    const Bytes label = octets(length);
    if (!good_) break;
    take(text_of(label));
  }
  if (behind != 0) at_ = behind;
}

Name Cursor::name() {
  Name name;
  labels([&](std::string_view label) { good_ = name.append(label) && good_; });
  return good_ ? std::move(name) : Name();
}

void Cursor::pass_name() {
  for (;;) {
    const std::size_t length = octet();
    if (length >= kPointer) octet();
    if (length == 0 || length >= kPointer) return;
    if (length > Name::kMaxLabel) good_ = false;
    octets(length);
  }
}

bool Cursor::is_name(const Name& name) {
  bool same = true;
  std::string_view left = name.text();
  labels([&](std::string_view label) { same = same && Name::take_label(left, label); });
  return good_ && same && left.empty();
}

}  // namespace sallyport::dns
