#include "base/config/type.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"

namespace sallyport::config {
namespace {

constexpr std::size_t max_path_step = 80;
constexpr const char* kRulable =
    "docs/configuration.md says \"rules\" where a value may be one: values in checks, thresholds, limits, "
    "barring and lists";

// As it stands in a path: a name with a dot or blank in it is quoted.
std::string path_step(std::string_view name) {
  const bool plain = !name.empty() &&
                     std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '_' || c == '-'; });
  return plain ? std::string(name) : fmt::format("\"{}\"", printable(name, max_path_step));
}

template <class V>
Type<V> address_type(std::string words, std::optional<V> (*parse)(std::string_view), std::string hint) {
  return parsed<V>(
      std::move(words),
      [parse, hint](std::string_view text) -> Result<V> {
        if (auto value = parse(text)) return *value;
        return fail(Errc::invalid, hint);
      },
      [](const V& value) { return value.to_string(); });
}

std::string network_hint(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (slash == std::string_view::npos || !address) return {};
  const auto prefix = parse_unsigned(text.substr(slash + 1));
  if (!prefix || *prefix > (address->is_v4() ? 32U : 128U)) return {};
  return fmt::format(
      "bits behind the prefix are set: did you mean \"{}\"?",
      Network(*address, static_cast<int>(*prefix) + (address->is_v4() ? 96 : 0)).to_string());
}

}  // namespace

Reader::Step::Step(Reader& reader, std::string_view name) : reader_(reader), length_(reader.path_.size()) {
  if (!reader_.path_.empty()) reader_.path_ += '.';
  reader_.path_ += path_step(name);
  reader_.steps_.emplace_back(name);
}

Reader::Step::~Step() {
  reader_.path_.resize(length_);
  reader_.steps_.pop_back();
}

bool Reader::error(const Position& position, std::string_view message, std::string hint) {
  diagnostics_.error(position, path_.empty() ? std::string(message) : fmt::format("{}: {}", path_, message),
                     std::move(hint));
  return false;
}

bool Reader::expected(const Node& node, std::string_view words, std::string hint) {
  if (is_ruleset(node))
    return error(node.position, fmt::format("this takes no ruleset, but {}", words), kRulable);
  return error(node.position, fmt::format("expected {}, found {}", words, node.describe()),
               std::move(hint));
}

void Reader::unknown_key(const Member& member, const std::vector<std::string>& known, std::string hint) {
  constexpr std::size_t kMostNamed = 12;
  if (member.key == "rules" && member.value.as<Array>() &&
      std::ranges::find(known, "rules") == known.end()) {
    diagnostics_.error(
        member.position,
        path_.empty() ? "a ruleset stands in the place of a value, not of all"
                      : fmt::format("{} takes no ruleset: it is no value, but a section of them", path_),
        kRulable);
    return;
  }
  std::string message = fmt::format("unknown key \"{}\"", printable(member.key, max_path_step));
  if (!path_.empty()) message += " in " + path_;
  if (auto near = did_you_mean(member.key, known); !near.empty()) hint = std::move(near);
  if (hint.empty() && known.size() <= kMostNamed)
    hint = fmt::format("known are {}", fmt::join(known, ", "));
  diagnostics_.error(member.position, std::move(message), std::move(hint));
}

Node text_schema() { return Node::object().add("type", Node::text("string")); }

Type<bool> boolean() {
  Type<bool> type;
  type.words = "true or false";
  type.read = [](const Node& node, bool& out, Reader& reader) {
    const auto* value = node.as<bool>();
    if (!value)
      return reader.expected(node, "true or false", node.as<std::string>() ? "without quotes" : "");
    out = *value;
    return true;
  };
  type.show = [](const bool& value, Show) { return Node::boolean(value); };
  type.schema = Node::object().add("type", Node::text("boolean"));
  return type;
}

Type<std::uint64_t> size(std::uint64_t low, std::uint64_t high) {
  Type<std::uint64_t> type;
  type.words = fmt::format("a size from {} to {}", format_size(low), format_size(high));
  type.read = [low, high, words = type.words](const Node& node, std::uint64_t& out, Reader& reader) {
    std::optional<std::uint64_t> octets;
    if (const auto* number = node.as<std::int64_t>(); number && *number >= 0)
      octets = static_cast<std::uint64_t>(*number);
    if (const auto* written = node.as<std::string>()) {
      octets = parse_size(*written);
      if (!octets) return reader.expected(node, words, R"(units are KB, MB, GB and KiB, MiB, GiB: "50MB")");
    }
    if (!octets || *octets < low || *octets > high) return reader.expected(node, words);
    out = *octets;
    return true;
  };
  type.show = [](const std::uint64_t& octets, Show) {
    auto text = format_size(octets);
    return is_digit(text.back()) ? Node::integer(static_cast<std::int64_t>(octets))
                                 : Node::text(std::move(text));
  };
  Node number = integer_schema(static_cast<std::int64_t>(low), static_cast<std::int64_t>(high));
  Node written = text_schema().add("pattern", Node::text("^[0-9]+ *([KMGTkmgt]?[Ii]?[Bb])?$"));
  type.schema = Node::object().add("anyOf", Node::list({std::move(number), std::move(written)}));
  type.strictness = less_is_stricter<std::uint64_t>;
  return type;
}

std::optional<std::int64_t> read_integer(const Node& node, std::int64_t low, std::int64_t high,
                                         std::string_view words, Reader& reader) {
  const auto* value = node.as<std::int64_t>();
  if (value && *value >= low && *value <= high) return *value;
  const auto* text = node.as<std::string>();
  const bool quoted = text && parse_unsigned(text->starts_with('-') ? text->substr(1) : *text);
  reader.expected(node, words, quoted ? "without quotes" : node.as<double>() ? "a whole number" : "");
  return std::nullopt;
}

Node integer_schema(std::int64_t low, std::int64_t high) {
  return Node::object()
      .add("type", Node::text("integer"))
      .add("minimum", Node::integer(low))
      .add("maximum", Node::integer(high));
}

std::optional<Duration> read_duration(const Node& node, Duration low, Duration high, std::string_view words,
                                      Reader& reader) {
  const auto* written = node.as<std::string>();
  const auto value = written ? parse_duration(*written) : std::nullopt;
  if (value && *value >= low && *value <= high) return value;
  reader.expected(node, words,
                  value ? "" : R"(a duration names its units, largest first: "5m", "1h30m", "500ms")");
  return std::nullopt;
}

Node duration_schema() {
  return text_schema().add("pattern", Node::text("^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"));
}

std::string one_of(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names)
    out += fmt::format("{}\"{}\"", out.empty() ? "" : &name == &names.back() ? " or " : ", ", name);
  return out;
}

Node choice_schema(const std::vector<std::string>& names) {
  Array values;
  for (const auto& name : names) values.push_back(Node::text(name));
  return Node::object().add("enum", Node::list(std::move(values)));
}

std::optional<std::size_t> read_choice(const Node& node, const std::vector<std::string>& names,
                                       Reader& reader) {
  const auto* written = node.as<std::string>();
  for (std::size_t i = 0; written && i < names.size(); ++i)
    if (names[i] == *written) return i;
  reader.expected(node, one_of(names), written ? did_you_mean(*written, names) : "");
  return std::nullopt;
}

Type<std::string> text(std::size_t max_octets, std::string words) {
  Type<std::string> type;
  type.words = words;
  type.read = [max_octets, words](const Node& node, std::string& out, Reader& reader) {
    const auto* written = node.as<std::string>();
    if (!written) return reader.expected(node, words);
    if (written->size() > max_octets)
      return reader.error(node.position, fmt::format("this text is longer than {} octets", max_octets));
    if (std::ranges::any_of(*written, is_control))
      return reader.error(node.position, "a control character stands in this text");
    out = *written;
    return true;
  };
  type.show = [](const std::string& value, Show) { return Node::text(value); };
  type.schema = text_schema().add("maxLength", Node::integer(static_cast<std::int64_t>(max_octets)));
  return type;
}

Type<std::string> secret() {
  constexpr std::size_t max_secret = 1024;
  auto type = text(max_secret);
  type.show = [](const std::string& value, Show) { return Node::text(value.empty() ? "" : "(hidden)"); };
  return type;
}

Type<std::string> file_name() {
  constexpr std::size_t max_path = 4096;
  auto type = text(max_path, "a file name");
  type.read = [read = type.read](const Node& node, std::string& out, Reader& reader) {
    std::string written;
    if (node.as<Array>())
      return reader.expected(node, "a file name", "the entries stand in that file, one a line");
    if (!read(node, written, reader)) return false;
    const auto beside = std::filesystem::path(node.position.file).parent_path();
    out = written.empty() ? written : (beside / written).lexically_normal().string();
    return true;
  };
  return type;
}

Type<Network> network() {
  return parsed<Network>(
      R"(a network such as "10.0.0.0/24" or "2001:db8::/48", or an address)",
      [](std::string_view text) -> Result<Network> {
        if (auto value = Network::parse(text)) return *value;
        return fail(Errc::invalid, network_hint(text));
      },
      [](const Network& value) { return value.to_string(); });
}

Type<Endpoint> endpoint() {
  return address_type<Endpoint>(R"(an address with port such as "[::]:25" or "192.0.2.1:25")",
                                &Endpoint::parse, "IPv6 addresses stand in brackets; the port is required");
}

Type<IpAddress> ip_address() { return address_type<IpAddress>("an IP address", &IpAddress::parse, ""); }

Node list_schema(Node element) {
  return Node::object().add("type", Node::text("array")).add("items", std::move(element));
}

Node map_schema(Node entry) {
  return Node::object().add("type", Node::text("object")).add("additionalProperties", std::move(entry));
}

bool read_map(const Node& node, Reader& reader, const std::function<bool(const Member&)>& read_entry) {
  const auto* members = node.as<Object>();
  if (!members) return reader.expected(node, "an object: { ... }");
  bool good = true;
  for (const auto& member : *members) {
    if (member.value.is_null()) continue;
    const Reader::Step step(reader, member.key);
    if (!read_entry(member)) good = false;
  }
  return good;
}

}  // namespace sallyport::config
