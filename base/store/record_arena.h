// Where the records of a shard lie: blocks in pieces of memory, each named by a number of 32 bits.
//
// A block given back is used again for one of its own size. Nothing is returned to the system: what is held
// at a time is bounded by whoever asks. Not for several threads at once.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace sallyport::store {

class RecordArena {
 public:
  using Ref = std::uint32_t;
  static constexpr Ref kNone = std::numeric_limits<Ref>::max();
  static constexpr std::size_t kMostOctets = 16'384;  // of a block

  Ref take(std::size_t octets);  // aligned for 64-bit numbers
  void give_back(Ref block, std::size_t octets);
  char* at(Ref block) const;
  static std::size_t words(std::size_t octets) { return (octets + sizeof(Word) - 1) / sizeof(Word); }

 private:
  using Word = std::uint64_t;
  static constexpr std::size_t kWordsOfPiece = 4096;

  std::vector<std::unique_ptr<Word[]>> pieces_;
  std::size_t used_ = kWordsOfPiece;  // of the last piece
  std::vector<Ref> free_;  // by words: the block given back last, which begins with the one before
};

}  // namespace sallyport::store
