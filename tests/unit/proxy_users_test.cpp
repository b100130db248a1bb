#include <crypt.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "proxy/users.h"
#include "proxy/users_file.h"
#include "tests/unit/io_support.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::proxy;

namespace {

constexpr const char* kHash = "$1$saltsalt$abcdefghijklmnopqrstuv";

int log_in(const std::string& file, const std::string& user) {
  int code = 0;
  io::EventLoop loop;
  io::WorkerPool passwords("passwords", 1, 1);
  loop.run(
      [](const std::string& file, const std::string& user, io::WorkerPool& pool, int& code) -> io::Task<> {
        code = (co_await check_password(file, user, "secret", pool)).code;
      }(file, user, passwords, code));
  return code;
}

}  // namespace

TEST_CASE("users: a line is a comment, somebody who can log in, or at fault") {
  const std::string text = fmt::format(
      "# anna:{0}\n  # ben:{0}\n\n Carl : {0} \r\ndora:!{0}\n:{0}\nemil\nfritz:plain\ngerd:{0}:7\n", kHash);
  UserReader reader(text);
  std::string read;
  for (UserLine user; reader.next(user);)
    read += fmt::format("{}:{} {} {}\n", user.line, user.column, user.name,
                        user.fault.empty() ? "good" : "bad");
  CHECK(read == "4:9 Carl good\n5:6 dora good\n6:1  bad\n7:1 emil bad\n8:7 fritz bad\n9:6 gerd bad\n");
  UserReader again(text);
  std::string names;
  for (UserLine user; again.next_usable(user);) names += user.name;
  CHECK(names == "Carldora");
}

TEST_CASE("users: a login reads the file as `check` does") {
  const store::ScratchDirectory scratch;
  const std::string hash = ::crypt("secret", "$6$saltsalt$");
  const std::string file = scratch.file("users");
  std::ofstream(file) << fmt::format("  # old:{0}\nanna:{0}\r\n:{0}\nben:!{0}\n", hash);
  CHECK(log_in(file, "Anna") == 235);
  for (const char* user : {"# old", "old", "", "ben"}) CHECK_MESSAGE(log_in(file, user) == 535, user);
  CHECK(log_in(scratch.file("none"), "anna") == 454);
}
