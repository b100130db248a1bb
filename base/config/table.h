// A section of the configuration, declared once: each field's name, member, type, stage and help.
//
//   static const auto table = Table<Limits>("How much is too much.")
//       .field("recipients", &Limits::recipients, integer<std::size_t>(1, 100'000), Stage::rcpt, "...");
//
// From the one declaration come the reader (unknown keys, ranges and required fields included), `show`,
// the JSON Schema and the reference page. Defaults are those of a default-constructed S. Immutable once
// built. The type of a value is all that knows how it is written, so a type that is a ruleset
// fits in here like any other.
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <vector>

#include "base/config/type.h"

namespace sallyport::config {

// When in a session a value is read: a change by SIGHUP takes effect for what reaches that stage anew.
enum class Stage { start, connect, helo, mail, rcpt, data };
std::string_view to_string(Stage stage);

struct FieldInfo {
  std::string name;
  std::string words;
  std::string help;
  Stage stage = Stage::start;
  bool required = false;
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
    fields_.push_back(
        {[access, read = type.read](const Node& node, S& out, Reader& reader) {
           return read(node, access(out), reader);
         },
         [access, show = type.show](const S& values, Show what) { return show(access(values), what); }});
    return std::move(*this);
  }

  // A nested object whose fields are members of S itself. `inner` must live as long as the program.
  Table group(std::string name, const Table& inner, Stage stage, std::string help) && {
    info_.fields.push_back({std::move(name),
                            "an object",
                            std::move(help),
                            stage,
                            false,
                            inner.show(S{}, Show::all),
                            table_schema(inner.info()),
                            &inner.info(),
                            {}});
    fields_.push_back(
        {[&inner](const Node& node, S& out, Reader& reader) { return inner.read(node, out, reader); },
         [&inner](const S& values, Show what) { return inner.show(values, what); }});
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
  };

  template <class V>
  void declare(std::string name, const Type<V>& type, Stage stage, std::string help, Node preset) {
    info_.fields.push_back({std::move(name), type.words, std::move(help), stage, false, std::move(preset),
                            type.schema, type.inside, type.inside_name});
  }

  // null stands for "as if it were not written", so that a later file can take back what an earlier said.
  bool read_member(const Member& member, S& out, Reader& reader) const {
    const auto index = info_.index(member.key);
    if (index == fields_.size()) {
      reader.unknown_key(member, info_.names());
      return false;
    }
    if (member.value.is_null()) return true;
    const Reader::Step step(reader, member.key);
    return fields_[index].read(member.value, out, reader);
  }

  bool is_preset(std::size_t index, const Node& shown) const {
    const auto* object = shown.as<Object>();
    return (object && object->empty()) || shown.same_value(info_.fields[index].preset);
  }

  TableInfo info_;
  std::vector<Field> fields_;
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
