// JSON with comments and positions: where each value stands, what merges, and what is refused.
#include <doctest/doctest.h>

#include "base/config/cursor.h"
#include "base/config/document.h"

using namespace sallyport;
using namespace sallyport::config;

namespace {

struct Parsed {
  Diagnostics diagnostics;
  std::optional<Node> node;

  explicit Parsed(std::string text, const std::string& file = "a.json") {
    node = parse(std::move(text), file, diagnostics);
  }
  std::string first_error() const {
    return diagnostics.all().empty() ? "" : diagnostics.all().front().message;
  }
  std::string first_position() const {
    return diagnostics.all().empty() ? "" : diagnostics.all().front().position.to_string();
  }
};

const Node& at(const Node& node, std::initializer_list<std::string_view> path) {
  const Node* found = &node;
  for (const auto key : path) {
    found = found->find(key);
    REQUIRE(found != nullptr);
  }
  return *found;
}

const std::string everything = R"(// a comment
{
  "text": "a \"quoted\" {brace} // no comment",   /* a comment
  of two lines */ "after": -12.5e3,
	"tab": true, "list": [1, "zwei", [ ], {"in": null}],
  "größe": { "ü": 1 },"x":0
}
)";

}  // namespace

TEST_CASE("every value knows its line and column") {
  const Parsed parsed(everything);
  REQUIRE(parsed.node);
  const Node& root = *parsed.node;
  CHECK(root.position.to_string() == "a.json:2:1");
  CHECK(at(root, {"text"}).position.to_string() == "a.json:3:11");
  CHECK(at(root, {"after"}).position.to_string() == "a.json:4:28");
  CHECK(at(root, {"tab"}).position.to_string() == "a.json:5:9");
  const auto& list = *at(root, {"list"}).as<Array>();
  REQUIRE(list.size() == 4);
  CHECK(list[0].position.to_string() == "a.json:5:24");
  CHECK(list[1].position.to_string() == "a.json:5:27");
  CHECK(list[2].position.to_string() == "a.json:5:35");
  CHECK(at(list[3], {"in"}).position.to_string() == "a.json:5:47");
  CHECK(at(root, {"größe", "ü"}).position.to_string() == "a.json:6:19");  // columns count characters
  CHECK(at(root, {"x"}).position.to_string() == "a.json:6:27");
  CHECK(root.as<Object>()->back().position.to_string() == "a.json:6:23");
}

TEST_CASE("values keep their types") {
  const Parsed parsed(everything + "   // the end, without a line end");
  REQUIRE(parsed.node);
  CHECK(*at(*parsed.node, {"text"}).as<std::string>() == "a \"quoted\" {brace} // no comment");
  CHECK(*at(*parsed.node, {"after"}).as<double>() == -12500);
  CHECK(*at(*parsed.node, {"x"}).as<std::int64_t>() == 0);
  CHECK(*at(*parsed.node, {"tab"}).as<bool>());
}

TEST_CASE("line ends of Windows and a byte order mark move no position") {
  const Parsed parsed("\xef\xbb\xbf{\r\n  \"a\": 1,\r\n  \"b\": 2 }\r\n");
  REQUIRE(parsed.node);
  CHECK(parsed.node->position.to_string() == "a.json:1:1");
  CHECK(at(*parsed.node, {"b"}).position.to_string() == "a.json:3:8");
}

TEST_CASE("a text cut off anywhere is one error and never a configuration") {
  const std::string whole = everything.substr(0, everything.find_last_of('}'));
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    CAPTURE(length);
    const Parsed parsed(whole.substr(0, length));
    CHECK_FALSE(parsed.node);
    REQUIRE(parsed.diagnostics.all().size() == 1);
    const auto& position = parsed.diagnostics.all().front().position;
    CHECK(position.line >= 1);
    CHECK(position.column >= 1);
  }
}

TEST_CASE("every octet changed to anything never crashes and reports at most one syntax error") {
  using namespace std::string_view_literals;
  const auto octets = "\0\t\n\r \"'*+,-./0127:=[\\]_abefnrtu{}\x7f\x80\xc3\xe2\xf0\xff"sv;
  std::string text = R"({"a": [1, -2.5e3, "x\n\u00e4"], /**/ "b": {"c": true}} // )";
  for (char& c : text) {
    const char was = c;
    for (const char octet : octets) {
      c = octet;
      const Parsed parsed(text);
      CHECK((parsed.node.has_value() || parsed.diagnostics.all().size() == 1));
    }
    c = was;
  }
}

TEST_CASE("nesting is capped while parsing") {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  CHECK(Parsed(nested(max_depth)).node);
  const Parsed deep(nested(max_depth + 1));
  CHECK_FALSE(deep.node);
  CHECK(deep.first_error() == "nested deeper than 64 levels");
  const Parsed hostile("{\"a\":" + std::string(5'000'000, '['));
  CHECK_FALSE(hostile.node);
  CHECK(hostile.diagnostics.all().size() == 1);
}

TEST_CASE("a file over the limit is not read") {
  CHECK(Parsed("{}" + std::string(max_file_size, ' ')).first_error() == "the file is larger than 16 MiB");
}

TEST_CASE("what follows a NUL is not overlooked") {
  CHECK_FALSE(Parsed(std::string("{ \"a\": 1 }\0, garbage", 20)).node);
}

TEST_CASE("both places of a duplicate key are named, and all duplicates") {
  const Parsed parsed("{ \"a\": 1,\n  \"a\": 2,\n  \"b\": { \"c\": 1, \"c\": 2 } }");
  REQUIRE(parsed.diagnostics.all().size() == 2);
  CHECK(parsed.first_position() == "a.json:2:3");
  CHECK(parsed.diagnostics.all()[0].hint == "the first is in line 1, column 3");
  CHECK(parsed.diagnostics.all()[1].position.to_string() == "a.json:3:18");
}

TEST_CASE("objects merge, everything else replaces, positions follow the value") {
  Parsed base(R"({"o": {"kept": 1, "changed": 1}, "list": [1, 2], "scalar": 1, "object": {"x": 1}})",
              "1.json");
  Parsed later(R"({"o": {"changed": 2, "new": 2}, "list": [3], "scalar": {"y": 2}, "object": 2})",
               "2.json");
  Node merged = std::move(*base.node);
  merge(merged, std::move(*later.node));
  CHECK(at(merged, {"o", "kept"}).position.file == "1.json");
  CHECK(*at(merged, {"o", "changed"}).as<std::int64_t>() == 2);
  CHECK(at(merged, {"o", "changed"}).position.to_string() == "2.json:1:19");
  CHECK(at(merged, {"o", "new"}).position.file == "2.json");
  CHECK(at(merged, {"list"}).as<Array>()->size() == 1);
  CHECK(at(merged, {"scalar", "y"}).position.file == "2.json");
  CHECK(*at(merged, {"object"}).as<std::int64_t>() == 2);
  CHECK(merged.as<Object>()->size() == 4);
}

TEST_CASE("what is written as JSON is read back the same") {
  const Parsed parsed(everything);
  const Parsed again(to_json(*parsed.node));
  REQUIRE(again.node);
  CHECK(parsed.node->same_value(*again.node));
  const Parsed commented(to_json(*parsed.node, Comments::origin));
  REQUIRE(commented.node);
  CHECK(parsed.node->same_value(*commented.node));
}

TEST_CASE("numbers end where JSON ends them") {
  for (const std::string_view number : {"0", "-0", "12", "-1.5", "2e9", "2E+9", "1.25e-3"}) {
    CAPTURE(number);
    std::string text(number);
    text += "MB";
    Cursor over(text, "");
    over.skip_token();
    CHECK(over.rest() == "MB");
  }
  Cursor octal("010", "");
  octal.skip_token();
  CHECK(octal.rest() == "10");
}
