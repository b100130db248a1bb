#include "base/config/document.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/config/cursor.h"
#include "base/config/syntax_fault.h"

namespace sallyport::config {
namespace {

using Json = nlohmann::json;

// Takes the parser's events; the cursor follows and says where each token began.
class Builder final : public Json::json_sax_t {
 public:
  Builder(std::string_view text, const std::string& file, Diagnostics& diagnostics)
      : cursor_(text, file), last_(cursor_), diagnostics_(diagnostics) {}

  bool null() override { return scalar(Node{}); }
  bool boolean(bool value) override { return scalar(Node::boolean(value)); }
  bool number_integer(number_integer_t value) override { return scalar(Node::integer(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > std::numeric_limits<std::int64_t>::max()) return scalar({static_cast<double>(value), {}});
    return scalar(Node::integer(static_cast<std::int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t&) override { return scalar({value, {}}); }
  bool string(string_t& value) override { return scalar(Node::text(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Node::object()); }
  bool start_array(std::size_t) override { return open(Node::list()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override;
  bool parse_error(std::size_t, const std::string&, const Json::exception& fault) override;

  Node take() { return std::move(root_); }

 private:
  struct Frame {
    Node node;
    std::string key;  // of the member whose value comes next
    Position key_position;
    std::unordered_map<std::string, Position> seen;
  };

  Position token();  // where the token that was just reported begins; steps over it
  bool scalar(Node node);
  bool open(Node node);
  bool close();
  void put(Node node);
  char closing() const;

  Cursor cursor_;
  Cursor last_;  // where the last token begins
  Diagnostics& diagnostics_;
  std::vector<Frame> frames_;
  Node root_;
  After after_ = After::nothing;
};

Position Builder::token() {
  cursor_.skip_to_token();
  last_ = cursor_;
  Position start = cursor_.position();
  cursor_.skip_token();
  return start;
}

bool Builder::scalar(Node node) {
  node.position = token();
  put(std::move(node));
  return true;
}

bool Builder::open(Node node) {
  node.position = token();
  if (frames_.size() >= max_depth) {
    diagnostics_.error(node.position, fmt::format("nested deeper than {} levels", max_depth));
    return false;
  }
  frames_.push_back({std::move(node), {}, {}, {}});
  after_ = After::opening;
  return true;
}

bool Builder::close() {
  token();
  Node node = std::move(frames_.back().node);
  frames_.pop_back();
  put(std::move(node));
  return true;
}

bool Builder::key(string_t& name) {
  auto& frame = frames_.back();
  frame.key_position = token();
  frame.key = std::move(name);
  after_ = After::key;
  const auto [first, is_new] = frame.seen.emplace(frame.key, frame.key_position);
  if (!is_new)
    diagnostics_.error(
        frame.key_position, fmt::format("\"{}\" stands here for the second time", frame.key),
        fmt::format("the first is in line {}, column {}", first->second.line, first->second.column));
  return true;
}

void Builder::put(Node node) {
  after_ = frames_.empty() ? After::end : After::value;
  if (frames_.empty()) {
    root_ = std::move(node);
    return;
  }
  auto& frame = frames_.back();
  if (auto* list = std::get_if<Array>(&frame.node.value))
    list->push_back(std::move(node));
  else
    std::get<Object>(frame.node.value)
        .push_back({std::move(frame.key), frame.key_position, std::move(node)});
}

char Builder::closing() const {
  if (frames_.empty()) return '\0';
  return frames_.back().node.as<Array>() ? ']' : '}';
}

bool Builder::parse_error(std::size_t, const std::string&, const Json::exception& fault) {
  constexpr int number_too_large = 406;
  if (fault.id == number_too_large) {
    cursor_.skip_to_token();
    diagnostics_.error(cursor_.position(), "this number is too large");
    return false;
  }
  auto address = after_ == After::value ? unquoted_address(last_) : std::nullopt;
  auto told = address ? std::move(*address)
                      : explain_syntax(cursor_, after_, closing(),
                                       frames_.empty() ? Position{} : frames_.back().node.position);
  diagnostics_.error(std::move(told.position), std::move(told.message), std::move(told.hint));
  return false;
}

// The parser would take a NUL for the end of the text and be content with what came before.
bool is_text(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
  const auto nul = text.find('\0');
  if (nul == std::string_view::npos) return true;
  Cursor cursor(text, file);
  cursor.advance(nul);
  const bool wide = text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff") || nul < 2;
  diagnostics.error(
      cursor.position(), "a NUL octet stands here",
      wide ? "the file looks like UTF-16: save it as UTF-8" : "was the file cut off while it was written?");
  return false;
}

}  // namespace

std::optional<Node> parse(std::string text, const std::string& file, Diagnostics& diagnostics) {
  if (text.size() > max_file_size) {
    diagnostics.error({file, 0, 0}, fmt::format("the file is larger than {} MiB", max_file_size >> 20));
    return std::nullopt;
  }
  if (!is_text(text, file, diagnostics)) return std::nullopt;
  diagnostics.remember_source(file, text);
  Builder builder(text, file, diagnostics);
  if (!Json::sax_parse(text, &builder, Json::input_format_t::json, true, true)) return std::nullopt;
  Node node = builder.take();
  if (!node.as<Object>()) {
    diagnostics.error(node.position, "a file of the configuration is an object, found " + node.describe(),
                      "{ ... }");
    return std::nullopt;
  }
  return node;
}

}  // namespace sallyport::config
