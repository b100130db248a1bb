#include "base/json_view.h"

#include <doctest/doctest.h>

#include <random>

#include "base/text.h"

using namespace sallyport;

namespace {

std::string text_of(std::string_view json) {
  const auto view = JsonView::parse(json);
  REQUIRE(view);
  return view->root().text();
}

}  // namespace

TEST_CASE("values are found by key, and what is not there reads as empty") {
  const auto view = JsonView::parse(R"( {"a": {"b": [1, "two", true, null, -7e1]}, "c": 12, "d": false} )");
  REQUIRE(view);
  const auto items = (*view)["a"]["b"].items();
  REQUIRE(items.size() == 5);
  CHECK(items[0].number() == 1);
  CHECK(items[1].text() == "two");
  CHECK(items[2].flag());
  CHECK_FALSE(items[3].number());
  CHECK_FALSE(items[4].number());  // no whole number
  CHECK(items[4].raw() == "-7e1");
  CHECK((*view)["c"].number() == 12);
  CHECK_FALSE((*view)["d"].flag());
  CHECK_FALSE((*view)["e"]["f"]);
  CHECK((*view)["e"]["f"].text().empty());
  CHECK((*view)["c"].items().empty());
  CHECK(view->root().items().at(1).key() == "c");
  CHECK((*view)["a"].raw() == R"({"b": [1, "two", true, null, -7e1]})");
}

TEST_CASE("escapes become what they stand for") {
  CHECK(text_of(R"("a\"\\\/\b\f\n\r\t")") == "a\"\\/\b\f\n\r\t");
  CHECK(text_of(R"("\u0041\u00e9\u20ac\ud83d\ude00")") == "A\u00e9\u20ac\U0001f600");
  CHECK(text_of(R"("\ud83d \ude00 \ud83d\u0041")") == "\ufffd \ufffd \ufffdA");
}

TEST_CASE("what is no JSON gives no tree") {
  for (const char* text :
       {"",      " ",   "{",       "}",           "[1,]",    "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
        "{a:1}", "\"",  "\"\\x\"", "\"\\u12g4\"", "\"\\u12", "\"\n\"",  "tru",      "nulll",
        "1 2",   "01x", "-",       "1.",          "1e",      "+1",      "[1 2]",    "\"a\" b"})
    CHECK_MESSAGE(!JsonView::parse(text), text);
  CHECK_FALSE(JsonView::parse("01"));
  CHECK(JsonView::parse(std::string(32, '[') + std::string(32, ']')));
  CHECK_FALSE(JsonView::parse(std::string(34, '[') + std::string(34, ']')));
  CHECK_FALSE(JsonView::parse(std::string(1'000'000, '[')));
}

TEST_CASE("every text that is escaped is read back, and garbage harms nobody") {
  std::minstd_rand random(1);
  const std::string alphabet = "{}[]\":,\\u0d8e1-. ntrf\n";
  for (int round = 0; round < 20'000; ++round) {
    std::string noise;
    for (auto left = random() % 24; left > 0; --left) noise += alphabet[random() % alphabet.size()];
    std::string line = "{\"k\":\"";
    append_json_escaped(line, noise);
    line += "\"}";
    const auto view = JsonView::parse(line);
    REQUIRE(view);
    CHECK((*view)["k"].text() == noise);
    if (const auto wild = JsonView::parse(noise))
      for (const JsonValue& item : wild->root().items()) (void)item.text();
  }
}
