// One file of the configuration: JSON with comments, read into Nodes that know their positions.
//
// Duplicate keys are errors, all of them reported; a syntax error ends the file, so there is at most one.
// Bounds: 16 MiB a file, 64 levels. A byte order mark is stepped over. Never throws.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/config/node.h"

namespace sallyport::config {

inline constexpr std::size_t max_file_size = 16 << 20;
inline constexpr std::size_t max_list_size = 128 << 20;  // millions of lines that are no JSON
inline constexpr std::size_t max_depth = 64;

// Reads `text`, which is called `file` in positions. nullopt: errors are in `diagnostics`. The text is
// remembered there.
std::optional<Node> parse(std::string text, const std::string& file, Diagnostics& diagnostics);

// Reads a whole file of at most `limit` octets; nullopt and an error at `blame` if that fails.
std::optional<std::string> read_file(const std::string& path, const Position& blame,
                                     Diagnostics& diagnostics, std::size_t limit = max_file_size);

// The *.json files of a directory in name order, merged; but schema.json, which describes them, and
// *.test.json, which say what should follow from them. nullopt: nothing that could be used; errors in
// single files are all reported.
std::optional<Node> load_directory(const std::string& directory, Diagnostics& diagnostics,
                                   const OnReplaced& replaced = {});

// The *.test.json files of a directory in name order, each for itself. Errors are all reported.
std::vector<Node> load_test_files(const std::string& directory, Diagnostics& diagnostics);
// Their paths; none where the directory cannot be read.
std::vector<std::string> test_files(const std::string& directory);

}  // namespace sallyport::config
