// Files as people leave them in a folder.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/config/document.h"
#include "base/io/local_socket.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::config;

TEST_CASE("a byte order mark is no part of a file") {
  const store::ScratchDirectory directory;
  std::ofstream(directory.file("list")) << "\xef\xbb\xbf" << "spam@good.test\n";
  Diagnostics diagnostics;
  CHECK(read_file(directory.file("list"), {}, diagnostics) == "spam@good.test\n");
  CHECK_FALSE(diagnostics.has_errors());
}

TEST_CASE("a pipe in the place of a file is told of, and not waited for") {
  const store::ScratchDirectory directory;
  REQUIRE(::mkfifo(directory.file("pipe").c_str(), 0600) == 0);
  Diagnostics diagnostics;
  CHECK(read_file(directory.file("pipe"), {"10-site.json", 3, 5}, diagnostics) == std::nullopt);
  CHECK(diagnostics.to_string().contains("/pipe cannot be read: it is a pipe"));
  CHECK(read_file(directory.path(), {}, diagnostics) == std::nullopt);
  CHECK(diagnostics.to_string().contains(" cannot be read: it is a directory"));
  const auto listener = io::LocalListener::bind(directory.file("socket"));
  CHECK(read_file(directory.file("socket"), {}, diagnostics) == std::nullopt);
  CHECK(diagnostics.to_string().contains("/socket cannot be read: it is a socket"));
  CHECK(read_file("/dev/null", {}, diagnostics) == "");
}
