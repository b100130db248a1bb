#include "proxy/list_changes.h"

#include <utility>

namespace sallyport::proxy {

bool ListChanges::are_due(const std::vector<ListFile>& in_use, const SeenLists& now) {
  const bool rests = std::exchange(seen_, now) == now;
  if (now.lists == in_use || now == tried_) {
    looks_ = 0;
    return false;
  }
  if (!rests && ++looks_ <= kMostLooks) return false;
  looks_ = 0;
  return true;
}

}  // namespace sallyport::proxy
