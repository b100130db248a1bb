#include "base/config/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/text.h"

namespace sallyport::config {
namespace {

constexpr std::size_t max_described = 60;
constexpr std::size_t max_inline = 80;  // a list that fits is written on one line

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(out, text);
  return out + "\"";
}

struct ScalarText {
  std::string operator()(std::nullptr_t) const { return "null"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return fmt::format("{}", value); }
  std::string operator()(const std::string& value) const { return quoted(value); }
  std::string operator()(const Array&) const { return "[]"; }
  std::string operator()(const Object&) const { return "{}"; }
};

bool is_scalar(const Node& node) { return !node.as<Array>() && !node.as<Object>(); }

// "[1, 2]" where a list holds only scalars and fits on a line, else "".
std::string inline_list(const Array& elements) {
  std::string out = "[";
  for (const auto& element : elements) {
    if (!is_scalar(element)) return {};
    if (out.size() > 1) out += ", ";
    out += std::visit(ScalarText{}, element.value);
  }
  return out.size() < max_inline ? out + "]" : std::string{};
}

class Writer {
 public:
  explicit Writer(Comments comments) : comments_(comments) {}

  void write(const Node& node, int depth) {
    if (const auto* object = node.as<Object>(); object && !object->empty())
      return write_object(*object, depth);
    if (const auto* list = node.as<Array>(); list && !list->empty()) return write_list(*list, depth);
    out_ += std::visit(ScalarText{}, node.value);
  }
  std::string take() { return std::move(out_) + "\n"; }

 private:
  void line(int depth) { out_.append("\n").append(static_cast<std::size_t>(depth) * 2, ' '); }

  void write_object(const Object& members, int depth) {
    out_ += "{";
    for (const auto& member : members) {
      line(depth + 1);
      out_ += quoted(member.key) + ": ";
      write(member.value, depth + 1);
      if (&member != &members.back()) out_ += ",";
      comment(member.value);
    }
    line(depth);
    out_ += "}";
  }

  void write_list(const Array& elements, int depth) {
    if (const auto one_line = inline_list(elements); !one_line.empty()) {
      out_ += one_line;
      return;
    }
    out_ += "[";
    for (const auto& element : elements) {
      line(depth + 1);
      write(element, depth + 1);
      if (&element != &elements.back()) out_ += ",";
    }
    line(depth);
    out_ += "]";
  }

  void comment(const Node& node) {
    const auto* object = node.as<Object>();
    if (comments_ == Comments::none || (object && !object->empty())) return;
    const auto& at = node.position;
    out_ += at.line == 0 ? "  // default" : fmt::format("  // {}:{}", printable(at.file), at.line);
  }

  Comments comments_;
  std::string out_;
};

// A ruleset, or something that is meant to be one; no section has a list of that name.
bool has_list_of_rules(const Node& node) {
  const Node* rules = node.find("rules");
  return rules && rules->as<Array>();
}

class Merging {
 public:
  explicit Merging(const OnReplaced& replaced) : replaced_(replaced) {}

  void merge(Node& base, Node later) {
    auto* into = std::get_if<Object>(&base.value);
    auto* from = std::get_if<Object>(&later.value);
    if (!into || !from || has_list_of_rules(base) || has_list_of_rules(later)) {
      if (replaced_) replaced_(way_, base, later);
      base = std::move(later);
      return;
    }
    base.position = std::move(later.position);
    merge_members(*into, std::move(*from));
  }

 private:
  void merge_members(Object& base, Object later) {
    std::unordered_map<std::string, std::size_t> index;
    for (std::size_t i = 0; i < base.size(); ++i) index.emplace(base[i].key, i);
    for (auto& member : later) {
      const auto known = index.find(member.key);
      if (known == index.end()) {
        base.push_back(std::move(member));
      } else {
        auto& target = base[known->second];
        target.position = std::move(member.position);
        way_.push_back(member.key);
        merge(target.value, std::move(member.value));
        way_.pop_back();
      }
    }
  }

  const OnReplaced& replaced_;
  std::vector<std::string> way_;
};

}  // namespace

const Node* Node::find(std::string_view key) const {
  const auto* members = as<Object>();
  if (!members) return nullptr;
  const auto found = std::ranges::find(*members, key, &Member::key);
  return found == members->end() ? nullptr : &found->value;
}

const Node* Node::follow(const std::vector<std::string>& way) const {
  const Node* at = this;
  for (const std::string& key : way) at = at ? at->find(key) : nullptr;
  return at;
}

Node& Node::add(std::string key, Node member) {
  std::get<Object>(value).push_back({std::move(key), {}, std::move(member)});
  return *this;
}

bool Node::same_value(const Node& other) const { return to_json(*this) == to_json(other); }

std::string Node::describe() const {
  if (as<Array>()) return "a list";
  if (as<Object>()) return "an object";
  if (const auto* words = as<std::string>()) return "\"" + printable(*words, max_described) + "\"";
  return std::visit(ScalarText{}, value);
}

Node Node::text(std::string value) { return {std::move(value), {}}; }
Node Node::integer(std::int64_t value) { return {value, {}}; }
Node Node::boolean(bool value) { return {value, {}}; }
Node Node::list(Array elements) { return {std::move(elements), {}}; }
Node Node::object() { return {Object{}, {}}; }

void merge(Node& base, Node later, const OnReplaced& replaced) {
  Merging(replaced).merge(base, std::move(later));
}

std::string to_json(const Node& node, Comments comments) {
  Writer writer(comments);
  writer.write(node, 0);
  return writer.take();
}

}  // namespace sallyport::config
