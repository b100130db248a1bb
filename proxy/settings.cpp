#include "proxy/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "base/config/document.h"
#include "base/config/ruleset.h"
#include "base/text.h"
#include "policy/rules_compiler.h"
#include "proxy/settings_treatments.h"

namespace sallyport::proxy {
namespace {

using config::Diagnostics;
using config::Node;

// Whoever wrote rules for some, and more of them in another file, believes that all of them hold.
void warn_of_lost_rules(const std::vector<std::string>& way, const Node& before, const Node& after,
                        Diagnostics& diagnostics) {
  if (after.is_null() || before.same_value(after)) return;
  diagnostics.warning(
      before.position,
      fmt::format("{}: these rules have no effect, {} comes later and {}",
                  printable(fmt::format("{}", fmt::join(way, "."))), after.position.to_string(),
                  config::is_ruleset(after) ? "has others for the same value" : "has a plain value again"),
      "a ruleset is replaced as a whole: put all rules for this value into one file");
}

// A file that writes the defaults out, as the shipped ones do, takes away what a file before it says.
// Whoever wrote that believes that it holds.
void warn_of_lost_value(const std::vector<std::string>& way, const Node& before, const Node& after,
                        Diagnostics& diagnostics) {
  if (config::is_ruleset(before)) return warn_of_lost_rules(way, before, after, diagnostics);
  const Node presets = written_table().show(Written{}, config::Show::all);
  const Node* const preset = presets.follow(way);
  if (!preset || !after.same_value(*preset) || before.same_value(after)) return;
  diagnostics.warning(
      before.position,
      fmt::format("{}: this has no effect, {} comes later and has the default again",
                  printable(fmt::format("{}", fmt::join(way, "."))), after.position.to_string()),
      "change it there, or write this in a file whose name comes behind that one");
}

// The files, and the overlay as one that is named last in the same directory.
std::optional<Node> read_document(const std::string& directory, const std::string& overlay,
                                  Diagnostics& diagnostics) {
  auto document = config::load_directory(directory, diagnostics,
                                         [&](const auto& way, const Node& before, const Node& after) {
                                           warn_of_lost_value(way, before, after, diagnostics);
                                         });
  if (overlay.empty()) return document;
  auto last = config::parse(overlay, directory + "/(built-in)", diagnostics);
  if (!document || !last) return std::nullopt;
  config::merge(*document, std::move(*last));
  return document;
}

std::vector<Network> values(const std::vector<Located<Network>>& located) {
  std::vector<Network> out;
  for (const auto& network : located) out.push_back(network.value);
  return out;
}

// Beside the state, unless it is said where; without a state, nowhere.
store::EventStoreSettings compose_events(const Written& written) {
  const EventsSection& events = written.events;
  std::string directory;
  if (events.directory)
    directory = *events.directory;
  else if (!written.state.sqlite.empty())
    directory = (std::filesystem::path(written.state.sqlite).parent_path() / "events").string();
  return {std::move(directory), events.keep, events.max_size};
}

void copy_plain_values(const Written& written, Settings& settings) {
  settings.lenient_networks = values(written.lenient_networks);
  settings.dns = written.dns;
  settings.timeouts = written.timeouts;
  settings.state_file = written.state.sqlite;
  settings.events = compose_events(written);
  settings.record_all = written.events.record_all;
  settings.temp_directory = written.temp_directory;
  settings.users_file = written.users.value;
  settings.workers = written.workers;
}

void compose_rulable_values(const Loading& loading, Settings& settings) {
  const auto site = compose_site(loading);
  settings.rules = compose_rules(loading, site->domains);
  check_lists(loading);
  check_greylist_rules(loading);
  if (loading.options.lint) lint_values(loading);
  read_barring_lists(loading);
  read_generic_names(loading);
  read_sender_lists(loading);
  if (loading.options.lint) lint_barred_roles(loading);
  const TreatmentSources sources{site, settings.parsed_lists};
  static_cast<Treatment&>(settings) = compose_treatment(loading.written, sources);
  settings.treatments = nullptr;
  settings.reach = {};
  if (settings.rules.empty()) return;
  settings.treatments =
      std::make_shared<Treatments>(loading.written, sources, loading.rulesets, settings.rules);
  settings.reach = settings.treatments->reach();
}

void compose_all(const Loading& loading, Settings& settings) {
  settings.directory = loading.directory;
  copy_plain_values(loading.written, settings);
  compose_rulable_values(loading, settings);
  settings.lists = compose_watched_lists(loading);
  settings.routes = compose_routes(loading);
  settings.tls = compose_tls(loading);
  settings.listeners = compose_listeners(loading);
  check_networks(loading);
  check_next_hops(loading);
  check_route_names(loading);
}

// Whatever a list file has a part in.
void compose_listed(const Loading& loading, Settings& settings) {
  compose_rulable_values(loading, settings);
  settings.routes = compose_routes(loading);
  if (loading.lists.generic_names != loading.before->parsed_lists->generic_names)
    settings.fact_scope = std::make_shared<const FactScope>();
}

// From what is read to what is used; `compose` does so to `settings`. Null with errors.
std::shared_ptr<const Settings> interpret(const std::string& directory, const LoadOptions& options,
                                          const Settings* before, std::shared_ptr<Settings> settings,
                                          Diagnostics& diagnostics,
                                          void (*compose)(const Loading&, Settings&)) {
  const Node& document = *settings->document;
  conceal_secret_lists(document, diagnostics);
  Written written;
  auto reading = policy::rule_words();
  config::Reader reader(diagnostics, &reading);
  written_table().read(document, written, reader);
  const auto hostname = compose_hostname(written, options, {directory, 0, 0}, diagnostics);
  const auto lists = std::make_shared<ParsedLists>();
  settings->parsed_lists = lists;
  settings->list_files.clear();
  compose({document, written, reading.rulesets, options, directory, hostname, diagnostics,
           settings->list_files, *lists, before},
          *settings);
  diagnostics.sort();
  return diagnostics.has_errors() ? nullptr : settings;
}

// Notes at each shown value where it was written.
void note_origins(Node& shown, const Node& written) {
  auto* members = std::get_if<config::Object>(&shown.value);
  const auto* origins = written.as<config::Object>();
  if (!members || !origins) {
    shown.position = written.position;
    return;
  }
  std::unordered_map<std::string_view, const Node*> index;
  for (const auto& origin : *origins) index.emplace(origin.key, &origin.value);
  for (auto& member : *members)
    if (const auto found = index.find(member.key); found != index.end() && !found->second->is_null())
      note_origins(member.value, *found->second);
}

// As it is written, in the place of its last rule's value.
void show_ruleset(Node& shown, const config::Ruleset& ruleset) {
  Node* at = &shown;
  for (const std::string& step : ruleset.steps) {
    if (!at->as<config::Object>()) *at = Node::object();
    auto& members = std::get<config::Object>(at->value);
    auto found = std::ranges::find(members, step, &config::Member::key);
    if (found == members.end()) {
      at->add(step, Node::object());
      found = members.end() - 1;
    }
    at = &found->value;
  }
  *at = ruleset.written;
}

}  // namespace

std::vector<std::shared_ptr<const relay::Route>> Settings::all_routes() const {
  std::vector<std::shared_ptr<const relay::Route>> all;
  for (const auto& entry : routes) all.push_back(entry.second);
  return all;
}

const relay::Route* Settings::route(const std::string& name) const {
  const auto found = routes.find(name);
  return found == routes.end() ? nullptr : found->second.get();
}

std::shared_ptr<const Settings> load(const std::string& directory, const LoadOptions& options,
                                     Diagnostics& diagnostics) {
  auto document = read_document(directory, options.overlay, diagnostics);
  if (!document) {
    diagnostics.sort();
    return nullptr;
  }
  auto settings = std::make_shared<Settings>();
  settings->document = std::make_shared<const Node>(std::move(*document));
  return interpret(directory, options, nullptr, std::move(settings), diagnostics, compose_all);
}

std::shared_ptr<const Settings> load_lists(const Settings& before, Diagnostics& diagnostics) {
  return interpret(before.directory, {}, &before, std::make_shared<Settings>(before), diagnostics,
                   compose_listed);
}

std::string show(const std::string& directory, bool changed, Diagnostics& diagnostics,
                 config::Comments comments) {
  const auto document = read_document(directory, {}, diagnostics);
  if (document) conceal_secret_lists(*document, diagnostics);
  Written written;
  auto reading = policy::rule_words();
  config::Reader reader(diagnostics, &reading);
  const bool good = document && written_table().read(*document, written, reader);
  diagnostics.sort();
  if (!good || diagnostics.has_errors()) return {};
  Node shown = written_table().show(written, changed ? config::Show::changed : config::Show::all);
  note_origins(shown, *document);
  for (const config::Ruleset& ruleset : reading.rulesets) show_ruleset(shown, ruleset);
  return config::to_json(shown, comments);
}

std::string schema() {
  Node out = Node::object();
  out.add("$schema", Node::text("http://json-schema.org/draft-07/schema#"));
  out.add("title", Node::text("Configuration of Sallyport"));
  Node table = config::table_schema(written_table().info());
  config::merge(out, std::move(table));
  out.add("definitions", Node::object().add("ruleset", policy::rule_schema()));
  return config::to_json(out);
}

std::string reference() {
  return
      R"(# The configuration, key by key

This page is made by `sallyport config reference`.

The configuration is every `*.json` file of the directory (`/etc/sallyport/conf.d`, or what `-c` names), read in name
order; `schema.json` is passed over. The files are JSON with comments (`//` and `/* */`). Where two files speak of the
same object they are merged; of anything else the later file's value counts, and `null` stands for "as if it were not
written". Unknown keys and keys written twice are errors. `sallyport check` tells all that is wrong at once, and
`sallyport config show --changed` what differs from the defaults, and where it is written.

- Sizes: `"50MB"`, `"256KiB"`, or octets as a number; KB, MB, GB are powers of 1000, KiB, MiB, GiB of 1024.
- Durations: `"5m"`, `"1h30m"`, `"500ms"`; the units are d, h, m, s and ms, largest first.
- Networks: `"10.0.0.0/24"`, `"2001:db8::/48"` or a single address.
- File names: relative to the directory of the file that names them.
- Where "rules" stands behind the stage the value may be a ruleset (`docs/rules.md`): other values for some senders,
  recipients or clients.
- "Read at" is the stage of a session at which a value is read: after a reload (SIGHUP) new sessions use new values,
  running ones keep those they began with, and listeners are opened and closed; what is read at `start` needs a
  restart. What files of lists say counts from the next mail on, in running sessions too.

)" + config::table_reference(written_table().info(), "");
}

}  // namespace sallyport::proxy
