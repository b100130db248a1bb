// A JSON value that knows where it was written.
//
// Plain values, owned like any other; nesting is at most 64 deep by construction (parse caps it), so
// recursion over a Node is safe. Members keep the order in which they were written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/config/diagnostic.h"

namespace sallyport::config {

struct Node;
// A template only so that it may be named before Node is complete.
template <class N>
struct BasicMember {
  std::string key;
  Position position;  // of the key
  N value;
};
using Member = BasicMember<Node>;
using Array = std::vector<Node>;
using Object = std::vector<Member>;

struct Node {
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> value;
  Position position;  // of its first character; line 0: made by the program

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value); }
  template <class T>
  const T* as() const {
    return std::get_if<T>(&value);
  }

  // The member of that name, or nullptr; nullptr too for what is no object. Linear: sections are small.
  const Node* find(std::string_view key) const;
  // What that way of members leads to, or nullptr.
  const Node* follow(const std::vector<std::string>& way) const;
  // Appends to an object that the program makes; returns the object.
  Node& add(std::string key, Node member);
  bool same_value(const Node& other) const;  // positions aside
  std::string describe() const;              // "true", "5", "\"text\"", "a list", "an object"

  static Node text(std::string value);
  static Node integer(std::int64_t value);
  static Node boolean(bool value);
  static Node list(Array elements = {});
  static Node object();
};

// Told of each value that another one replaces: the keys that lead to it, and both. References last as long
// as the call.
using OnReplaced =
    std::function<void(const std::vector<std::string>& way, const Node& before, const Node& after)>;

// Lays `later` over `base`: objects merge, everything else replaces, rulesets too. Each value keeps the
// position in the file that it came from.
void merge(Node& base, Node later, const OnReplaced& replaced = {});

enum class Comments { none, origin };
// Pretty JSON, ends in a newline. With Comments::origin each value is followed by where it was written,
// or "default".
std::string to_json(const Node& node, Comments comments = Comments::none);

}  // namespace sallyport::config
