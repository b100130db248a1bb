// The three standard tests of every push parser, from one template: the bytes as a whole, byte by byte,
// and split in two at every offset must give the same result.
//
// Each piece is a heap block of its own that dies after its turn, so that under ASan a parser that keeps
// a view into its input, or reads one octet past it, is caught.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::tests {

using Piece = std::function<void(std::string_view)>;

inline void feed_piece(std::string_view bytes, const Piece& feed) {
  const std::vector<char> block(bytes.begin(), bytes.end());
  feed({block.data(), block.size()});
}

// `make()` gives a fresh subject with `void feed(std::string_view)` and `result()`, which is comparable.
template <class Make>
auto same_for_every_split(std::string_view bytes, const Make& make) {
  auto whole = make();
  feed_piece(bytes, [&](std::string_view piece) { whole.feed(piece); });
  const auto expected = whole.result();

  auto single = make();
  for (std::size_t i = 0; i < bytes.size(); ++i)
    feed_piece(bytes.substr(i, 1), [&](std::string_view piece) { single.feed(piece); });
  CHECK_MESSAGE(single.result() == expected, "fed byte by byte");

  for (std::size_t at = 0; at <= bytes.size(); ++at) {
    auto split = make();
    feed_piece(bytes.substr(0, at), [&](std::string_view piece) { split.feed(piece); });
    feed_piece(bytes.substr(at), [&](std::string_view piece) { split.feed(piece); });
    CHECK_MESSAGE(split.result() == expected, "split at ", at);
  }
  return expected;
}

}  // namespace sallyport::tests
