#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "base/io/local_socket.h"
#include "tests/unit/store_scratch.h"

namespace sallyport::io {
namespace {

TimePoint soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }
constexpr auto kPatience = std::chrono::seconds(20);
TimePoint at_once() { return std::chrono::steady_clock::now(); }

}  // namespace

TEST_CASE("a local socket carries lines, and says who connected") {
  store::ScratchDirectory scratch;
  auto listener = LocalListener::bind(scratch.file("s"));
  REQUIRE(listener);
  auto client = LocalStream::connect(scratch.file("s"));
  REQUIRE(client);
  REQUIRE(client->write("one\ntwo\nthr", soon()));
  auto asked = listener->next(100, kPatience);
  REQUIRE(asked);
  CHECK(asked->line == "one");
  LocalStream* server = &asked->stream;
  CHECK(server->peer_user() == ::geteuid());
  CHECK(server->read_line(100, soon()).value() == "two");
  CHECK(server->read_line(100, at_once()).error().code == Errc::timeout);
  REQUIRE(client->write("ee", soon()));
  client = fail(Errc::closed);
  CHECK(server->read_line(100, soon()).value() == "three");
  CHECK(server->read_line(100, soon()).error().code == Errc::closed);
}

TEST_CASE("a local socket's line has a limit") {
  store::ScratchDirectory scratch;
  auto listener = LocalListener::bind(scratch.file("s"));
  auto client = LocalStream::connect(scratch.file("s"));
  REQUIRE(client->write(std::string(10, 'a') + "\n" + std::string(11, 'b') + "\n", soon()));
  auto asked = listener->next(10, kPatience);
  REQUIRE(asked);
  CHECK(asked->line == std::string(10, 'a'));
  CHECK(asked->stream.read_line(10, soon()).error().code == Errc::limit);
}

TEST_CASE("a local socket hears whoever speaks, however many are silent") {
  store::ScratchDirectory scratch;
  auto listener = LocalListener::bind(scratch.file("s"));
  REQUIRE(listener);
  const auto connect = [&] { return std::move(*LocalStream::connect(scratch.file("s"))); };
  const auto is_left = [](LocalStream& client) {
    return client.read_line(10, at_once()).error().code != Errc::timeout;
  };
  std::vector<LocalStream> silent;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < LocalListener::kMostWaiting; ++i) silent.push_back(connect());
    auto client = connect();
    REQUIRE(client.write("speaks\n", soon()));
    const auto asked = listener->next(10, kPatience);
    REQUIRE(asked);
    CHECK(asked->line == "speaks");
  }
  CHECK(is_left(silent.front()));
  CHECK_FALSE(is_left(silent.back()));
  // Who began and did not end its line is as silent, and one that said too much is left.
  REQUIRE(silent.back().write("sp", soon()));
  auto loud = connect(), last = connect();
  REQUIRE(loud.write("01234567890", soon()));
  REQUIRE(last.write("last\n", soon()));
  CHECK(listener->next(10, kPatience)->line == "last");
  CHECK(is_left(loud));
  REQUIRE(silent.back().write("eaks\n", soon()));
  CHECK(listener->next(10, kPatience)->line == "speaks");
}

TEST_CASE("a local socket leaves who is silent for too long, and nobody who waits for his turn") {
  store::ScratchDirectory scratch;
  auto listener = LocalListener::bind(scratch.file("s"));
  auto silent = LocalStream::connect(scratch.file("s"));
  std::vector<LocalStream> clients;
  for (std::size_t i = 0; i < LocalListener::kMostWaiting; ++i) {
    clients.push_back(std::move(*LocalStream::connect(scratch.file("s"))));
    REQUIRE(clients.back().write(std::to_string(i) + "\n", soon()));
  }
  CHECK(listener->next(10, Duration(0))->line == "0");
  // As many as may wait have asked by now, or are about to: none of them gives way to another.
  clients.push_back(std::move(*LocalStream::connect(scratch.file("s"))));
  auto more = LocalStream::connect(scratch.file("s"));
  REQUIRE(clients.back().write(std::to_string(LocalListener::kMostWaiting) + "\n", soon()));
  for (std::size_t i = 1; i <= LocalListener::kMostWaiting; ++i)
    CHECK(listener->next(10, Duration(0))->line == std::to_string(i));
  CHECK(silent->read_line(10, soon()).error().code != Errc::timeout);
}

TEST_CASE("a local socket is its owner's alone, takes a stale file's place, and goes with its listener") {
  store::ScratchDirectory scratch;
  const std::string path = scratch.file("s");
  CHECK(LocalStream::connect(path).error().code == Errc::not_found);
  {
    auto listener = LocalListener::bind(path);
    REQUIRE(listener);
    struct stat made{};
    REQUIRE(::stat(path.c_str(), &made) == 0);
    CHECK((made.st_mode & 0777) == 0600);
    std::filesystem::create_hard_link(path, scratch.file("left"));
  }
  CHECK_FALSE(std::filesystem::exists(path));
  std::filesystem::rename(scratch.file("left"), path);  // as a killed process leaves it
  CHECK(LocalStream::connect(path).error().code == Errc::not_found);
  auto listener = LocalListener::bind(path);
  REQUIRE(listener);
  CHECK(LocalStream::connect(path));
}

TEST_CASE("a local socket never takes the place of a file that is none") {
  store::ScratchDirectory scratch;
  {
    std::ofstream(scratch.file("s")) << "kept";
  }
  CHECK_FALSE(LocalListener::bind(scratch.file("s")));
  CHECK(store::read_file(scratch.file("s")) == "kept");
}

TEST_CASE("a local socket may have a path longer than the kernel's addresses") {
  store::ScratchDirectory scratch;
  const std::string folder = scratch.file(std::string(150, 'x'));
  std::filesystem::create_directory(folder);
  auto listener = LocalListener::bind(folder + "/s");
  REQUIRE(listener);
  auto client = LocalStream::connect(folder + "/s");
  REQUIRE(client);
  REQUIRE(client->write("far\n", soon()));
  CHECK(listener->next(10, kPatience));
  CHECK(LocalStream::connect(scratch.file(std::string(150, 'y')) + "/s").error().code == Errc::not_found);
}

TEST_CASE("stop ends what a local socket waits for") {
  store::ScratchDirectory scratch;
  auto listener = LocalListener::bind(scratch.file("s"));
  auto client = LocalStream::connect(scratch.file("s"));
  REQUIRE(client->write("one\ntwo\n", soon()));
  auto asked = listener->next(10, kPatience);
  CHECK(asked->stream.read_line(10, soon()));
  std::thread stopper([&] { listener->stop(); });
  CHECK(asked->stream.read_line(10, TimePoint::max()).error().code == Errc::stopped);
  auto waiting = LocalStream::connect(scratch.file("s"));
  REQUIRE(waiting->write("late\n", soon()));
  CHECK(listener->next(10, kPatience).error().code == Errc::stopped);
  stopper.join();
}

}  // namespace sallyport::io
