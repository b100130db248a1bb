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
TimePoint at_once() { return std::chrono::steady_clock::now(); }

}  // namespace

TEST_CASE("a local socket carries lines, and says who connected") {
  store::ScratchDirectory scratch;
  auto listener = LocalListener::bind(scratch.file("s"));
  REQUIRE(listener);
  auto client = LocalStream::connect(scratch.file("s"));
  REQUIRE(client);
  auto server = listener->accept();
  REQUIRE(server);
  CHECK(server->peer_user() == ::geteuid());
  REQUIRE(client->write("one\ntwo\nthr", soon()));
  CHECK(server->read_line(100, soon()).value() == "one");
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
  auto server = listener->accept();
  REQUIRE(client->write(std::string(10, 'a') + "\n" + std::string(11, 'b') + "\n", soon()));
  CHECK(server->read_line(10, soon()).value() == std::string(10, 'a'));
  CHECK(server->read_line(10, soon()).error().code == Errc::limit);
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
  CHECK(listener->accept());
  CHECK(LocalStream::connect(scratch.file(std::string(150, 'y')) + "/s").error().code == Errc::not_found);
}

TEST_CASE("stop ends what a local socket waits for") {
  store::ScratchDirectory scratch;
  auto listener = LocalListener::bind(scratch.file("s"));
  auto client = LocalStream::connect(scratch.file("s"));
  auto server = listener->accept();
  std::thread stopper([&] { listener->stop(); });
  CHECK(server->read_line(10, TimePoint::max()).error().code == Errc::stopped);
  CHECK(listener->accept().error().code == Errc::stopped);
  stopper.join();
}

}  // namespace sallyport::io
