// The scan all message content goes through: where is the next octet that matters to line framing?
//
// Pure; eight octets a step, so that framing costs next to nothing against TLS and copying.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace sallyport::mail {

constexpr bool is_line_octet(char c) { return c == '\r' || c == '\n' || c == '\0'; }

// The first CR, LF or NUL in [from, end), or `end`.
inline const char* find_line_octet(const char* from, const char* end) {
  constexpr std::uint64_t each = 0x0101010101010101;
  while (std::endian::native == std::endian::little && end - from >= 8) {
    std::uint64_t word;
    std::memcpy(&word, from, sizeof word);
    // Marks the high bit of octets below 14. Borrows can only mark octets behind the first true mark.
    const std::uint64_t marks = (word - 14 * each) & ~word & 0x80 * each;
    if (marks == 0) {
      from += 8;
      continue;
    }
    from += std::countr_zero(marks) / 8;
    if (is_line_octet(*from)) return from;
    ++from;  // a TAB, most likely
  }
  while (from != end && !is_line_octet(*from)) ++from;
  return from;
}

}  // namespace sallyport::mail
