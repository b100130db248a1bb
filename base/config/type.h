// How a value of a C++ type is written in JSON: a Type reads it, shows it, and describes it.
//
// Types are combined: list_of(network()), map_of(section(route_table())). Each reports its own errors, so
// that one bad value never hides another. Built once, immutable afterwards, usable from every thread.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/config/node.h"
#include "base/config/ruleset.h"
#include "base/config/suggestion.h"
#include "base/config/units.h"
#include "base/ip_address.h"
#include "base/result.h"

namespace sallyport::config {

struct TableInfo;

// Where the reading is, for messages: "routes.groupware.timeouts".
class Reader {
 public:
  // Without `rulesets` no value may be one.
  explicit Reader(Diagnostics& diagnostics, RulesetReading* rulesets = nullptr)
      : diagnostics_(diagnostics), rulesets_(rulesets) {}

  // Reads on inside of a member; the step ends with the object's life.
  class Step {
   public:
    Step(Reader& reader, std::string_view name);
    ~Step();
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Reader& reader_;
    std::size_t length_;
  };

  // Reads on in a part of what is read, to which that way leads from the root of changes.
  class Within {
   public:
    Within(Reader& reader, Way way)
        : reader_(reader), before_(std::exchange(reader.way_, std::move(way))) {}
    ~Within() { reader_.way_ = std::move(before_); }
    Within(const Within&) = delete;
    Within& operator=(const Within&) = delete;

   private:
    Reader& reader_;
    Way before_;
  };

  const std::string& path() const { return path_; }
  const std::vector<std::string>& steps() const { return steps_; }
  const Way& way() const { return way_; }
  RulesetReading* rulesets() const { return rulesets_; }
  bool error(const Position& position, std::string_view message, std::string hint = {});  // false, always
  bool expected(const Node& node, std::string_view words, std::string hint = {});         // false, always
  // `hint`: where no known key is near.
  void unknown_key(const Member& member, const std::vector<std::string>& known, std::string hint = {});

 private:
  Diagnostics& diagnostics_;
  RulesetReading* rulesets_;
  std::string path_;
  std::vector<std::string> steps_;
  Way way_;
};

enum class Show { all, changed };  // changed: sections leave out what is at its default

template <class V>
struct Type {
  std::string words;  // what is expected, for errors and the reference: "a size from 1KB to 1GB"
  // Leaves the value alone and returns false if the node does not fit; the reader was told why.
  std::function<bool(const Node&, V&, Reader&)> read;
  std::function<Node(const V&, Show)> show;
  Node schema;
  const TableInfo* inside = nullptr;  // a section's fields, for the reference
  std::string inside_name;            // how the path goes on to them: "", ".<name>", "[]"
  // greater: the first is the stricter one. Of numbers, which are limits, the smaller is. Empty: values
  // have no such order.
  std::function<std::partial_ordering(const V&, const V&)> strictness = {};
};

// For types in which less is stricter.
template <class V>
std::partial_ordering less_is_stricter(const V& one, const V& other) {
  return other <=> one;
}

// A value and where it was written; that is known even of one that could not be read.
template <class V>
struct Located {
  V value{};
  Position position;

  bool written() const { return position.line != 0; }
};

// An entry of a map: its key is a name that the admin chose.
template <class V>
struct Named {
  std::string name;
  Position position;  // of the key
  V value{};
};

Type<bool> boolean();
Type<std::uint64_t> size(std::uint64_t low, std::uint64_t high);
Type<std::string> text(std::size_t max_octets, std::string words = "a text");
Type<std::string> secret();  // a text that is never shown
// A path, relative to the directory of the file that names it. Read into its full form.
Type<std::string> file_name();
Type<Network> network();
Type<Endpoint> endpoint();
Type<IpAddress> ip_address();

// Schema of "a JSON text", the commonest one.
Node text_schema();

// A text with a form of its own. `parse` says what is wrong with it in Error::detail.
template <class V>
Type<V> parsed(std::string words, std::function<Result<V>(std::string_view)> parse,
               std::function<std::string(const V&)> show) {
  Type<V> type;
  type.words = words;
  type.read = [words, parse](const Node& node, V& out, Reader& reader) {
    const auto* written = node.as<std::string>();
    if (!written) return reader.expected(node, words);
    auto value = parse(*written);
    if (!value) return reader.expected(node, words, value.error().detail);
    out = std::move(*value);
    return true;
  };
  type.show = [show](const V& value, Show) { return Node::text(show(value)); };
  type.schema = text_schema();
  return type;
}

// The parts of the number types that do not depend on the C++ type.
std::optional<std::int64_t> read_integer(const Node& node, std::int64_t low, std::int64_t high,
                                         std::string_view words, Reader& reader);
Node integer_schema(std::int64_t low, std::int64_t high);
std::optional<Duration> read_duration(const Node& node, Duration low, Duration high, std::string_view words,
                                      Reader& reader);
Node duration_schema();

template <std::integral V>
Type<V> integer(std::type_identity_t<V> low, std::type_identity_t<V> high) {
  const auto from = static_cast<std::int64_t>(low), to = static_cast<std::int64_t>(high);
  Type<V> type;
  type.words = fmt::format("an integer from {} to {}", from, to);
  type.read = [from, to, words = type.words](const Node& node, V& out, Reader& reader) {
    const auto value = read_integer(node, from, to, words, reader);
    if (value) out = static_cast<V>(*value);
    return value.has_value();
  };
  type.show = [](const V& value, Show) { return Node::integer(static_cast<std::int64_t>(value)); };
  type.schema = integer_schema(from, to);
  type.strictness = less_is_stricter<V>;
  return type;
}

template <class D>
Type<D> duration(std::type_identity_t<D> low, std::type_identity_t<D> high) {
  Type<D> type;
  type.words = fmt::format("a duration from {} to {}", format_duration(low), format_duration(high));
  type.read = [low, high, words = type.words](const Node& node, D& out, Reader& reader) {
    const auto value = read_duration(node, low, high, words, reader);
    if (value) out = std::chrono::duration_cast<D>(*value);
    return value.has_value();
  };
  type.show = [](const D& value, Show) { return Node::text(format_duration(value)); };
  type.schema = duration_schema();
  return type;
}

std::string one_of(const std::vector<std::string>& names);
Node choice_schema(const std::vector<std::string>& names);
// The index of the name that was written.
std::optional<std::size_t> read_choice(const Node& node, const std::vector<std::string>& names,
                                       Reader& reader);

template <class E>
Type<E> choice(std::vector<std::pair<std::string, E>> values) {
  std::vector<std::string> names;
  for (const auto& [name, value] : values) names.push_back(name);
  Type<E> type;
  type.words = one_of(names);
  type.schema = choice_schema(names);
  type.read = [values, names](const Node& node, E& out, Reader& reader) {
    const auto index = read_choice(node, names, reader);
    if (index) out = values[*index].second;
    return index.has_value();
  };
  type.show = [values](const E& shown, Show) {
    for (const auto& [name, value] : values)
      if (value == shown) return Node::text(name);
    return Node{};
  };
  return type;
}

// What is not written stays empty, and is shown as null.
template <class V>
Type<std::optional<V>> optional(Type<V> inner) {
  Type<std::optional<V>> type{inner.words, {}, {}, inner.schema, inner.inside, inner.inside_name};
  type.read = [read = inner.read](const Node& node, std::optional<V>& out, Reader& reader) {
    V value{};
    if (!read(node, value, reader)) return false;
    out = std::move(value);
    return true;
  };
  type.show = [show = inner.show](const std::optional<V>& value, Show what) {
    return value ? show(*value, what) : Node{};
  };
  if (inner.strictness)
    type.strictness = [order = inner.strictness](const std::optional<V>& one,
                                                 const std::optional<V>& other) {
      if (one && other) return order(*one, *other);
      return one || other ? std::partial_ordering::unordered : std::partial_ordering::equivalent;
    };
  return type;
}

template <class V>
Type<Located<V>> located(Type<V> inner) {
  Type<Located<V>> type{inner.words, {}, {}, inner.schema, inner.inside, inner.inside_name};
  type.read = [read = inner.read](const Node& node, Located<V>& out, Reader& reader) {
    out.position = node.position;
    const Reader::Within within(reader, reader.way().template then<Located<V>>(
                                            [](Located<V>& located) -> V& { return located.value; }));
    return read(node, out.value, reader);
  };
  type.show = [show = inner.show](const Located<V>& value, Show what) { return show(value.value, what); };
  if (inner.strictness)
    type.strictness = [strictness = inner.strictness](const Located<V>& one, const Located<V>& other) {
      return strictness(one.value, other.value);
    };
  return type;
}

Node list_schema(Node element);

enum class Empty { allowed, refused };

template <class V>
Type<std::vector<V>> list_of(Type<V> element, Empty empty = Empty::allowed) {
  Type<std::vector<V>> type{
      "a list, each " + element.words, {}, {}, list_schema(element.schema), element.inside, "[]"};
  type.read = [element, empty](const Node& node, std::vector<V>& out, Reader& reader) {
    const auto* elements = node.as<Array>();
    if (!elements)
      return reader.expected(node, "a list: [ ... ]", node.as<std::string>() ? "put it into [ ]" : "");
    if (elements->empty() && empty == Empty::refused)
      return reader.error(node.position, "this list may not be empty");
    out.clear();
    bool good = true;
    for (const auto& one : *elements) {
      V value{};
      if (element.read(one, value, reader))
        out.push_back(std::move(value));
      else
        good = false;
    }
    return good;
  };
  type.show = [element](const std::vector<V>& values, Show what) {
    Node list = Node::list();
    for (const auto& value : values) std::get<Array>(list.value).push_back(element.show(value, what));
    return list;
  };
  return type;
}

Node map_schema(Node entry);
bool read_map(const Node& node, Reader& reader, const std::function<bool(const Member&)>& read_entry);

// Entries under names of the admin's choice, in the order in which they are written. One that could not be
// read is kept as far as it could, so that what refers to it is not called unknown.
template <class V>
Type<std::vector<Named<V>>> map_of(Type<V> entry) {
  using Map = std::vector<Named<V>>;
  Type<Map> type{"by name, each " + entry.words, {}, {}, map_schema(entry.schema), entry.inside, ".<name>"};
  type.read = [entry](const Node& node, Map& out, Reader& reader) {
    out.clear();
    return read_map(node, reader, [&](const Member& member) {
      out.push_back({member.key, member.position, {}});
      const Reader::Within within(
          reader, reader.way().template then<Map>(
                      [place = out.size() - 1](Map& map) -> V& { return map.at(place).value; }));
      return entry.read(member.value, out.back().value, reader);
    });
  };
  type.show = [entry](const Map& map, Show what) {
    Node object = Node::object();
    for (const auto& named : map) object.add(named.name, entry.show(named.value, what));
    return object;
  };
  return type;
}

}  // namespace sallyport::config
