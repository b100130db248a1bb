// A section of the configuration, declared once: each field's name, member, type, stage and help.
//
//   static const auto table = Table<Limits>("How much is too much.")
//       .field("recipients", &Limits::recipients, integer<std::size_t>(1, 100'000), Stage::rcpt, "...");
//
// From the one declaration come the reader (unknown keys, ranges and required fields included), `show`,
// the JSON Schema and the reference page. Defaults are those of a default-constructed S. Immutable once
// built. Fields of a table that is `ruled()` may be written as rulesets (ruleset.h).
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <vector>

#include "base/config/stage.h"
#include "base/config/type.h"

namespace sallyport::config {

struct FieldInfo {
  std::string name;
  std::string words;
  std::string help;
  Stage stage = Stage::start;
  bool required = false;
  bool rulable = false;
  Node preset;  // the default, as JSON
  Node schema;
  const TableInfo* inside = nullptr;
  std::string inside_name;
};

struct TableInfo {
  std::string help;
  std::vector<FieldInfo> fields;

  std::vector<std::string> names() const;
  std::size_t index(std::string_view name) const;  // fields.size(): no such field
};

// Where below the section at `path` that key belongs, in words; "" = nowhere.
std::string place_of(const TableInfo& info, const std::string& path, const std::string& key);

Node table_schema(const TableInfo& info);
// The reference page's part for a section and all sections within it, as Markdown.
std::string table_reference(const TableInfo& info, const std::string& path);
// Where the default is the empty text it stands for "none", and is shown as null.
Node unless_empty(Node node);
// A required field that `node` does not have: the reader is told. True if there is none.
bool check_required(const TableInfo& info, const Node& node, Reader& reader);

template <class S>
class Table {
 public:
  explicit Table(std::string help) { info_.help = std::move(help); }

  // Each field that follows may be written as a ruleset, but sections, those that are read at the start,
  // and those that are `fixed`.
  Table ruled() && {
    ruled_ = true;
    return std::move(*this);
  }
  // The field before is one value for everybody.
  Table fixed() && {
    info_.fields.back().rulable = false;
    return std::move(*this);
  }

  template <class V, class Base>
    requires std::derived_from<S, Base>
  Table field(std::string name, V Base::* member, Type<std::type_identity_t<V>> type, Stage stage,
              std::string help) && {
    const auto access = [member](auto& values) -> auto& { return values.*member; };
    return std::move(*this).field_at(std::move(name), access, std::move(type), stage, std::move(help));
  }

  // A field that is no member by name: `access` finds it in an S& and in a const S&.
  template <class Access, class V>
  Table field_at(std::string name, Access access, Type<V> type, Stage stage, std::string help) && {
    const S presets{};
    declare(std::move(name), type, stage, std::move(help),
            unless_empty(type.show(access(presets), Show::all)));
    Field field;
    field.read = [access, read = type.read](const Node& node, S& out, Reader& reader) {
      const Reader::Within within(reader, reader.way().template then<S>(access));
      return read(node, access(out), reader);
    };
    field.show = [access, show = type.show](const S& values, Show what) {
      return show(access(values), what);
    };
    field.alternative = [access, type](const Node& node, const S& values, const Way& way, Alternative& out,
                                       Reader& reader) {
      const S presets{};
      V value = access(presets);
      if (!type.read(node, value, reader)) return false;
      if (type.strictness) out.strictness = type.strictness(value, access(values));
      out.change = [access, way, value = std::move(value)](void* root) {
        access(*static_cast<S*>(way.find(root))) = value;
      };
      return true;
    };
    fields_.push_back(std::move(field));
    return std::move(*this);
  }

  // The fields of a base of S. It is the root of the changes that rulesets make in it. `inner` must live as
  // long as the program.
  template <class Base>
    requires std::derived_from<S, Base>
  Table include(const Table<Base>& inner) && {
    for (std::size_t i = 0; i < inner.fields_.size(); ++i) {
      info_.fields.push_back(inner.info_.fields[i]);
      Field field;
      field.read = [&inner, i](const Node& node, S& out, Reader& reader) {
        const Reader::Within root(reader, Way::root<Base>());
        return inner.read_field(i, node, out, reader);
      };
      field.included = true;
      field.show = [&inner, i](const S& values, Show what) { return inner.fields_[i].show(values, what); };
      fields_.push_back(std::move(field));
    }
    return std::move(*this);
  }

  // A nested object whose fields are members of S itself. `inner` must live as long as the program.
  Table group(std::string name, const Table& inner, Stage stage, std::string help) && {
    info_.fields.push_back({.name = std::move(name),
                            .words = "an object",
                            .help = std::move(help),
                            .stage = stage,
                            .preset = inner.show(S{}, Show::all),
                            .schema = table_schema(inner.info()),
                            .inside = &inner.info(),
                            .inside_name = {}});
    Field field;
    field.read = [&inner](const Node& node, S& out, Reader& reader) {
      return inner.read(node, out, reader);
    };
    field.show = [&inner](const S& values, Show what) { return inner.show(values, what); };
    fields_.push_back(std::move(field));
    return std::move(*this);
  }

  // A field without a default.
  template <class V, class Base>
    requires std::derived_from<S, Base>
  Table required(std::string name, V Base::* member, Type<std::type_identity_t<V>> type, Stage stage,
                 std::string help) && {
    Table table = std::move(*this).field(std::move(name), member, std::move(type), stage, std::move(help));
    table.info_.fields.back().required = true;
    return table;
  }

  bool read(const Node& node, S& out, Reader& reader) const {
    const auto* members = node.as<Object>();
    if (!members) {
      const bool has_mode = info_.index("mode") != info_.fields.size();
      return reader.expected(node, "an object: { ... }",
                             has_mode ? R"({"mode": "off"}, or another mode)" : "");
    }
    bool good = check_required(info_, node, reader);
    for (const auto& member : *members)
      if (!read_member(member, out, reader)) good = false;
    return good;
  }

  Node show(const S& values, Show what) const {
    Node object = Node::object();
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      Node shown = fields_[i].show(values, what);
      if (info_.fields[i].preset.is_null()) shown = unless_empty(std::move(shown));
      if (what == Show::all || !is_preset(i, shown)) object.add(info_.fields[i].name, std::move(shown));
    }
    return object;
  }

  const TableInfo& info() const { return info_; }

 private:
  struct Field {
    std::function<bool(const Node&, S&, Reader&)> read;
    std::function<Node(const S&, Show)> show;
    // Reads a value that counts where a rule holds, beside that in `values`.
    std::function<bool(const Node&, const S& values, const Way&, Alternative&, Reader&)> alternative;
    bool included = false;  // its own table reads it, rules and all
  };
  template <class>
  friend class Table;

  template <class V>
  void declare(std::string name, const Type<V>& type, Stage stage, std::string help, Node preset) {
    info_.fields.push_back({.name = std::move(name),
                            .words = type.words,
                            .help = std::move(help),
                            .stage = stage,
                            .rulable = ruled_ && stage != Stage::start && !type.inside,
                            .preset = std::move(preset),
                            .schema = type.schema,
                            .inside = type.inside,
                            .inside_name = type.inside_name});
  }

  // null stands for "as if it were not written", so that a later file can take back what an earlier said.
  bool read_member(const Member& member, S& out, Reader& reader) const {
    const auto index = info_.index(member.key);
    if (index == fields_.size()) {
      reader.unknown_key(member, info_.names(), place_of(info_, reader.path(), member.key));
      return false;
    }
    if (member.value.is_null()) return true;
    const Reader::Step step(reader, member.key);
    return read_field(index, member.value, out, reader);
  }

  bool read_field(std::size_t index, const Node& node, S& out, Reader& reader) const {
    const bool may_be_ruleset = info_.fields[index].rulable && !fields_[index].included;
    if (may_be_ruleset && reader.rulesets() && is_ruleset(node))
      return read_rules(index, node, out, reader);
    return fields_[index].read(node, out, reader);
  }

  bool read_rules(std::size_t index, const Node& node, S& out, Reader& reader) const {
    const Way way = reader.way();
    if (!way.template leads_to<S>()) return reader.error(node.position, "no ruleset can stand here");
    const Field& field = fields_[index];
    return read_ruleset(
        node,
        {info_.fields[index].stage, [&](const Node& use) { return field.read(use, out, reader); },
         [&](const Node& use, Alternative& value) {
           return field.alternative(use, out, way, value, reader);
         }},
        reader);
  }

  bool is_preset(std::size_t index, const Node& shown) const {
    const auto* object = shown.as<Object>();
    return (object && object->empty()) || shown.same_value(info_.fields[index].preset);
  }

  TableInfo info_;
  std::vector<Field> fields_;
  bool ruled_ = false;
};

// A section as a type, for sections within sections. The table must live as long as the program.
template <class S>
Type<S> section(const Table<S>& table) {
  Type<S> type;
  type.words = "a section";
  type.read = [&table](const Node& node, S& out, Reader& reader) { return table.read(node, out, reader); };
  type.show = [&table](const S& values, Show what) { return table.show(values, what); };
  type.schema = table_schema(table.info());
  type.inside = &table.info();
  return type;
}

}  // namespace sallyport::config
