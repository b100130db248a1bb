#include "proxy/settings_check_types.h"

#include <array>
#include <map>
#include <ranges>
#include <span>

#include "base/text.h"
#include "dns/resolv_conf.h"
#include "proxy/verdict_words.h"

namespace sallyport::proxy {
namespace {

using config::Node;
using policy::Outcome;

constexpr int kMaxScore = 100;

// -- outcomes ------------------------------------------------------------------------------------------

struct OutcomeWord {
  const char* word;
  Outcome outcome;
};
constexpr std::size_t kOutcomeWords = 3;

const std::array<OutcomeWord, kOutcomeWords>& outcome_words() {
  static const std::array<OutcomeWord, kOutcomeWords> words{
      OutcomeWord{"ignore", Outcome::ignored()}, OutcomeWord{verdict::kDefer, Outcome::deferred()},
      OutcomeWord{verdict::kReject, Outcome::rejected()}};
  return words;
}

std::vector<std::string> names_of(std::size_t words) {
  std::vector<std::string> names;
  for (const OutcomeWord& word : std::span(outcome_words()).first(words)) names.emplace_back(word.word);
  return names;
}

constexpr const char* kWholePoints =
    "points are whole numbers: where others count 2.5 of 5.0, write 5 of 10, thresholds and all";

bool read_score(const Node& node, int& out, config::Reader& reader) {
  static const auto type = points(-kMaxScore, kMaxScore);
  return type.read(node, out, reader);
}

// {"score": N}
bool read_score(const Node& node, Outcome& out, config::Reader& reader, const std::string& words) {
  const auto& members = *node.as<config::Object>();
  if (members.size() != 1 || members.front().key != "score")
    return reader.expected(node, words, R"(points are written {"score": 2})");
  const config::Reader::Step step(reader, "score");
  int score = 0;
  if (!read_score(members.front().value, score, reader)) return false;
  out = Outcome::points(score);
  return true;
}

Node show_outcome(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::score)
    return Node::object().add("score", Node::integer(outcome.score));
  for (const OutcomeWord& word : outcome_words())
    if (word.outcome == outcome) return Node::text(word.word);
  return {};
}

// How hard it is on the client: points, then a delay, then a refusal.
std::pair<Outcome::Kind, int> weight_of(const Outcome& outcome) {
  using enum Outcome::Kind;
  return {outcome.kind == ignore ? score : outcome.kind, outcome.score};
}

Node outcome_schema(const std::vector<std::string>& names) {
  Node score = Node::object().add("type", Node::text("object"));
  score.add("properties", Node::object().add("score", config::integer_schema(-kMaxScore, kMaxScore)));
  score.add("required", Node::list({Node::text("score")}));
  score.add("additionalProperties", Node::boolean(false));
  return Node::object().add("anyOf", Node::list({config::choice_schema(names), std::move(score)}));
}

// One that knows the first `count` of the words.
config::Type<Outcome> outcome_of(std::size_t count, const char* hint) {
  const auto names = names_of(count);
  config::Type<Outcome> type;
  type.words = config::one_of(names) + R"(, or {"score": N})";
  type.read = [names, count, hint, words = type.words](const Node& node, Outcome& out,
                                                       config::Reader& reader) {
    if (node.as<config::Object>()) return read_score(node, out, reader, words);
    if (node.as<std::int64_t>()) return reader.expected(node, words, R"(points are written {"score": 2})");
    const auto* word = node.as<std::string>();
    if (!word) return reader.expected(node, words);
    for (const OutcomeWord& known : std::span(outcome_words()).first(count))
      if (*word == known.word) {
        out = known.outcome;
        return true;
      }
    return reader.expected(node, words,
                           *word == verdict::kReject && *hint ? hint : config::did_you_mean(*word, names));
  };
  type.show = [](const Outcome& outcome, config::Show) { return show_outcome(outcome); };
  type.schema = outcome_schema(names);
  type.strictness = [](const Outcome& one, const Outcome& other) {
    return weight_of(one) <=> weight_of(other);
  };
  return type;
}

// -- lists ---------------------------------------------------------------------------------------------

constexpr const char* kCodesWords = R"(codes and what they count, such as {"127.0.0.2-127.0.0.11": 5})";

using Codes = std::vector<config::Named<policy::CodeRange>>;

bool read_codes(const Node& node, Codes& out, config::Reader& reader) {
  const auto* members = node.as<config::Object>();
  if (!members) return reader.expected(node, kCodesWords);
  out.clear();
  bool good = true;
  for (const auto& [key, position, value] : *members) {
    if (value.is_null()) continue;  // taken back by a later file
    const config::Reader::Step step(reader, key);
    auto range = policy::CodeRange::parse(key);
    if (!range)
      good = reader.error(
          position, fmt::format("\"{}\" is no code of a list", printable(key, 80)),
          R"("127.0.0.2", "127.0.0.2-127.0.0.11" or "127.0.*.2-3", octet by octet; 127.255.255.x and )"
          "what is outside 127/8 never mean a listing");
    int weight = 0;
    const bool weighed = read_score(value, weight, reader);
    if (!weighed) good = false;
    if (!range || !weighed) continue;
    range->weight = weight;
    out.push_back({key, position, *range});
  }
  return good;
}

// By what each code counts in one and in the other; one that is not written counts nothing.
std::partial_ordering compare_codes(const Codes& one, const Codes& other) {
  std::map<std::string, std::pair<int, int>> weights;
  for (const auto& range : one) weights[range.name].first = range.value.weight;
  for (const auto& range : other) weights[range.name].second = range.value.weight;
  const auto has = [&](auto differs) { return std::ranges::any_of(std::views::values(weights), differs); };
  const bool more = has([](const auto& weight) { return weight.first > weight.second; });
  const bool less = has([](const auto& weight) { return weight.first < weight.second; });
  if (more && less) return std::partial_ordering::unordered;
  if (more) return std::partial_ordering::greater;
  return less ? std::partial_ordering::less : std::partial_ordering::equivalent;
}

Node show_codes(const Codes& codes, config::Show) {
  Node object = Node::object();
  for (const auto& range : codes) object.add(range.name, Node::integer(range.value.weight));
  return object;
}

// -- families ------------------------------------------------------------------------------------------

constexpr const char* kFamilyWords = R"(true, false or {"listed": entry, "clear": entry})";

using ParseSubject = std::optional<dns::Subject> (*)(std::string_view);

std::optional<dns::Subject> address_subject(std::string_view text) {
  const auto address = IpAddress::parse(text);
  return address ? std::optional<dns::Subject>(*address) : std::nullopt;
}

std::optional<dns::Subject> name_subject(std::string_view text) {
  const auto name = dns::Name::parse(text);
  return name ? std::optional<dns::Subject>(*name) : std::nullopt;
}

bool read_points(const Node& node, FamilyChoice& out, config::Reader& reader, ParseSubject parse) {
  std::array<std::optional<dns::Subject>, 2> points;  // listed, clear
  for (const auto& [key, position, value] : *node.as<config::Object>()) {
    const config::Reader::Step step(reader, key);
    if (key != "listed" && key != "clear")
      return reader.error(position, "unknown key", config::did_you_mean(key, {"listed", "clear"}));
    const auto* text = value.as<std::string>();
    const auto subject = text ? parse(*text) : std::nullopt;
    if (!subject) return reader.expected(value, "an entry that the list has, or has not");
    points.at(key == "listed" ? 0 : 1) = subject;
  }
  if (!points[0] || !points[1]) return reader.expected(node, kFamilyWords, "both are needed");
  out = {true, dns::TestPoints{*points[0], *points[1]}};
  return true;
}

std::string shown(const dns::Subject& subject) {
  if (const auto* address = std::get_if<IpAddress>(&subject)) return address->to_string();
  return std::get<dns::Name>(subject).text();
}

Node show_family(const FamilyChoice& family, config::Show) {
  if (!family.points) return Node::boolean(family.has);
  return Node::object()
      .add("listed", Node::text(shown(family.points->listed)))
      .add("clear", Node::text(shown(family.points->clear)));
}

Node family_schema() {
  Node points = Node::object().add("type", Node::text("object"));
  points.add("properties",
             Node::object().add("listed", config::text_schema()).add("clear", config::text_schema()));
  points.add("required", Node::list({Node::text("listed"), Node::text("clear")}));
  points.add("additionalProperties", Node::boolean(false));
  Node flag = Node::object().add("type", Node::text("boolean"));
  return Node::object().add("anyOf", Node::list({std::move(flag), std::move(points)}));
}

config::Type<FamilyChoice> family(ParseSubject parse) {
  config::Type<FamilyChoice> type;
  type.words = kFamilyWords;
  type.read = [parse](const Node& node, FamilyChoice& out, config::Reader& reader) {
    if (node.as<config::Object>()) return read_points(node, out, reader, parse);
    const auto* has = node.as<bool>();
    if (!has) return reader.expected(node, kFamilyWords);
    out = {*has, std::nullopt};
    return true;
  };
  type.show = show_family;
  type.schema = family_schema();
  return type;
}

}  // namespace

config::Type<Mode> mode() {
  auto type =
      config::choice<Mode>({{"enforce", Mode::enforce}, {"observe", Mode::observe}, {"off", Mode::off}});
  type.strictness = config::less_is_stricter<Mode>;
  return type;
}

config::Type<Mode> mode_of_either() {
  auto type = mode();
  type.strictness = {};
  return type;
}

config::Type<Outcome> outcome() { return outcome_of(kOutcomeWords, ""); }

config::Type<Outcome> passing_outcome() {
  return outcome_of(kOutcomeWords - 1, "a failure that passes is no reason to refuse for good: \"defer\"");
}

config::Type<int> points(int low, int high) {
  auto type = config::integer<int>(low, high);
  type.read = [read = type.read, words = type.words](const Node& node, int& out, config::Reader& reader) {
    return node.as<double>() ? reader.expected(node, words, kWholePoints) : read(node, out, reader);
  };
  return type;
}

config::Type<Codes> list_codes() {
  config::Type<Codes> type;
  type.words = kCodesWords;
  type.read = read_codes;
  type.show = show_codes;
  type.strictness = compare_codes;
  type.schema = config::map_schema(config::integer_schema(-kMaxScore, kMaxScore));
  return type;
}

bool is_secret_list(const config::Node& list) {
  const auto* secret = list.find("secret");
  const auto* value = secret ? secret->as<bool>() : nullptr;
  return secret && !secret->is_null() && (!value || *value);
}

config::Type<mail::Listed> listed() {
  std::vector<std::pair<std::string, mail::Listed>> values;
  for (const auto of :
       {mail::Listed::client, mail::Listed::reverse_name, mail::Listed::helo, mail::Listed::sender_domain})
    values.emplace_back(to_string(of), of);
  return config::choice<mail::Listed>(std::move(values));
}

config::Type<FamilyChoice> family_of_addresses() { return family(address_subject); }
config::Type<FamilyChoice> family_of_domains() { return family(name_subject); }

config::Type<Endpoint> dns_server() {
  return config::parsed<Endpoint>(
      R"(a DNS server such as "127.0.0.1", "192.0.2.53:5300" or "[2001:db8::53]:53")",
      [](std::string_view text) -> Result<Endpoint> {
        const auto server = dns::parse_server(text);
        if (!server) return fail(Errc::invalid, "an address, with a port where it is not 53");
        return *server;
      },
      [](const Endpoint& server) { return server.to_string(); });
}

}  // namespace sallyport::proxy
