#include <doctest/doctest.h>

#include "proxy/list_changes.h"

using namespace sallyport;
using namespace sallyport::proxy;

namespace {

// Files whose versions are numbers.
struct Files {
  std::int64_t block = 1, known = 1, test = 1;
  ListChanges changes;
  std::vector<ListFile> in_use = seen().lists;

  static ListFile file(const char* path, std::int64_t version) { return {path, {1, 2, 3, version}}; }
  SeenLists seen() const {
    return {{file("block", block), file("known", known)}, {file("good.test.json", test)}};
  }
  bool look() { return changes.are_due(in_use, seen()); }
  void read(bool good) {
    changes.tried(seen());
    if (good) in_use = seen().lists;
  }
};

}  // namespace

TEST_CASE("lists that change are read when they have stayed the same for one look, and once") {
  Files files;
  CHECK_FALSE(files.look());
  files.block = 2;
  CHECK_FALSE(files.look());
  files.block = 3;
  CHECK_FALSE(files.look());
  CHECK(files.look());
  files.read(true);
  CHECK_FALSE(files.look());
}

TEST_CASE("a list that is never left alone does not keep the others from counting for ever") {
  Files files;
  files.known = 2;
  for (int reading = 0; reading < 3; ++reading) {
    for (int look = 0; look < ListChanges::kMostLooks; ++look) {
      ++files.block;
      CHECK_FALSE(files.look());
    }
    ++files.block;
    CHECK(files.look());
    files.read(reading == 1);
  }
}

TEST_CASE("looks between which nothing waits are not counted") {
  Files files;
  for (int change = 0; change < 3 * ListChanges::kMostLooks; ++change) {
    ++files.block;
    CHECK_FALSE(files.look());
    files.read(true);
    CHECK_FALSE(files.look());
  }
}

TEST_CASE("lists that a session test kept out are read again when the tests change") {
  Files files;
  files.block = 2;
  files.look();
  REQUIRE(files.look());
  files.read(false);
  CHECK_FALSE(files.look());
  files.test = 2;
  CHECK_FALSE(files.look());
  CHECK(files.look());
  files.read(true);
  files.test = 3;  // of no interest while no list waits
  CHECK_FALSE(files.look());
  CHECK_FALSE(files.look());
}
