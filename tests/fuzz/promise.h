// How a target says that a promise of the code under test does not hold, and what several of them need.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::fuzz {

// Ends the run: entry.cpp aborts, so that libFuzzer keeps the input; replay.cpp fails the test case.
[[noreturn]] void broken(std::string_view promise);

inline void promise(bool holds, std::string_view what) {
  if (!holds) broken(what);
}

// A piece of input as a heap block of its own that dies after its turn: under ASan a parser that keeps a
// view into it, or reads one octet past it, is caught.
template <class Feed>
void feed_piece(std::string_view bytes, Feed feed) {
  const std::vector<char> block(bytes.begin(), bytes.end());
  feed(std::string_view(block.data(), block.size()));
}

// Where an input is cut in two: anywhere, and the same for the same input.
inline std::size_t some_place_in(std::string_view bytes) {
  std::uint32_t hash = 2'166'136'261;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619;
  return hash % (bytes.size() + 1);
}

// `make()` gives a fresh subject with feed(string_view) and a comparable result(). Fed whole, octet by
// octet and cut in two it comes to the same.
template <class Make>
auto same_however_cut(std::string_view bytes, Make make) {
  auto whole = make();
  feed_piece(bytes, [&](std::string_view piece) { whole.feed(piece); });
  auto expected = whole.result();

  auto single = make();
  for (std::size_t i = 0; i < bytes.size(); ++i)
    feed_piece(bytes.substr(i, 1), [&](std::string_view piece) { single.feed(piece); });
  promise(single.result() == expected, "octet by octet it comes to the same");

  const std::size_t cut = some_place_in(bytes);
  auto split = make();
  feed_piece(bytes.substr(0, cut), [&](std::string_view piece) { split.feed(piece); });
  feed_piece(bytes.substr(cut), [&](std::string_view piece) { split.feed(piece); });
  promise(split.result() == expected, "cut in two it comes to the same");
  return expected;
}

}  // namespace sallyport::fuzz
