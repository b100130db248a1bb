#include "base/store/record_arena.h"

#include <cstring>

namespace sallyport::store {

RecordArena::Ref RecordArena::take(std::size_t octets) {
  const std::size_t size = words(octets);
  if (size < free_.size() && free_[size] != kNone) {
    const Ref block = free_[size];
    std::memcpy(&free_[size], at(block), sizeof(Ref));
    return block;
  }
  if (used_ + size > kWordsOfPiece) {
    // Not make_unique: pages that are not used yet need not be there.
    pieces_.emplace_back(new Word[kWordsOfPiece]);
    used_ = 0;
  }
  const std::size_t block = (pieces_.size() - 1) * kWordsOfPiece + used_;
  used_ += size;
  return static_cast<Ref>(block);
}

void RecordArena::give_back(Ref block, std::size_t octets) {
  const std::size_t size = words(octets);
  if (size >= free_.size()) free_.resize(size + 1, kNone);
  std::memcpy(at(block), &free_[size], sizeof(Ref));
  free_[size] = block;
}

char* RecordArena::at(Ref block) const {
  return reinterpret_cast<char*>(&pieces_[block / kWordsOfPiece][block % kWordsOfPiece]);
}

}  // namespace sallyport::store
