// The register of messages in flight: what a process that ends without a word leaves for the next one.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "base/store/in_flight.h"
#include "tests/unit/store_scratch.h"

namespace sallyport::store {
namespace {

constexpr std::streamoff kFirstSlot = 4096;
constexpr std::streamoff kSlotSize = 256;

struct Opened {
  std::unique_ptr<InFlight> in_flight;
  std::vector<InFlight::Left> left;
  std::size_t torn = 0;
  std::vector<std::string> trouble;
};

Opened open(const std::string& file) {
  Opened opened;
  opened.in_flight =
      InFlight::open(file, [&opened](std::string_view what) { opened.trouble.emplace_back(what); });
  opened.torn =
      opened.in_flight->take_left([&opened](const InFlight::Left& left) { opened.left.push_back(left); });
  return opened;
}

// As kill -9 leaves it: nothing is cleared on the way out.
void leave_behind(const std::string& file, std::string_view id, bool answered = false) {
  const auto opened = open(file);
  auto entry = opened.in_flight->enter(id, "a@example.net", "groupware");
  REQUIRE(entry);
  if (answered) entry.answered();
  entry.leave();
}

// One octet of the first slot that is taken is another.
void damage(const std::string& file, std::streamoff at) {
  std::string content = read_file(file);
  for (auto slot = kFirstSlot; slot < static_cast<std::streamoff>(content.size()); slot += kSlotSize) {
    if (content[static_cast<std::size_t>(slot)] == 0) continue;
    content[static_cast<std::size_t>(slot + at)] ^= 0x20;
    break;
  }
  write_file(file, content);
}

}  // namespace

TEST_CASE("in flight: what was cleared is not found again") {
  const ScratchDirectory directory;
  const auto file = directory.file("state.db.inflight");
  {
    const auto opened = open(file);
    CHECK(opened.trouble.empty());
    auto entry = opened.in_flight->enter("id1", "a@example.net", "groupware");
    CHECK(entry);
    auto moved = std::move(entry);
    CHECK_FALSE(entry);
    moved.answered();
  }
  const auto again = open(file);
  CHECK(again.left.empty());
  CHECK(again.torn == 0);
}

TEST_CASE("in flight: what was left is found once, and says whether the next hop had answered") {
  const ScratchDirectory directory;
  const auto file = directory.file("state.db.inflight");
  for (const bool answered : {false, true}) {
    CAPTURE(answered);
    leave_behind(file, "3kf9.2", answered);
    const auto found = open(file);
    REQUIRE(found.left.size() == 1);
    CHECK(found.left[0].id == "3kf9.2");
    CHECK(found.left[0].sender == "a@example.net");
    CHECK(found.left[0].route == "groupware");
    CHECK(found.left[0].answered == answered);
    CHECK(open(file).left.empty());
  }
}

TEST_CASE("in flight: the file is private") {
  const ScratchDirectory directory;
  const auto file = directory.file("state.db.inflight");
  CHECK(open(file).trouble.empty());
  struct stat status{};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("in flight: a torn slot is counted, the others are told") {
  const ScratchDirectory directory;
  const auto file = directory.file("state.db.inflight");
  for (const std::streamoff at : {0, 4, 8, 9, 11, 14}) {  // state, checksum, lengths, text
    CAPTURE(at);
    leave_behind(file, "torn");
    damage(file, at);
    const auto found = open(file);
    CHECK(found.torn == 1);
    CHECK(found.left.empty());
    CHECK(open(file).torn == 0);
  }
}

TEST_CASE("in flight: foreign, short and old files are set aside") {
  const ScratchDirectory directory;
  const auto file = directory.file("state.db.inflight");
  leave_behind(file, "old");
  std::string old = read_file(file);
  old[8] = 99;  // the version
  for (const std::string& content : {std::string("something else"), old.substr(0, 5000), old}) {
    write_file(file, content);
    const auto opened = open(file);
    REQUIRE(opened.trouble.size() == 1);
    CHECK(opened.trouble[0].find(".corrupt") != std::string::npos);
    CHECK(opened.left.empty());
    CHECK(opened.in_flight->enter("id", "", "groupware"));
    CHECK(read_file(file + ".corrupt") == content);
  }
}

TEST_CASE("in flight: a register that is cut while in use costs its entries, and nothing else") {
  const ScratchDirectory directory;
  const auto file = directory.file("state.db.inflight");
  {
    const auto opened = open(file);
    auto entry = opened.in_flight->enter("id1", "a@example.net", "groupware");
    std::filesystem::resize_file(file, 0);
    entry.answered();
    auto other = opened.in_flight->enter("id2", "a@example.net", "groupware");
    CHECK(other);
    entry.clear();
    other.leave();
  }
  const auto opened = open(file);
  REQUIRE(opened.trouble.size() == 1);
  CHECK(opened.trouble[0].find(".corrupt") != std::string::npos);
}

TEST_CASE("in flight: a register that cannot be had holds nothing and says so") {
  const ScratchDirectory directory;
  const auto target = directory.file("target");
  write_file(target, "");
  const auto link = directory.file("link");
  REQUIRE(::symlink(target.c_str(), link.c_str()) == 0);
  const auto fifo = directory.file("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const auto& file : {directory.file("missing/state.db.inflight"), directory.path(), link, fifo}) {
    CAPTURE(file);
    const auto opened = open(file);
    REQUIRE(opened.trouble.size() == 1);
    CHECK(opened.trouble[0].find("not on record") != std::string::npos);
    auto entry = opened.in_flight->enter("id", "", "groupware");
    CHECK_FALSE(entry);
    entry.answered();
    entry.clear();
  }
  CHECK(open("").trouble.empty());
}

TEST_CASE("in flight: bounded in number and in length") {
  const ScratchDirectory directory;
  const auto file = directory.file("state.db.inflight");
  const std::string lengthy(1000, 'x');
  {
    const auto opened = open(file);
    std::vector<InFlight::Entry> entries;
    for (std::size_t i = 0; i < InFlight::kSlots; ++i) {
      entries.push_back(opened.in_flight->enter(lengthy, lengthy, lengthy));
      REQUIRE(entries.back());
    }
    CHECK_FALSE(opened.in_flight->enter("one more", "", ""));
    entries.back().clear();
    CHECK(opened.in_flight->enter("in its place", "", ""));
    for (auto& entry : entries) entry.leave();
  }
  const auto found = open(file);
  CHECK(found.torn == 0);
  REQUIRE(found.left.size() == InFlight::kSlots - 1);
  CHECK(lengthy.starts_with(found.left[0].id));
  CHECK(found.left[0].id.size() == 40);
  CHECK(found.left[0].route.size() == 60);
  CHECK(found.left[0].sender.size() > 100);
}

}  // namespace sallyport::store
