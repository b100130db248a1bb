// conf.d: which files count, in which order.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/config/document.h"
#include "base/open_file.h"

namespace sallyport::config {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view schema_file = "schema.json";
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::string_view test_ending = ".test.json";

bool is_test(std::string_view name) { return name.ends_with(test_ending) && !name.starts_with('.'); }

bool counts(std::string_view name) {
  return name.ends_with(".json") && !name.starts_with('.') && name != schema_file && !is_test(name);
}

// The paths, in order; nullopt and an error: there are none to be had.
std::optional<std::vector<std::string>> paths_in(const std::string& directory,
                                                 bool (*is_wanted)(std::string_view),
                                                 Diagnostics& diagnostics) {
  std::error_code fault;
  std::vector<std::string> paths;
  for (fs::directory_iterator entry(directory, fault), end; !fault && entry != end; entry.increment(fault))
    if (const auto name = entry->path().filename().string(); is_wanted(name))
      paths.push_back(fmt::format("{}/{}", directory, name));
  if (fault) {
    diagnostics.error({directory, 0, 0},
                      "the directory of the configuration cannot be read: " + fault.message(),
                      "-c names another; docs/install.md says how the first one is made");
    return std::nullopt;
  }
  std::ranges::sort(paths);
  return paths;
}

std::optional<Node> read_node(const std::string& path, Diagnostics& diagnostics) {
  auto text = read_file(path, {path, 0, 0}, diagnostics);
  return text ? parse(std::move(*text), path, diagnostics) : std::nullopt;
}

// What only files of tests have at the top; one of them whose name has a slip is else told of as a heap of
// unknown keys.
std::optional<Node> read_configuration(const std::string& path, Diagnostics& diagnostics) {
  auto node = read_node(path, diagnostics);
  const auto* sessions = node ? node->find("sessions") : nullptr;
  if (!sessions || !sessions->as<Array>()) return node;
  const auto name = fs::path(path).filename().string();
  diagnostics.error(sessions->position, "sessions are stated in files whose names end in .test.json",
                    fmt::format("mv {} {}{}", name, name.substr(0, name.find('.')), test_ending));
  return std::nullopt;
}

std::optional<Node> read_test_file(const std::string& path, Diagnostics& diagnostics) {
  auto text = read_file(path, {path, 0, 0}, diagnostics);
  if (!text) return std::nullopt;
  if (text->find_first_not_of(" \t\r\n") != std::string::npos)
    return parse(std::move(*text), path, diagnostics);
  diagnostics.error({path, 0, 0}, "the file is empty, and states no session",
                    R"({ "sessions": [ ... ] } as docs/session-tests.md has it; or remove it)");
  return std::nullopt;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

Result<std::string> read_all(const std::string& path, std::size_t limit) {
  const auto descriptor = open_file(path);
  if (!descriptor) return descriptor.error();
  const File file(::fdopen(*descriptor, "r"));
  if (!file) {
    const int why = errno;
    ::close(*descriptor);
    return fail(Errc::io, std::strerror(why));
  }
  std::string text;
  char buffer[16 * 1024];
  while (const auto got = std::fread(buffer, 1, sizeof buffer, file.get())) {
    text.append(buffer, got);
    if (text.size() > limit) break;
  }
  if (std::ferror(file.get())) return fail(Errc::io, std::strerror(errno));
  return text;
}

}  // namespace

std::optional<std::string> read_file(const std::string& path, const Position& blame,
                                     Diagnostics& diagnostics, std::size_t limit) {
  auto text = read_all(path, limit);
  if (!text) {
    diagnostics.error(blame, fmt::format("{} cannot be read: {}", path, text.error().detail));
    return std::nullopt;
  }
  if (text->size() > limit) {
    diagnostics.error(blame, fmt::format("{} is larger than {} MiB", path, limit >> 20));
    return std::nullopt;
  }
  if (text->starts_with(byte_order_mark)) text->erase(0, byte_order_mark.size());
  return std::move(*text);
}

std::optional<Node> load_directory(const std::string& directory, Diagnostics& diagnostics,
                                   const OnReplaced& replaced) {
  const auto paths = paths_in(directory, counts, diagnostics);
  if (!paths) return std::nullopt;
  if (paths->empty()) {
    diagnostics.error({directory, 0, 0}, "there is no *.json file in this directory");
    return std::nullopt;
  }
  std::optional<Node> merged = Node::object();
  for (const auto& path : *paths) {
    auto node = read_configuration(path, diagnostics);
    if (!node)
      merged.reset();
    else if (merged)
      merge(*merged, std::move(*node), replaced);
  }
  return merged;
}

std::vector<Node> load_test_files(const std::string& directory, Diagnostics& diagnostics) {
  std::vector<Node> files;
  const auto paths = paths_in(directory, is_test, diagnostics);
  for (const auto& path : paths.value_or(std::vector<std::string>{}))
    if (auto node = read_test_file(path, diagnostics)) files.push_back(std::move(*node));
  return files;
}

std::vector<std::string> test_files(const std::string& directory) {
  Diagnostics untold;
  return paths_in(directory, is_test, untold).value_or(std::vector<std::string>{});
}

}  // namespace sallyport::config
