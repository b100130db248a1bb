// When list files that have changed are to be read: when they have stayed the same for one look, for
// whoever writes a long list in place takes a while; after kMostLooks also while one of them goes on
// changing, or a list that is never left alone would keep all the others from counting.
//
// Pure: what a look saw goes in. One thread.
#pragma once

#include <vector>

#include "proxy/settings.h"

namespace sallyport::proxy {

// All that a reading of the lists depends on, beside conf.d as it was read.
struct SeenLists {
  std::vector<ListFile> lists;
  std::vector<ListFile> tests;  // *.test.json: what failed with these lists may pass with others of these

  bool operator==(const SeenLists&) const = default;
};

class ListChanges {
 public:
  static constexpr int kMostLooks = 10;

  // After each look: whether they are to be read now. `in_use`: the lists as they were when they were last
  // read with success.
  bool are_due(const std::vector<ListFile>& in_use, const SeenLists& now);
  // They have been read, be it in vain: not again before something changes.
  void tried(SeenLists lists) { tried_ = std::move(lists); }

 private:
  SeenLists tried_;
  SeenLists seen_;  // by the look before this one
  int looks_ = 0;   // that saw a change since anything was read
};

}  // namespace sallyport::proxy
