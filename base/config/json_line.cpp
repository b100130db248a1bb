#include "base/config/json_line.h"

#include <cmath>
#include <cstdint>
#include <utility>

#include "base/text.h"

namespace sallyport::config {
namespace {

void append(std::string& out, const Node& node);

void append_text(std::string& out, std::string_view text) {
  out += '"';
  append_json_escaped(out, text);
  out += '"';
}

struct Writer {
  std::string& out;

  void operator()(std::nullptr_t) const { out += "null"; }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(std::int64_t value) const { out += std::to_string(value); }
  void operator()(double value) const { out += std::isfinite(value) ? std::to_string(value) : "null"; }
  void operator()(const std::string& value) const { append_text(out, value); }
  void operator()(const Array& elements) const {
    char before = '[';
    for (const Node& element : elements) {
      out += std::exchange(before, ',');
      append(out, element);
    }
    out += elements.empty() ? "[]" : "]";
  }
  void operator()(const Object& members) const {
    char before = '{';
    for (const Member& member : members) {
      out += std::exchange(before, ',');
      append_text(out, member.key);
      out += ':';
      append(out, member.value);
    }
    out += members.empty() ? "{}" : "}";
  }
};

void append(std::string& out, const Node& node) { std::visit(Writer{out}, node.value); }

}  // namespace

std::string to_json_line(const Node& node) {
  std::string line;
  append(line, node);
  return line;
}

}  // namespace sallyport::config
