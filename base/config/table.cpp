#include "base/config/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace sallyport::config {
namespace {

// On one line: it stands in a row of a table.
std::string in_a_row(std::string_view json) {
  std::string out;
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (json[at] != '\n') {
      out += json[at];
      continue;
    }
    at = std::min(json.find_first_not_of(' ', at + 1), json.size()) - 1;
    if (out.ends_with(',')) out += ' ';
  }
  return out;
}

std::string preset_text(const FieldInfo& field) {
  if (field.required) return "required";
  if (field.inside || field.preset.is_null()) return "–";
  return "`" + in_a_row(to_json(field.preset)) + "`";
}

std::string row(const FieldInfo& field) {
  return fmt::format("| `{}` | {} | {} | {}{} | {} |\n", field.name, field.words, preset_text(field),
                     to_string(field.stage), field.rulable ? ", rules" : "", field.help);
}

// The definition of a ruleset is the whole schema's: one for all fields.
Node value_or_ruleset(const Node& schema) {
  Node ruleset = Node::object().add("$ref", Node::text("#/definitions/ruleset"));
  return Node::object().add("anyOf", Node::list({schema, std::move(ruleset)}));
}

std::string inner_path(const std::string& path, const FieldInfo& field) {
  return path + (path.empty() ? "" : ".") + field.name + field.inside_name;
}

}  // namespace

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::start:
      return "start";
    case Stage::connect:
      return "connect";
    case Stage::helo:
      return "helo";
    case Stage::mail:
      return "mail";
    case Stage::rcpt:
      return "rcpt";
    case Stage::data:
      return "data";
  }
  return "start";
}

std::vector<std::string> TableInfo::names() const {
  std::vector<std::string> out;
  for (const auto& field : fields) out.push_back(field.name);
  return out;
}

std::size_t TableInfo::index(std::string_view name) const {
  return static_cast<std::size_t>(std::ranges::find(fields, name, &FieldInfo::name) - fields.begin());
}

std::string place_of(const TableInfo& info, const std::string& path, const std::string& key) {
  for (const auto& field : info.fields)
    if (field.inside && field.inside->index(key) != field.inside->fields.size())
      return fmt::format("\"{}\" belongs into {}", key, inner_path(path, field));
  for (const auto& field : info.fields)
    if (field.inside)
      if (auto found = place_of(*field.inside, inner_path(path, field), key); !found.empty()) return found;
  return {};
}

Node table_schema(const TableInfo& info) {
  Node properties = Node::object();
  Node required = Node::list();
  for (const auto& field : info.fields) {
    Node schema = field.rulable ? value_or_ruleset(field.schema) : field.schema;
    schema.add("description", Node::text(field.help));
    if (!field.required && !field.inside && !field.preset.is_null()) schema.add("default", field.preset);
    properties.add(field.name, std::move(schema));
    if (field.required) std::get<Array>(required.value).push_back(Node::text(field.name));
  }
  Node out = Node::object();
  out.add("type", Node::text("object")).add("additionalProperties", Node::boolean(false));
  if (!required.as<Array>()->empty()) out.add("required", std::move(required));
  return out.add("properties", std::move(properties));
}

std::string table_reference(const TableInfo& info, const std::string& path) {
  std::string out = path.empty() ? "" : fmt::format("## `{}`\n\n", path);
  out += info.help + "\n\n| key | value | default | read at | what it does |\n|---|---|---|---|---|\n";
  for (const auto& field : info.fields) out += row(field);
  for (const auto& field : info.fields)
    if (field.inside) out += "\n" + table_reference(*field.inside, inner_path(path, field));
  return out;
}

Node unless_empty(Node node) {
  const auto* text = node.as<std::string>();
  return text && text->empty() ? Node{} : node;
}

bool check_required(const TableInfo& info, const Node& node, Reader& reader) {
  bool good = true;
  for (const auto& field : info.fields) {
    if (!field.required) continue;
    const auto* written = node.find(field.name);
    if (!written || written->is_null())
      good = reader.error(node.position, fmt::format("\"{}\" is missing", field.name), field.help);
  }
  return good;
}

}  // namespace sallyport::config
