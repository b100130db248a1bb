#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>

#include "base/store/message_buffer.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::store;

namespace {

constexpr auto kMemory = MessageBuffer::kMemory;

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 1;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

std::string piece(MessageBuffer& buffer, std::uint64_t offset) {
  const auto got = run(buffer.piece(offset));
  REQUIRE(got.has_value());
  CHECK(got->size() <= kMemory);
  return std::string(*got);
}

std::string whole(MessageBuffer& buffer) {
  std::string all;
  for (;;) {
    const std::string next = piece(buffer, all.size());
    if (next.empty()) return all;
    all += next;
  }
}

void check_pieces(MessageBuffer& buffer, const std::string& content, std::uint64_t offset) {
  CAPTURE(offset);
  const std::string got = piece(buffer, offset);
  CHECK(got.empty() == (offset >= content.size()));
  if (!got.empty()) CHECK(content.compare(static_cast<std::size_t>(offset), got.size(), got) == 0);
}

std::size_t open_descriptors() {
  using Iterator = std::filesystem::directory_iterator;
  return static_cast<std::size_t>(std::distance(Iterator("/proc/self/fd"), Iterator()));
}

}  // namespace

TEST_CASE("buffer: small content stays in memory") {
  const ScratchDirectory directory;
  io::WorkerPool files("files", 1, 10);
  MessageBuffer buffer(directory.path(), files);
  CHECK(piece(buffer, 0).empty());
  buffer.append("Subject: x\r\n");
  buffer.append("\r\nbody\r\n");
  CHECK(buffer.in_memory());
  CHECK_FALSE(buffer.wants_spill());
  CHECK(buffer.size() == 20);
  CHECK(whole(buffer) == "Subject: x\r\n\r\nbody\r\n");
  for (std::uint64_t offset = 0; offset < 23; ++offset) {
    check_pieces(buffer, "Subject: x\r\n\r\nbody\r\n", offset);
  }
}

TEST_CASE("buffer: every offset of a part in the file and a part in memory") {
  const ScratchDirectory directory;
  io::WorkerPool files("files", 1, 10);
  MessageBuffer buffer(directory.path(), files);
  const std::string content = pattern(40);
  buffer.append(content.substr(0, 10));
  CHECK(run(buffer.spill()).has_value());
  buffer.append(content.substr(10, 13));
  CHECK(run(buffer.spill()).has_value());
  buffer.append(content.substr(23));
  CHECK_FALSE(buffer.in_memory());
  CHECK(buffer.size() == content.size());
  for (std::uint64_t offset = 0; offset < content.size() + 3; ++offset)
    check_pieces(buffer, content, offset);
  CHECK(whole(buffer) == content);
}

TEST_CASE("buffer: a large message spills into a file without a name, and leaves nothing") {
  const ScratchDirectory directory;
  const std::size_t before = open_descriptors();
  const std::string content = pattern(3 * kMemory + 12345);
  {
    io::WorkerPool files("files", 1, 10);
    MessageBuffer buffer(directory.path(), files);
    for (std::size_t at = 0; at < content.size(); at += 60'000) {
      buffer.append(std::string_view(content).substr(at, 60'000));
      if (buffer.wants_spill()) REQUIRE(run(buffer.spill()).has_value());
    }
    CHECK_FALSE(buffer.in_memory());
    CHECK(buffer.size() == content.size());
    CHECK(whole(buffer) == content);
    for (const std::uint64_t offset :
         {kMemory - 1, kMemory, kMemory + 1, 3 * kMemory, content.size() - 1}) {
      check_pieces(buffer, content, offset);
    }
    CHECK(directory.entries() == 0);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("buffer: a full disk is no_space and leaks nothing (452 4.3.1)") {
  const ScratchDirectory directory;
  const std::size_t before = open_descriptors();
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited{};
  ::getrlimit(RLIMIT_FSIZE, &unlimited);
  const rlimit small{100'000, unlimited.rlim_max};
  {
    io::WorkerPool files("files", 1, 10);
    MessageBuffer buffer(directory.path(), files);
    buffer.append(pattern(kMemory + 1));
    ::setrlimit(RLIMIT_FSIZE, &small);
    const auto spilled = run(buffer.spill());
    ::setrlimit(RLIMIT_FSIZE, &unlimited);
    REQUIRE_FALSE(spilled.has_value());
    CHECK(spilled.error().code == Errc::no_space);
  }
  std::signal(SIGXFSZ, handler);
  CHECK(open_descriptors() == before);
  CHECK(directory.entries() == 0);
}

TEST_CASE("buffer: a directory that vanished is an error, not a crash") {
  io::WorkerPool files("files", 1, 10);
  MessageBuffer buffer("/nonexistent/sallyport", files);
  buffer.append("x");
  CHECK_FALSE(run(buffer.spill()).has_value());
}

TEST_CASE("buffer: check_directory") {
  const ScratchDirectory directory;
  CHECK(check_directory(directory.path()).has_value());
  CHECK(check_directory("/tmp").has_value());
  CHECK(directory.entries() == 0);

  const auto refused = [](const std::string& path, std::string_view words) {
    CAPTURE(path);
    const auto checked = check_directory(path);
    REQUIRE_FALSE(checked.has_value());
    CAPTURE(checked.error().detail);
    CHECK(checked.error().detail.find(path) != std::string::npos);
    CHECK(checked.error().detail.find(words) != std::string::npos);
  };
  refused(directory.file("missing"), "make it");
  write_file(directory.file("plain"), "");
  refused(directory.file("plain"), "not a directory");
  std::filesystem::create_directory_symlink("/tmp", directory.file("link"));
  refused(directory.file("link"), "symbolic link");
  std::filesystem::create_directory(directory.file("open"));
  std::filesystem::permissions(directory.file("open"), std::filesystem::perms::all);
  refused(directory.file("open"), "by everybody");
  refused("/proc", "cannot take files");
  if (::geteuid() == 0) {
    std::filesystem::create_directory(directory.file("foreign"));
    REQUIRE(::chown(directory.file("foreign").c_str(), 65534, 65534) == 0);
    refused(directory.file("foreign"), "belongs to another user: run as that user");
  }
}
