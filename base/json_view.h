// A JSON text as a tree of views into it: for lines that a machine wrote and another reads by the million.
//
// Nothing is copied and nothing is trusted: a text that is no JSON (RFC 8259), is nested deeper than 32 or
// has more than 100,000 values gives no tree, and what is not there, or of another kind, reads as empty.
// The configuration, which people write, is read by base/config. Values point into the tree, and both into
// the text, which the caller keeps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

class JsonView;

class JsonValue {
 public:
  JsonValue() = default;  // nothing

  explicit operator bool() const { return tree_ != nullptr; }
  JsonValue operator[](std::string_view key) const;  // of an object; nothing: it has no such member
  std::string text() const;                          // unescaped; "" if it is no text
  std::optional<std::int64_t> number() const;        // whole ones only
  bool flag() const;                                 // it is `true`
  bool is_list() const;
  bool is_object() const;
  std::vector<JsonValue> items() const;  // of a list, or the values of an object's members
  std::string_view key() const;          // as written, of a member of an object
  std::string_view raw() const;          // as written

 private:
  friend class JsonView;
  JsonValue(const JsonView& tree, std::size_t place) : tree_(&tree), place_(place) {}

  const JsonView* tree_ = nullptr;
  std::size_t place_ = 0;
};

class JsonView {
 public:
  static std::optional<JsonView> parse(std::string_view text);

  JsonValue root() const { return {*this, 0}; }
  JsonValue operator[](std::string_view key) const { return root()[key]; }

 private:
  friend class JsonValue;
  class Parser;
  enum class Kind : std::uint8_t { null, yes, no, number, text, list, object };
  struct Node {
    Kind kind = Kind::null;
    std::string_view key;
    std::string_view raw{};  // a text's without its quotes
    std::size_t end = 0;     // the place behind the last that is inside it
  };

  std::vector<Node> nodes_;  // each before what is inside it
};

}  // namespace sallyport
