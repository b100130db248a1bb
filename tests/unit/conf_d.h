// A configuration of a test's own.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace sallyport::test {

// A conf.d of its own, gone with the object.
class ConfD {
 public:
  ConfD() {
    auto name = (std::filesystem::temp_directory_path() / "sallyport-conf-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~ConfD() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ConfD(const ConfD&) = delete;
  ConfD& operator=(const ConfD&) = delete;

  ConfD& file(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
    return *this;
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace sallyport::test
