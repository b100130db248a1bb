#include "policy/sender_lists.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"

namespace sallyport::policy {
namespace {

// "*.b.c" and "*.c" of "a.b.c", each behind `before`.
void add_parents(std::vector<std::string>& patterns, std::string_view before, std::string_view domain) {
  for (auto dot = domain.find('.'); dot != std::string_view::npos; dot = domain.find('.')) {
    domain.remove_prefix(dot + 1);
    patterns.push_back(fmt::format("{}*.{}", before, domain));
  }
}

// As the last line with its name counts, but never one that has expired in place of one that has not.
bool replaces(const SenderEntry& later, const SenderEntry& earlier) {
  return !later.expires || (earlier.expires && *later.expires >= *earlier.expires);
}

}  // namespace

void SenderListShape::add(const SenderEntry& entry) {
  recipients = recipients || !entry.recipient.empty();
  authenticated = authenticated || entry.authenticated;
  switch (entry.kind) {
    case SenderEntry::Kind::sender:
      senders = true;
      break;
    case SenderEntry::Kind::reverse_name:
      reverse_names = true;
      break;
    case SenderEntry::Kind::network:
      if (const auto network = Network::parse(entry.pattern))
        prefixes.set(static_cast<std::size_t>(network->prefix128()));
      break;
  }
}

void SenderListShape::add(const SenderListShape& other) {
  prefixes |= other.prefixes;
  reverse_names = reverse_names || other.reverse_names;
  senders = senders || other.senders;
  recipients = recipients || other.recipients;
  authenticated = authenticated || other.authenticated;
}

SenderList SenderList::parse(std::string_view text, std::string file, std::vector<ListFault>& faults) {
  SenderList list;
  list.file_ = std::move(file);
  list.text_ = text;
  ListReader reader(list.text_);
  for (ListEntry written; reader.next(written);) {
    std::size_t word_at = 0;
    const auto entry = parse_sender_entry(written.text, word_at);
    if (!entry) {
      faults.push_back(
          {written.line, column_within(written.text, word_at, written.column), entry.error().detail});
      continue;
    }
    const auto begin = static_cast<std::size_t>(written.text.data() - list.text_.data());
    const Line line{written.line, static_cast<std::uint32_t>(written.text.size()), begin};
    const auto [place, is_new] = list.lines_.try_emplace(entry->name(), line);
    if (!is_new && replaces(*entry, list.read(place->second).entry)) place->second = line;
    list.shape_.add(*entry);
  }
  return list;
}

SenderList::Found SenderList::read(const Line& line) const {
  const auto written = std::string_view(text_).substr(line.begin, line.length);
  const auto before = line.begin == 0 ? std::string_view::npos : text_.rfind('\n', line.begin - 1);
  const auto begin = before == std::string_view::npos ? 0 : before + 1;
  return {*parse_sender_entry(written), line.number, static_cast<int>(line.begin - begin) + 1, written};
}

int SenderList::Found::column_of(std::string_view option) const {
  return column_within(written, word_of(written, option), column);
}

std::optional<SenderList::Found> SenderList::find(std::string_view name) const {
  const auto found = lines_.find(name);
  if (found == lines_.end()) return std::nullopt;
  return read(found->second);
}

void SenderList::each(const std::function<bool(const Found&)>& visit) const {
  ListReader reader(text_);
  for (ListEntry written; reader.next(written);) {
    auto entry = parse_sender_entry(written.text);
    const auto counts = entry ? lines_.find(entry->name()) : lines_.end();
    if (counts == lines_.end() || counts->second.number != written.line) continue;
    if (!visit({std::move(*entry), written.line, written.column, written.text})) return;
  }
}

void SenderList::each_repeated(const std::function<void(const Found&, int)>& visit) const {
  ListReader reader(text_);
  for (ListEntry written; reader.next(written);) {
    auto entry = parse_sender_entry(written.text);
    const auto counts = entry ? lines_.find(entry->name()) : lines_.end();
    if (counts != lines_.end() && counts->second.number != written.line)
      visit({std::move(*entry), written.line, written.column, written.text}, counts->second.number);
  }
}

std::vector<std::string> sender_patterns(const mail::Path& sender) {
  if (sender.is_null() || sender.domain.empty()) return {};
  std::vector<std::string> patterns{sender.key(), sender.domain_ascii};
  add_parents(patterns, "", sender.domain_ascii);
  return patterns;
}

std::vector<std::string> network_patterns(const IpAddress& client, const SenderListShape& shape) {
  std::vector<std::string> patterns;
  for (int prefix = 128; prefix >= 0; --prefix) {
    if (!shape.prefixes.test(static_cast<std::size_t>(prefix))) continue;
    const Network network(client, prefix);
    patterns.push_back(fmt::format("{}/{}", network.base().to_string(), network.prefix()));
  }
  return patterns;
}

std::vector<std::string> reverse_name_patterns(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty()) return {};
  const auto compared = to_lower(name);
  std::vector<std::string> patterns;
  if (!compared.starts_with("*.")) patterns.push_back("rdns:" + compared);  // else its parent says that
  add_parents(patterns, "rdns:", compared);
  return patterns;
}

std::vector<std::string> names_covering(const SenderEntry& entry, const SenderListShape& shape) {
  std::vector<std::string> patterns{entry.pattern};
  const std::string_view pattern = entry.pattern;
  if (entry.kind == SenderEntry::Kind::network) {
    const auto network = Network::parse(pattern);
    for (auto& wider : network_patterns(network->base(), shape))
      if (Network::parse(wider)->prefix128() <= network->prefix128()) patterns.push_back(std::move(wider));
  } else {
    const bool by_name = entry.kind == SenderEntry::Kind::reverse_name;
    auto name = pattern.substr(pattern.rfind(by_name ? ':' : '@') + 1);  // all of it, where it is a domain
    if (!by_name && name != pattern) patterns.emplace_back(name);
    if (name.starts_with("*.")) name.remove_prefix(2);
    add_parents(patterns, by_name ? "rdns:" : "", name);
  }
  std::vector<std::string> names = patterns;
  const std::string_view recipient = entry.recipient;
  if (recipient.empty()) return names;
  for (const auto& one : patterns) {
    names.push_back(fmt::format("{} for={}", one, recipient));
    if (recipient.contains('@'))
      names.push_back(fmt::format("{} for={}", one, recipient.substr(recipient.rfind('@') + 1)));
  }
  return names;
}

std::vector<std::string> entry_names(const std::vector<std::string>& patterns, const mail::Path& recipient,
                                     const SenderListShape& shape, std::string_view mailbox) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view whom) {
    for (const auto& pattern : patterns) names.push_back(fmt::format("{} for={}", pattern, whom));
  };
  if (shape.recipients) {
    add(recipient.key());
    if (!mailbox.empty()) add(mailbox);
    add(recipient.domain_ascii);
  }
  names.insert(names.end(), patterns.begin(), patterns.end());
  return names;
}

}  // namespace sallyport::policy
