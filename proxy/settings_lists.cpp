// Files that the configuration names: barring lists, recipient lists, passwords.
#include <fmt/format.h>

#include <algorithm>

#include "base/config/document.h"
#include "base/mail/address.h"
#include "base/text.h"
#include "policy/list_file.h"
#include "policy/wildcard_lint.h"
#include "proxy/settings_treatments.h"
#include "proxy/users_file.h"

namespace sallyport::proxy {
namespace {

constexpr const char* kEverybody =
    R"("recipients": "any" on the route takes all of them, "ask" those that the next hop knows)";

// The recipient, or a fault.
std::optional<mail::Path> read_recipient(std::string_view line, const config::Position& position,
                                         config::Diagnostics& diagnostics) {
  mail::Path path;
  const bool good = mail::parse_path(line, {.smtputf8 = true}, path) == mail::PathFault::none;
  const bool is_domain = line.starts_with("*@");
  if (good && !path.is_null() && !path.source_route && !is_domain) return path;
  diagnostics.error(position, fmt::format("\"{}\" is not an address", printable(line, 80)),
                    is_domain ? kEverybody : "one address a line: user@example.com");
  return std::nullopt;
}

// Lines of a list of recipients by which nobody is known who is meant; the first of each kind is told.
class RecipientLint {
 public:
  RecipientLint(const std::string& file, const Loading& loading) : file_(file), loading_(loading) {
    config::Diagnostics untold;
    for (const auto& domain : loading.written.domains.value)
      if (const auto name = canonical_domain(domain, untold); !name.empty()) ours_.add(name, {});
  }

  void look_at(const policy::ListEntry& entry, const mail::Path& path) {
    if (!path.domain.empty() && !ours_.find(path.domain_ascii)) foreign_.add(entry);
    const bool pattern = entry.text.find_first_of("*?") < entry.text.rfind('@');
    if (pattern || entry.text.starts_with('~') || entry.text.starts_with('!')) literal_.add(entry);
  }
  void tell() const {
    tell(foreign_, "is in no domain of ours, and nobody asks for it",
         "\"domains\" has those that are ours");
    tell(literal_, "is taken to the letter: a list of recipients has no patterns, and clears nobody",
         kEverybody);
  }

 private:
  struct Lines {
    std::size_t count = 0;
    policy::ListEntry first;
    void add(const policy::ListEntry& entry) {
      if (count++ == 0) first = entry;
    }
  };

  void tell(const Lines& lines, const char* what, const char* hint) const {
    if (lines.count == 0) return;
    const auto more = lines.count > 1 ? fmt::format("; {} more such lines", lines.count - 1) : "";
    loading_.diagnostics.warning(
        {file_, lines.first.line, lines.first.column},
        fmt::format("\"{}\" {}{}", printable(policy::without_comment(lines.first.text), 80), what, more),
        hint);
  }

  const std::string& file_;
  const Loading& loading_;
  policy::Domains ours_;
  Lines foreign_, literal_;
};

bool has_an_entry(std::string_view text) {
  policy::ListReader lines(text);
  policy::ListEntry entry;
  return lines.next(entry);
}

bool had_entries(const Settings& before, const std::string& file) {
  return std::ranges::any_of(before.list_files,
                             [&](const ListFile& one) { return one.path == file && one.has_entries; });
}

// A shell that redirects into a list has emptied it long before the program writes: for as long nobody
// would be allowed, or everybody.
void tell_what_is_unfinished(const ListFile& file, std::string_view text, const Loading& loading) {
  const bool is_cut = !text.empty() && !text.ends_with('\n');
  const bool is_emptied = !file.has_entries && had_entries(*loading.before, file.path);
  if (!is_cut && !is_emptied) return;
  loading.diagnostics.error({file.path, 0, 0},
                            is_cut ? "its last line has no line end: is it still being written?"
                                   : "it has no entry any more: is it still being written?",
                            "a reload (SIGHUP) takes it as it is");
}

}  // namespace

std::optional<std::string> read_list_file(const std::string& file, const config::Position& blame,
                                          const Loading& loading) {
  if (!loading.options.open_files) return std::nullopt;
  // The version before it is read: a change meanwhile is none missed.
  ListFile& read = loading.list_files.emplace_back(ListFile{file, version_of(file)});
  auto text = config::read_file(file, blame, loading.diagnostics, config::max_list_size);
  if (!text) return std::nullopt;
  read.has_entries = has_an_entry(*text);
  if (loading.before) tell_what_is_unfinished(read, *text, loading);
  return text;
}

namespace {

// The file as it was when it was read before, if nobody has touched it since; else null.
const ListFile* untouched(const std::string& file, const Loading& loading) {
  if (!loading.before) return nullptr;
  const FileVersion now = version_of(file);
  if (now == FileVersion()) return nullptr;
  const ListFile* known = nullptr;
  for (const ListFile& one : loading.before->list_files) {  // several, if it is a list of several kinds
    if (one.path != file) continue;
    if (one.version != now) return nullptr;
    known = &one;
  }
  return known;
}

// Reads the list of that kind, or takes over what was made of it.
template <class List, class Read>
void add_list(const std::string& file, ParsedLists::ByPath<List> ParsedLists::* kind,
              const Loading& loading, Read read) {
  auto& lists = loading.lists.*kind;
  if (file.empty() || lists.contains(file)) return;
  if (const ListFile* const known = untouched(file, loading)) {
    const auto& before = (*loading.before->parsed_lists).*kind;
    if (const auto found = before.find(file); found != before.end()) {
      loading.list_files.push_back(*known);
      lists.emplace(file, found->second);
      return;
    }
  }
  lists.emplace(file, read());
}

// A file of which `parse(text, faults)` makes a List; every fault is told with its place in the file.
template <class List, class Parse>
List read_list(const Located<std::string>& file, const Loading& loading, Parse parse) {
  auto text = read_list_file(file.value, file.position, loading);
  if (!text) return {};
  std::vector<policy::ListFault> faults;
  List list = parse(*text, faults);
  loading.diagnostics.remember_source(file.value, std::move(*text));
  for (const auto& fault : faults)
    loading.diagnostics.error({file.value, fault.line, fault.column}, fault.message);
  return list;
}

policy::WildcardList read_wildcard_list(const Located<std::string>& file, policy::Star star,
                                        const Loading& loading) {
  policy::WildcardLints lints;
  auto list = read_list<policy::WildcardList>(file, loading, [&](const std::string& text, auto& faults) {
    auto parsed = policy::WildcardList::parse(text, file.value, faults, star);
    if (loading.options.lint) lints = policy::lint_wildcard_list(text, parsed);
    return parsed;
  });
  for (const auto& lint : lints.told) {
    const bool cut = &lint == &lints.told.back() && lints.untold > 0;
    loading.diagnostics.warning({file.value, lint.line, lint.column}, lint.message,
                                cut ? fmt::format("and {} more of this list", lints.untold) : "");
  }
  return list;
}

}  // namespace

void read_barring_lists(const Loading& loading) {
  for_each_variant(
      loading.written, loading.rulesets, [&](const PolicySections& sections, const config::Rule*) {
        for (const BarringListSection* list : {&sections.barring.senders, &sections.barring.recipients})
          add_list(list->file.value, &ParsedLists::barring, loading, [&] {
            return read_wildcard_list(list->file, list->star.value_or(sections.barring.star), loading);
          });
      });
}

namespace {

std::shared_ptr<const policy::GenericNames> read_names(const Located<std::string>& file,
                                                       const Loading& loading) {
  return std::make_shared<policy::GenericNames>(
      read_list<policy::GenericNames>(file, loading, [&](const std::string& text, auto& faults) {
        return policy::GenericNames::parse(text, faults, file.value);
      }));
}

}  // namespace

void read_generic_names(const Loading& loading) {
  for_each_variant(loading.written, loading.rulesets,
                   [&](const PolicySections& sections, const config::Rule*) {
                     const auto& file = sections.checks.generic_names;
                     add_list(file.value, &ParsedLists::generic_names, loading,
                              [&] { return read_names(file, loading); });
                   });
}

namespace {

std::shared_ptr<const policy::SenderList> read_sender_list(const Located<std::string>& file,
                                                           const Loading& loading) {
  return std::make_shared<policy::SenderList>(
      read_list<policy::SenderList>(file, loading, [&](const std::string& text, auto& faults) {
        return policy::SenderList::parse(text, file.value, faults);
      }));
}

// Mail to role addresses is never blocked, and whether SPF passes is no matter: an entry that says
// otherwise is a mistake.
void check_block_entries(const policy::SenderList& list, const Loading& loading) {
  if (!list.shape().recipients && !list.shape().authenticated) return;
  list.each([&](const policy::SenderList::Found& found) {
    const auto error = [&](std::string_view word, const std::string& message) {
      loading.diagnostics.error({list.file(), found.line, found.column_of(word)}, message);
    };
    if (policy::is_role_entry(found.entry.recipient, loading.written.role_names))
      error("for=", found.entry.recipient + " is a role address: mail to it is never blocked");
    if (found.entry.authenticated) error("authenticated", policy::kAuthenticatedBlock);
    return true;
  });
}

std::shared_ptr<const policy::SenderList> read_block_list(const Located<std::string>& file,
                                                          const Loading& loading) {
  auto list = read_sender_list(file, loading);
  check_block_entries(*list, loading);
  return list;
}

}  // namespace

void read_sender_lists(const Loading& loading) {
  for_each_variant(loading.written, loading.rulesets,
                   [&](const PolicySections& sections, const config::Rule*) {
                     const SenderListsSection& lists = sections.lists;
                     add_list(lists.allow.value, &ParsedLists::allow, loading,
                              [&] { return read_sender_list(lists.allow, loading); });
                     add_list(lists.block.value, &ParsedLists::block, loading,
                              [&] { return read_block_list(lists.block, loading); });
                   });
}

namespace {

std::vector<std::string> read_recipients(const std::string& file, const config::Position& blame,
                                         const Loading& loading) {
  const auto text = read_list_file(file, blame, loading);
  if (!text) return {};
  loading.diagnostics.remember_source(file, *text);
  std::vector<std::string> keys;
  RecipientLint lint(file, loading);
  policy::ListReader lines(*text);
  for (policy::ListEntry entry; lines.next(entry);)
    if (const auto path = read_recipient(policy::without_comment(entry.text),
                                         {file, entry.line, entry.column}, loading.diagnostics)) {
      keys.push_back(path->key());
      if (loading.options.lint) lint.look_at(entry, *path);
    }
  lint.tell();
  if (keys.empty())
    loading.diagnostics.error(blame, fmt::format("{} names no recipient at all", file),
                              "was it cut off while it was written?");
  else if (!text->ends_with('\n'))
    loading.diagnostics.warning(blame, fmt::format("the last line of {} has no line end", file),
                                "was it cut off while it was written?");
  std::ranges::sort(keys);
  keys.erase(std::ranges::unique(keys).begin(), keys.end());
  return keys;
}

}  // namespace

std::shared_ptr<const std::vector<std::string>> read_recipient_list(const std::string& file,
                                                                    const config::Position& blame,
                                                                    const Loading& loading) {
  add_list(file, &ParsedLists::recipients, loading, [&] {
    return std::make_shared<const std::vector<std::string>>(read_recipients(file, blame, loading));
  });
  return loading.lists.recipients.at(file);
}

// Faults are warnings: the file is read again at every login, and mail flows without it.
void check_users_file(const Located<std::string>& file, const Loading& loading) {
  if (file.value.empty() || !loading.options.open_files) return;
  const auto text = config::read_file(file.value, file.position, loading.diagnostics);
  if (!text) return;
  UserReader users(*text);
  for (UserLine user; users.next(user);)
    if (!user.fault.empty())
      loading.diagnostics.warning({file.value, user.line, user.column},
                                  fmt::format("users: {}, so nobody can log in by this line", user.fault),
                                  "one `name:hash` a line, the hash as `mkpasswd -m yescrypt` prints it");
}

std::optional<std::vector<std::string>> read_user_names(const Loading& loading) {
  std::vector<std::string> names;
  const auto& file = loading.written.users;
  if (file.value.empty()) return names;
  if (!loading.options.open_files) return std::nullopt;
  config::Diagnostics untold;  // check_users_file() tells
  const auto text = config::read_file(file.value, file.position, untold);
  if (!text) return std::nullopt;
  UserReader users(*text);
  for (UserLine user; users.next_usable(user);) names.emplace_back(user.name);
  return names;
}

std::string read_password(const Located<std::string>& file, const Loading& loading) {
  if (!loading.options.open_files) return {};
  const auto text = config::read_file(file.value, file.position, loading.diagnostics);
  if (!text) return {};
  std::string password = text->substr(0, text->find('\n'));
  if (password.ends_with('\r')) password.pop_back();
  if (password.empty())
    loading.diagnostics.error(file.position, fmt::format("the first line of {} is empty", file.value));
  return password;
}

}  // namespace sallyport::proxy
