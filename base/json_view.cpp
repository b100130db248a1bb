#include "base/json_view.h"

#include <algorithm>
#include <charconv>

namespace sallyport {
namespace {

constexpr int kDeepest = 32;
constexpr std::size_t kMostValues = 100'000;

std::optional<unsigned> read_hex(std::string_view digits) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

void append_utf8(std::string& out, unsigned code) {
  const auto trail = [&](int shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    trail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    trail(6);
    trail(0);
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    trail(12);
    trail(6);
    trail(0);
  }
}

constexpr bool is_high(unsigned code) { return code >= 0xd800 && code < 0xdc00; }
constexpr bool is_low(unsigned code) { return code >= 0xdc00 && code < 0xe000; }

// What stands behind the backslash: taken off `rest`. A lone surrogate is no character.
void append_escape(std::string& out, std::string_view& rest) {
  const char kind = rest.front();
  rest.remove_prefix(1);
  if (kind != 'u') {
    constexpr std::string_view names = "bfnrt", meant = "\b\f\n\r\t";
    const auto place = names.find(kind);
    out += place == std::string_view::npos ? kind : meant[place];
    return;
  }
  unsigned code = read_hex(rest.substr(0, 4)).value_or(0xfffd);
  rest.remove_prefix(4);
  if (is_high(code) && rest.starts_with("\\u")) {
    const unsigned low = read_hex(rest.substr(2, 4)).value_or(0);
    if (is_low(low)) {
      code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
      rest.remove_prefix(6);
    }
  }
  append_utf8(out, is_high(code) || is_low(code) ? 0xfffd : code);
}

}  // namespace

// Recursive descent, bounded by kDeepest.
class JsonView::Parser {
 public:
  Parser(std::string_view text, std::vector<Node>& nodes) : rest_(text), nodes_(nodes) {}

  bool parse() {
    const bool good = value({}, 0);
    skip_blanks();
    return good && rest_.empty();
  }

 private:
  bool value(std::string_view key, int depth) {
    skip_blanks();
    if (rest_.empty() || depth > kDeepest || nodes_.size() >= kMostValues) return false;
    const std::size_t place = nodes_.size();
    nodes_.push_back({.key = key});
    const std::string_view before = rest_;
    if (!inside(place, depth)) return false;
    Node& node = nodes_[place];
    if (node.kind != Kind::text) node.raw = before.substr(0, before.size() - rest_.size());
    node.end = nodes_.size();
    return true;
  }

  bool inside(std::size_t place, int depth) {
    switch (rest_.front()) {
      case '{':
        nodes_[place].kind = Kind::object;
        return members('}', depth);
      case '[':
        nodes_[place].kind = Kind::list;
        return members(']', depth);
      case '"':
        nodes_[place].kind = Kind::text;
        return text(nodes_[place].raw);
      case 't':
        return word("true", nodes_[place], Kind::yes);
      case 'f':
        return word("false", nodes_[place], Kind::no);
      case 'n':
        return word("null", nodes_[place], Kind::null);
      default:
        nodes_[place].kind = Kind::number;
        return number();
    }
  }

  bool members(char end, int depth) {
    rest_.remove_prefix(1);
    skip_blanks();
    if (take(end)) return true;
    do {
      std::string_view key;
      skip_blanks();
      if (end == '}' && !(text(key) && (skip_blanks(), take(':')))) return false;
      if (!value(key, depth + 1)) return false;
      skip_blanks();
    } while (take(','));
    return take(end);
  }

  bool text(std::string_view& out) {
    if (!take('"')) return false;
    for (std::size_t at = 0; at < rest_.size(); ++at) {
      const char c = rest_[at];
      if (c == '"') {
        out = rest_.substr(0, at);
        rest_.remove_prefix(at + 1);
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\' && !is_escape(rest_.substr(++at))) return false;
    }
    return false;
  }

  static bool is_escape(std::string_view behind) {
    if (behind.empty()) return false;
    if (behind.front() == 'u') return behind.size() >= 5 && read_hex(behind.substr(1, 4)).has_value();
    return std::string_view("\"\\/bfnrt").find(behind.front()) != std::string_view::npos;
  }

  bool word(std::string_view literal, Node& node, Kind kind) {
    if (!rest_.starts_with(literal)) return false;
    rest_.remove_prefix(literal.size());
    node.kind = kind;
    return true;
  }

  bool digits() {
    const auto count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(count);
    return count > 0;
  }

  bool number() {
    (void)take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (!take('e') && !take('E')) return true;
    if (!take('+')) (void)take('-');
    return digits();
  }

  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

  std::string_view rest_;
  std::vector<Node>& nodes_;
};

std::optional<JsonView> JsonView::parse(std::string_view text) {
  JsonView tree;
  tree.nodes_.reserve(64);
  if (!Parser(text, tree.nodes_).parse()) return std::nullopt;
  return tree;
}

JsonValue JsonValue::operator[](std::string_view key) const {
  if (!is_object()) return {};
  const auto& nodes = tree_->nodes_;
  for (std::size_t place = place_ + 1; place < nodes[place_].end; place = nodes[place].end)
    if (nodes[place].key == key) return {*tree_, place};
  return {};
}

std::string JsonValue::text() const {
  std::string out;
  if (!tree_ || tree_->nodes_[place_].kind != JsonView::Kind::text) return out;
  std::string_view rest = raw();
  for (auto at = rest.find('\\'); at != std::string_view::npos; at = rest.find('\\')) {
    out += rest.substr(0, at);
    rest.remove_prefix(at + 1);
    append_escape(out, rest);
  }
  return out.append(rest);
}

std::optional<std::int64_t> JsonValue::number() const {
  if (!tree_ || tree_->nodes_[place_].kind != JsonView::Kind::number) return std::nullopt;
  std::int64_t value = 0;
  const std::string_view written = raw();
  const auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), value);
  if (error != std::errc() || end != written.data() + written.size()) return std::nullopt;
  return value;
}

bool JsonValue::flag() const { return tree_ && tree_->nodes_[place_].kind == JsonView::Kind::yes; }

bool JsonValue::is_list() const { return tree_ && tree_->nodes_[place_].kind == JsonView::Kind::list; }

bool JsonValue::is_object() const { return tree_ && tree_->nodes_[place_].kind == JsonView::Kind::object; }

std::vector<JsonValue> JsonValue::items() const {
  std::vector<JsonValue> all;
  if (!is_list() && !is_object()) return all;
  const auto& nodes = tree_->nodes_;
  for (std::size_t place = place_ + 1; place < nodes[place_].end; place = nodes[place].end)
    all.push_back({*tree_, place});
  return all;
}

std::string_view JsonValue::key() const { return tree_ ? tree_->nodes_[place_].key : std::string_view(); }

std::string_view JsonValue::raw() const { return tree_ ? tree_->nodes_[place_].raw : std::string_view(); }

}  // namespace sallyport
