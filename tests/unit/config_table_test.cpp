// Field tables, on a small section of the tests' own.
#include <doctest/doctest.h>

#include "base/config/document.h"
#include "base/config/table.h"

using namespace sallyport;
using namespace sallyport::config;
using namespace std::chrono_literals;

namespace {

enum class Colour { red, green };

struct Wheel {
  int spokes = 36;
};

struct Base {
  bool bell = false;
};

struct Bicycle : Base {
  Located<std::string> owner;
  Colour colour = Colour::green;
  std::uint64_t basket = 50'000'000;
  Duration lock_time = 5s;
  std::vector<Located<Network>> ways;
  std::vector<Named<Wheel>> wheels;
  Wheel spare;
  std::optional<std::uint64_t> trailer;
  std::string secret_code;
  std::string manual;
};

const Table<Wheel>& wheel_table() {
  static const auto table =
      Table<Wheel>("A wheel.")
          .required("spokes", &Wheel::spokes, integer<int>(1, 48), Stage::start, "how many");
  return table;
}
const Table<Wheel>& spare_table() {
  static const auto table =
      Table<Wheel>("A spare wheel.")
          .field("spokes", &Wheel::spokes, integer<int>(1, 48), Stage::start, "how many");
  return table;
}
const Table<Bicycle>& group_table() {
  static const auto table =
      Table<Bicycle>("Extras.").field("bell", &Bicycle::bell, boolean(), Stage::helo, "a bell");
  return table;
}
const Table<Bicycle>& bicycle_table() {
  static const auto table =
      Table<Bicycle>("A bicycle.")
          .field("owner", &Bicycle::owner, located(text(10)), Stage::mail, "whose it is")
          .field("colour", &Bicycle::colour,
                 choice<Colour>({{"red", Colour::red}, {"green", Colour::green}}), Stage::rcpt,
                 "its colour")
          .field("basket", &Bicycle::basket, size(1'000, 100'000'000), Stage::data, "what it holds")
          .field("lock_time", &Bicycle::lock_time, duration<Duration>(1s, 1min), Stage::start, "to lock it")
          .field("ways", &Bicycle::ways, list_of(located(network())), Stage::start, "where it goes")
          .field("wheels", &Bicycle::wheels, map_of(section(wheel_table())), Stage::start, "its wheels")
          .field("spare", &Bicycle::spare, section(spare_table()), Stage::start, "a spare one")
          .field("trailer", &Bicycle::trailer, optional(size(1, 1'000)), Stage::start,
                 "what the trailer holds")
          .field("code", &Bicycle::secret_code, secret(), Stage::start, "of its lock")
          .field("manual", &Bicycle::manual, file_name(), Stage::start, "how to ride it")
          .group("extras", group_table(), Stage::start, "extras");
  return table;
}

struct Read {
  Diagnostics diagnostics;
  Bicycle bicycle;
  bool good = false;

  explicit Read(std::string text) {
    const auto node = parse(std::move(text), "conf.d/a.json", diagnostics);
    REQUIRE(node);
    Reader reader(diagnostics);
    good = bicycle_table().read(*node, bicycle, reader);
  }
  std::vector<std::string> messages() const {
    std::vector<std::string> out;
    for (const auto& one : diagnostics.all()) out.push_back(one.message);
    return out;
  }
};

using Messages = std::vector<std::string>;

}  // namespace

TEST_CASE("a table reads into its struct") {
  const Read read(
      R"({ "owner": "anna", "colour": "red", "basket": "2KiB", "lock_time": "1m", "ways": ["10.0.0.0/8"],
    "wheels": { "front": { "spokes": 32 }, "back": { "spokes": 40 } }, "spare": { "spokes": 20 }, "trailer": 7,
    "manual": "books/ride", "extras": { "bell": true } })");
  REQUIRE(read.good);
  const auto& bicycle = read.bicycle;
  CHECK(bicycle.owner.value == "anna");
  CHECK(bicycle.owner.position.to_string() == "conf.d/a.json:1:12");
  CHECK(bicycle.colour == Colour::red);
  CHECK(bicycle.basket == 2048);
  CHECK(bicycle.lock_time == Duration(1min));
  CHECK(bicycle.ways.at(0).value.to_string() == "10.0.0.0/8");
  REQUIRE(bicycle.wheels.size() == 2);
  CHECK(bicycle.wheels[1].name == "back");
  CHECK(bicycle.wheels[1].value.spokes == 40);
  CHECK(bicycle.spare.spokes == 20);
  CHECK(bicycle.trailer == 7);
  CHECK(bicycle.manual == "conf.d/books/ride");  // beside the file that names it
  CHECK(bicycle.bell);
}

TEST_CASE("what is not written, or null, stays at its default") {
  const Read read(R"({ "colour": null, "wheels": { "front": null }, "spare": null, "basket": null })");
  CHECK(read.good);
  CHECK(read.bicycle.colour == Colour::green);
  CHECK(read.bicycle.wheels.empty());
  CHECK(read.bicycle.basket == 50'000'000);
  CHECK_FALSE(read.bicycle.owner.written());
  CHECK_FALSE(read.bicycle.trailer);
}

TEST_CASE("all faults are told at once, each with its path") {
  const Read read(R"({ "owner": "a name too long", "color": "red", "basket": "5", "lock_time": 5,
    "ways": ["10.0.0.1/8", "10.0.0.2"], "wheels": { "big front": {}, "back": { "spokes": 99 } }, "extras": { "bel": 1 } })");
  CHECK_FALSE(read.good);
  CHECK(read.messages() == Messages{"owner: this text is longer than 10 octets", "unknown key \"color\"",
                                    "basket: expected a size from 1KB to 100MB, found \"5\"",
                                    "lock_time: expected a duration from 1s to 1m, found 5",
                                    "ways: expected a network such as \"10.0.0.0/24\" or "
                                    "\"2001:db8::/48\", or an address, found \"10.0.0.1/8\"",
                                    "wheels.\"big front\": \"spokes\" is missing",
                                    "wheels.back.spokes: expected an integer from 1 to 48, found 99",
                                    "unknown key \"bel\" in extras"});
  CHECK(read.diagnostics.all()[1].hint == "did you mean \"colour\"?");
  CHECK(read.diagnostics.all()[4].hint == "bits behind the prefix are set: did you mean \"10.0.0.0/8\"?");
}

TEST_CASE("a value that could not be read keeps its place") {
  const Read read(R"({ "owner": 5, "wheels": { "front": { "spokes": "x" } }, "ways": ["x", "10.0.0.2"] })");
  CHECK_FALSE(read.good);
  CHECK(read.bicycle.owner.written());
  CHECK(read.bicycle.wheels.size() == 1);
  CHECK(read.bicycle.ways.size() == 1);
}

TEST_CASE("numbers are not cut to fit") {
  for (const auto* number :
       {"-1", "0", "49", "2147483648", "4294967297", "9223372036854775808", "1e3", "1.0"}) {
    CAPTURE(number);
    CHECK_FALSE(Read(std::string(R"({ "spare": { "spokes": )") + number + " } }").good);
  }
}

TEST_CASE("show prints every value, or only what differs") {
  const Read read(
      R"({ "colour": "green", "basket": 2048, "wheels": { "front": { "spokes": 36 } }, "code": "1234" })");
  REQUIRE(read.good);
  const auto changed = bicycle_table().show(read.bicycle, Show::changed);
  CHECK(to_json(changed) ==
        "{\n  \"basket\": \"2KiB\",\n  \"wheels\": {\n    \"front\": {}\n  },\n  \"code\": "
        "\"(hidden)\"\n}\n");
  const auto all = bicycle_table().show(read.bicycle, Show::all);
  CHECK(all.as<Object>()->size() == bicycle_table().info().fields.size());
  CHECK(to_json(all).find("1234") == std::string::npos);
}

TEST_CASE("defaults read back as themselves") {
  auto shown = bicycle_table().show(Bicycle{}, Show::all);
  Diagnostics diagnostics;
  Reader reader(diagnostics);
  Bicycle again;
  again.colour = Colour::red;
  CHECK(bicycle_table().read(shown, again, reader));
  CHECK(again.colour == Colour::green);
  CHECK(diagnostics.all().empty());
}

TEST_CASE("schema and reference speak of every field") {
  const auto schema = table_schema(bicycle_table().info());
  const auto reference = table_reference(bicycle_table().info(), "");
  for (const auto& field : bicycle_table().info().fields) {
    CHECK(schema.find("properties")->find(field.name));
    CHECK(reference.find("| `" + field.name + "` | ") != std::string::npos);
  }
  CHECK(to_json(*schema.find("properties")->find("colour")) ==
        "{\n  \"enum\": [\"red\", \"green\"],\n  \"description\": \"its colour\",\n  \"default\": "
        "\"green\"\n}\n");
  CHECK(reference.find("## `wheels.<name>`") != std::string::npos);
  CHECK(reference.find("| `spokes` | an integer from 1 to 48 | required | start | how many |") !=
        std::string::npos);
}
