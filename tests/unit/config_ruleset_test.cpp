// Rulesets as they are read: on a small section of the tests' own.
#include <doctest/doctest.h>

#include "base/config/document.h"
#include "base/config/table.h"

using namespace sallyport;
using namespace sallyport::config;

namespace {

struct Shelf {
  int books = 10;
  std::string label;
};

struct Room {
  int chairs = 4;
  Located<std::string> key;
  Shelf shelf;
  std::vector<Named<Shelf>> shelves;
  std::vector<Shelf> pile;
  int doors = 1;
  int walls = 4;
};

struct House {
  Room room;
  int number = 1;
};
struct Street : House {
  std::string name;
};

const Table<Shelf>& shelf_table() {
  static const auto table =
      Table<Shelf>("A shelf.")
          .ruled()
          .field("books", &Shelf::books, integer<int>(0, 100), Stage::rcpt, "how many")
          .field("label", &Shelf::label, text(20), Stage::rcpt, "what stands on it");
  return table;
}

const Table<Street>& street_table() {
  static const auto room =
      Table<Room>("A room.")
          .ruled()
          .field("chairs", &Room::chairs, integer<int>(0, 10), Stage::connect, "to sit")
          .field("key", &Room::key, located(text(10)), Stage::mail, "opens it")
          .field("shelf", &Room::shelf, section(shelf_table()), Stage::rcpt, "for books")
          .field("shelves", &Room::shelves, map_of(section(shelf_table())), Stage::rcpt, "more of them")
          .field("pile", &Room::pile, list_of(section(shelf_table())), Stage::rcpt, "without names")
          .field("doors", &Room::doors, integer<int>(1, 9), Stage::start, "to go through")
          .field("walls", &Room::walls, integer<int>(3, 9), Stage::rcpt, "to lean on")
          .fixed();
  static const auto house =
      Table<House>("A house.")
          .ruled()
          .field("room", &House::room, section(room), Stage::rcpt, "the room")
          .field("number", &House::number, integer<int>(1, 99), Stage::rcpt, "in its street");
  static const auto street = Table<Street>("A street.")
                                 .field("name", &Street::name, text(20), Stage::start, "its name")
                                 .include(house);
  return street;
}

struct Read {
  explicit Read(const std::string& text) {
    auto node = parse(text, "a.json", diagnostics);
    REQUIRE(node);
    Reader reader(diagnostics, &reading);
    good = street_table().read(*node, street, reader);
    diagnostics.sort();
  }
  std::string told() const { return diagnostics.to_string(); }
  // The house when that rule of the ruleset holds.
  House with(std::size_t ruleset, std::size_t rule) const {
    House house = static_cast<const House&>(street);  // the rules are of that part alone
    reading.rulesets.at(ruleset).rules.at(rule).value.change(&house);
    return house;
  }

  Diagnostics diagnostics;
  RulesetReading reading{.conditions = {"to", "ip"}, .modifiers = {"mode"}};
  Street street;
  bool good = false;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the last rule's value is read, the others become changes") {
  const Read read(R"({"room": {"chairs": {"rules": [
      {"to": "a.test", "use": 2},
      {"ip": ["10.0.0.1"], "to": null, "mode": "observe", "use": 7}, {"use": 3}]}, "walls": 5}})");
  REQUIRE_MESSAGE(read.good, read.told());
  CHECK(read.street.room.chairs == 3);
  REQUIRE(read.reading.rulesets.size() == 1);
  const Ruleset& ruleset = read.reading.rulesets.front();
  CHECK(ruleset.path == "room.chairs");
  CHECK(ruleset.steps == std::vector<std::string>{"room", "chairs"});
  CHECK(ruleset.stage == Stage::connect);
  REQUIRE(ruleset.rules.size() == 3);
  CHECK(ruleset.rules[0].position.to_string() == "a.json:2:7");
  CHECK(ruleset.rules[0].conditions.at(0).key == "to");
  CHECK(ruleset.rules[1].conditions.size() == 1);  // null stands for "not written"
  CHECK(ruleset.rules[1].modifiers.at(0).key == "mode");
  CHECK(ruleset.rules[2].conditions.empty());
  CHECK(ruleset.rules[0].value.strictness == std::partial_ordering::greater);
  CHECK(ruleset.rules[1].value.strictness == std::partial_ordering::less);
  const House changed = read.with(0, 0);
  CHECK(changed.room.chairs == 2);
  CHECK(changed.room.walls == 5);
}

TEST_CASE("changes find their places in sections, maps and located values") {
  const Read read(R"({"room": {
      "key": {"rules": [{"to": "x", "use": "gold"}, {"use": "iron"}]},
      "shelf": {"label": {"rules": [{"to": "x", "use": "poems"}, {"use": "novels"}]}},
      "shelves": {"upper": {"books": 1},
                  "lower": {"books": {"rules": [{"to": "x", "use": 50}, {"use": 40}]}}}}})");
  REQUIRE_MESSAGE(read.good, read.told());
  REQUIRE(read.reading.rulesets.size() == 3);
  CHECK(read.with(0, 0).room.key.value == "gold");
  CHECK(read.with(0, 0).room.key.position.line == 2);
  CHECK(read.reading.rulesets[0].rules[0].value.strictness == std::partial_ordering::unordered);
  CHECK(read.with(1, 0).room.shelf.label == "poems");
  CHECK(read.street.room.shelf.label == "novels");
  const House house = read.with(2, 0);
  CHECK(house.room.shelves.at(0).value.books == 1);
  CHECK(house.room.shelves.at(1).value.books == 50);
  CHECK(read.reading.rulesets[2].path == "room.shelves.lower.books");
}

TEST_CASE("a field at the root of the changes is a ruleset like any other") {
  const Read read(R"({"number": {"rules": [{"to": "x", "use": 7}, {"use": 5}]}, "name": "Elm"})");
  REQUIRE_MESSAGE(read.good, read.told());
  CHECK(read.street.number == 5);
  CHECK(read.with(0, 0).number == 7);
}

TEST_CASE("what is wrong with a ruleset is told where it stands") {
  struct Case {
    const char* written;
    const char* told;
  };
  for (const Case& one : {
           Case{R"({"rules": 5})", "a.json:1:31: error: room.chairs: expected a list of rules, found 5"},
           Case{R"({"rules": []})", "room.chairs: there is no rule in this list"},
           Case{R"({"rules": [{"use": 1}], "use": 2})",
                "a.json:1:45: error: unknown key \"use\" in room.chairs"},
           Case{R"({"rules": [7, {"use": 1}]})", R"(expected a rule: {"to": ..., "use": ...}, found 7)"},
           Case{R"({"rules": [{"to": "x"}, {"use": 1}]})",
                "a.json:1:32: error: room.chairs: \"use\" is missing"},
           Case{R"({"rules": [{"too": "x", "use": 1}, {"use": 1}]})", "did you mean \"to\"?"},
           Case{R"({"rules": [{"to": "x", "use": 1}]})", "the last rule has conditions"},
           Case{R"({"rules": [{"use": 1}, {"to": "x", "use": 1}, {"use": 2}]})",
                "a.json:1:44: error: room.chairs: this rule is never reached"},
           Case{R"({"rules": [{"to": "x", "use": 1}, {"mode": "off", "use": 1}]})",
                "\"mode\" in the last rule"},
           Case{R"({"rules": [{"mode": "off", "use": 1}, {"use": 1}]})",
                "a.json:1:33: error: room.chairs: \"mode\" in a rule without a condition"},
           Case{R"({"rules": [{"zzz": "x", "use": 1}, {"use": 1}]})", "known are to, "},
           Case{R"({"rules": [{"to": "x", "use": 11}, {"use": 12}]})",
                "a.json:1:51: error: room.chairs: expected an integer from 0 to 10, found 11"},
           Case{R"({"rules": [{"to": "x", "use": 11}, {"use": 12}]})",
                "room.chairs: expected an integer from 0 to 10, found 12"},
           Case{R"({"rules": [{"to": "x", "use": {"rules": [{"use": 1}]}}, {"use": 1}]})",
                "room.chairs: this takes no ruleset, but an integer from 0 to 10"},
       }) {
    CAPTURE(one.written);
    const Read read(R"({"room": {"chairs": )" + std::string(one.written) + "}}");
    CHECK_FALSE(read.good);
    CHECK_MESSAGE(has(read.told(), one.told), read.told());
    for (const Ruleset& ruleset : read.reading.rulesets) CHECK_FALSE(ruleset.good);
  }
}

TEST_CASE("all that is wrong with a ruleset is told at once") {
  const Read read(R"({"room": {"chairs": {"rules": [
    {"to": "x", "use": 77},
    {"to": "x"},
    {"too": "x", "use": 88},
    "rule",
    {"mode": "off", "use": 1},
    {"to": "y", "use": 99}]}}})");
  CHECK_FALSE(read.good);
  for (const char* told : {"found 77", "\"use\" is missing", "unknown key \"too\"", "expected a rule",
                           "\"mode\" in a rule without a condition", "found 99"})
    CHECK_MESSAGE(has(read.told(), told), read.told());
  const Read unordered(
      R"({"room": {"chairs": {"rules": [{"to": "x", "use": 77}, {"to": "y", "use": 1}]}}})");
  for (const char* told : {"found 77", "the last rule has conditions"})
    CHECK_MESSAGE(has(unordered.told(), told), unordered.told());
  // Conditions are looked at by others, good or not.
  REQUIRE(unordered.reading.rulesets.size() == 1);
  CHECK_FALSE(unordered.reading.rulesets.front().good);
  CHECK(unordered.reading.rulesets.front().rules.size() == 2);
}

TEST_CASE("what is read at the start, fixed, a section or in a list is no ruleset") {
  for (const char* field : {"doors", "walls", "shelf", "shelves"}) {
    CAPTURE(field);
    const Read read(R"({"room": {")" + std::string(field) + R"(": {"rules": [{"use": 3}]}}})");
    CHECK_FALSE(read.good);
    CHECK(read.reading.rulesets.empty());
  }
  const Read read(R"({"room": {"pile": [{"books": {"rules": [{"use": 3}]}}]}})");
  CHECK(has(read.told(), "no ruleset can stand here"));
}

TEST_CASE("a ruleset of a later file replaces, and is replaced as a whole") {
  Diagnostics diagnostics;
  const auto merged = [&](const char* first, const char* second) {
    auto base = parse(first, "1.json", diagnostics);
    merge(*base, *parse(second, "2.json", diagnostics));
    return to_json(*base);
  };
  CHECK_FALSE(has(merged(R"({"a": {"score": 2}})", R"({"a": {"rules": [{"use": 1}]}})"), "score"));
  CHECK_FALSE(has(merged(R"({"a": {"rules": [{"use": 1}]}})", R"({"a": {"score": 2}})"), "rules"));
  CHECK(
      has(merged(R"({"routes": {"rules": {"a": 1}}})", R"({"routes": {"rules": {"b": 2}}})"), "\"a\": 1"));
}

TEST_CASE("schema and reference say which fields may be rulesets") {
  const std::string schema = to_json(table_schema(street_table().info()));
  CHECK(has(schema, R"("$ref": "#/definitions/ruleset")"));
  const std::string reference = table_reference(street_table().info(), "");
  CHECK(has(reference, "| connect, rules | to sit"));
  CHECK(has(reference, "| rcpt | to lean on"));
  CHECK(has(reference, "| start | to go through"));
}
