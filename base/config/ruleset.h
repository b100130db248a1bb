// A value that depends on who sends what to whom:
//
//   {"rules": [{"to": "example.org", "use": V}, {"ip": "10.0.0.0/8", "use": W}, {"use": X}]}
//
// The first rule of which all conditions hold decides; the last has none. Any field of a table that is
// `ruled()` may be written so. What is read into the section is the last rule's value; each other rule
// becomes a Change of the root, so that no type of a value knows of rules. What conditions there are, and
// what they mean, is not known here: they are handed on as they are written.
//
// Plain values, one thread.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <typeinfo>
#include <vector>

#include "base/config/node.h"
#include "base/config/stage.h"

namespace sallyport::config {

class Reader;

// Puts a rule's value into its place. The root is that of Table::include; its shape (the entries of its
// maps) must be what it was when the rules were read.
using Change = std::function<void(void* root)>;

struct Alternative {
  Change change;
  std::partial_ordering strictness = std::partial_ordering::unordered;  // beside the last rule's value
};

struct Rule {
  Position position;
  std::vector<Member> conditions;  // none: the last one
  std::vector<Member> modifiers;
  Alternative value;  // of the last one: empty
};

struct Ruleset {
  std::string path;                // "checks.rdns.missing"
  std::vector<std::string> steps;  // that path, name by name
  Stage stage = Stage::rcpt;
  Node written;
  std::vector<Rule> rules;
  bool good = true;  // false: an error was told, and the rules are there for what else is wrong with them
};

// What a rule may hold beside "use", and the rulesets found.
struct RulesetReading {
  std::vector<std::string> conditions;
  std::vector<std::string> modifiers;
  std::vector<Ruleset> rulesets{};
};

// How a part is found from the root of the changes. Empty where there is no root, or no way.
class Way {
 public:
  Way() = default;
  template <class Root>
  static Way root() {
    return Way([](void* root) { return root; }, typeid(Root));
  }

  template <class Part>
  bool leads_to() const {
    return type_ && *type_ == typeid(Part);
  }
  void* find(void* root) const { return find_(root); }

  // From a From, to which this way must lead, to what `access` finds in it.
  template <class From, class Access>
  Way then(Access access) const {
    using To = std::remove_reference_t<decltype(access(std::declval<From&>()))>;
    if (!leads_to<From>()) return {};
    return Way(
        [find = find_, access](void* root) -> void* { return &access(*static_cast<From*>(find(root))); },
        typeid(To));
  }

 private:
  Way(std::function<void*(void*)> find, const std::type_info& type)
      : find_(std::move(find)), type_(&type) {}

  std::function<void*(void*)> find_;
  const std::type_info* type_ = nullptr;
};

// An object with "rules": for a field that may be one, what it is meant to be.
bool is_ruleset(const Node& node);

struct RulesetField {
  Stage stage;
  std::function<bool(const Node& use)> read_last;
  std::function<bool(const Node& use, Alternative& out)> read_other;  // after the last
};
// Adds what `node` holds to the reader's rulesets; false if anything is wrong with it.
bool read_ruleset(const Node& node, const RulesetField& field, Reader& reader);

}  // namespace sallyport::config
