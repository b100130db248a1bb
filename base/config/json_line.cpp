#include "base/config/json_line.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

#include "base/text.h"

namespace sallyport::config {
namespace {

void append_text(std::string& out, std::string_view text) {
  out += '"';
  append_json_escaped(out, text);
  out += '"';
}

struct Writer {
  std::string& out;
  std::string_view space;                                      // behind a comma and a colon
  std::size_t most = std::numeric_limits<std::size_t>::max();  // nothing is begun behind so many octets

  void append(const Node& node) const { std::visit(*this, node.value); }

  void operator()(std::nullptr_t) const { out += "null"; }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(std::int64_t value) const { out += std::to_string(value); }
  void operator()(double value) const { out += std::isfinite(value) ? std::to_string(value) : "null"; }
  void operator()(const std::string& value) const { append_text(out, value); }
  void operator()(const Array& elements) const {
    out += '[';
    for (const Node& element : elements) {
      if (out.size() > most) return;
      if (&element != &elements.front()) comma();
      append(element);
    }
    out += ']';
  }
  void operator()(const Object& members) const {
    out += '{';
    for (const Member& member : members) {
      if (out.size() > most) return;
      if (&member != &members.front()) comma();
      append_text(out, member.key);
      (out += ':') += space;
      append(member.value);
    }
    out += '}';
  }
  void comma() const { (out += ',') += space; }
};

}  // namespace

std::string to_json_line(const Node& node) {
  std::string line;
  Writer{line, ""}.append(node);
  return line;
}

std::string to_short_line(const Node& node, std::size_t most) {
  std::string line;
  Writer{line, " ", most}.append(node);
  return printable(line, most);
}

}  // namespace sallyport::config
