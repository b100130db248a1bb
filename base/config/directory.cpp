// conf.d: which files count, in which order.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/config/document.h"

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

// In order; nullopt and an error: there are none to be had.
std::optional<std::vector<std::string>> names_in(const std::string& directory,
                                                 bool (*is_wanted)(std::string_view),
                                                 Diagnostics& diagnostics) {
  std::error_code fault;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(directory, fault), end; !fault && entry != end; entry.increment(fault))
    if (auto name = entry->path().filename().string(); is_wanted(name)) names.push_back(std::move(name));
  if (fault) {
    diagnostics.error({directory, 0, 0},
                      "the directory of the configuration cannot be read: " + fault.message(),
                      "-c names another; docs/install.md says how the first one is made");
    return std::nullopt;
  }
  std::ranges::sort(names);
  return names;
}

std::optional<Node> read_node(const std::string& path, Diagnostics& diagnostics) {
  auto text = read_file(path, {path, 0, 0}, diagnostics);
  return text ? parse(std::move(*text), path, diagnostics) : std::nullopt;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// Whoever opens a pipe by mistake waits for its writer. Null, and errno says why.
File open_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return nullptr;
  struct stat status{};
  const bool is_pipe = ::fstat(descriptor, &status) == 0 && S_ISFIFO(status.st_mode);
  File file(is_pipe ? nullptr : ::fdopen(descriptor, "r"));
  if (!file) {
    const int why = is_pipe ? ESPIPE : errno;
    ::close(descriptor);
    errno = why;
  }
  return file;
}

std::optional<std::string> read_all(std::FILE* file, std::size_t limit) {
  std::string text;
  char buffer[16 * 1024];
  while (const auto got = std::fread(buffer, 1, sizeof buffer, file)) {
    text.append(buffer, got);
    if (text.size() > limit) break;
  }
  if (std::ferror(file)) return std::nullopt;
  return text;
}

}  // namespace

std::optional<std::string> read_file(const std::string& path, const Position& blame,
                                     Diagnostics& diagnostics, std::size_t limit) {
  errno = 0;
  std::optional<std::string> text;
  if (const File file = open_file(path)) text = read_all(file.get(), limit);
  if (!text) {
    diagnostics.error(blame, fmt::format("{} cannot be read: {}", path, std::strerror(errno)));
  } else if (text->size() > limit) {
    diagnostics.error(blame, fmt::format("{} is larger than {} MiB", path, limit >> 20));
    text.reset();
  } else if (text->starts_with(byte_order_mark)) {
    text->erase(0, byte_order_mark.size());
  }
  return text;
}

std::optional<Node> load_directory(const std::string& directory, Diagnostics& diagnostics,
                                   const OnReplaced& replaced) {
  const auto names = names_in(directory, counts, diagnostics);
  if (!names) return std::nullopt;
  if (names->empty()) {
    diagnostics.error({directory, 0, 0}, "there is no *.json file in this directory");
    return std::nullopt;
  }
  std::optional<Node> merged = Node::object();
  for (const auto& name : *names) {
    auto node = read_node(fmt::format("{}/{}", directory, name), diagnostics);
    if (!node)
      merged.reset();
    else if (merged)
      merge(*merged, std::move(*node), replaced);
  }
  return merged;
}

std::vector<Node> load_test_files(const std::string& directory, Diagnostics& diagnostics) {
  std::vector<Node> files;
  const auto names = names_in(directory, is_test, diagnostics);
  for (const auto& name : names.value_or(std::vector<std::string>{}))
    if (auto node = read_node(fmt::format("{}/{}", directory, name), diagnostics))
      files.push_back(std::move(*node));
  return files;
}

}  // namespace sallyport::config
