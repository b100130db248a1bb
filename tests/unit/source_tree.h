// Where the source tree is: tests read the shipped configuration and golden files in place.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace sallyport::test {

inline std::filesystem::path source_root() { return SALLYPORT_SOURCE_ROOT; }

inline std::string file_text(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace sallyport::test
