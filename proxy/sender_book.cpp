#include "proxy/sender_book.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"

namespace sallyport::proxy {
namespace {

constexpr const char* kHits = "list-hits";
constexpr auto kHitsKept = std::chrono::days(400);

// Of an entry without an end.
WallTime never() { return std::chrono::sys_days(std::chrono::year(2200) / 1 / 1); }

std::string hits_key(SenderListKind kind, const policy::SenderEntry& entry) {
  return fmt::format("{} {}", to_string(kind), entry.name());
}

std::int64_t seconds_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

const char* to_string(SenderListKind kind) { return kind == SenderListKind::allow ? "allow" : "block"; }

std::vector<SenderBook::Found> find_in_file(const policy::SenderList* file,
                                            const std::vector<std::string>& names, WallTime now) {
  std::vector<SenderBook::Found> all;
  for (const auto& name : names) {
    auto found = file ? file->find(name) : std::nullopt;
    if (found && (!found->entry.expires || *found->entry.expires > now))
      all.push_back({std::move(found->entry), fmt::format("{}:{}", file->file(), found->line)});
  }
  return all;
}

SenderBook::SenderBook(store::StateStore& state, const Clock& clock)
    : state_(state), clock_(clock), correspondents_(state) {
  for (const auto kind : {SenderListKind::allow, SenderListKind::block})
    each(kind, [&](const policy::SenderEntry& entry) {
      shapes_.at(static_cast<std::size_t>(kind)).add(entry);
      return true;
    });
}

policy::SenderListShape SenderBook::shape(SenderListKind kind, const policy::SenderList* file) const {
  policy::SenderListShape shape;
  if (file) shape = file->shape();
  const std::scoped_lock lock(mutex_);
  shape.add(shapes_.at(static_cast<std::size_t>(kind)));
  return shape;
}

std::optional<policy::SenderEntry> SenderBook::added(SenderListKind kind, std::string_view name) const {
  const auto line = state_.get(to_string(kind), name);
  auto entry = line ? policy::parse_sender_entry(*line) : fail(Errc::not_found);
  if (!entry) return std::nullopt;
  return std::move(*entry);
}

std::vector<SenderBook::Found> SenderBook::find(SenderListKind kind, const policy::SenderList* file,
                                                const std::vector<std::string>& names) const {
  std::vector<Found> all;
  for (const auto& name : names)
    if (auto entry = added(kind, name)) all.push_back({std::move(*entry), to_string(kind)});
  for (auto& found : find_in_file(file, names, clock_.wall())) all.push_back(std::move(found));
  return all;
}

SenderBook::Hits SenderBook::hits(SenderListKind kind, const policy::SenderEntry& entry) const {
  const auto kept = state_.get(kHits, hits_key(kind, entry));
  if (!kept) return {};
  const auto space = std::min(kept->find(' '), kept->size());
  const auto last = parse_unsigned(std::string_view(*kept).substr(std::min(space + 1, kept->size())));
  Hits hits{parse_unsigned(std::string_view(*kept).substr(0, space)).value_or(0), std::nullopt};
  if (last) hits.last = WallTime(std::chrono::seconds(*last));
  return hits;
}

void SenderBook::count_hit(SenderListKind kind, const policy::SenderEntry& entry) {
  const WallTime now = clock_.wall();
  const std::scoped_lock lock(mutex_);
  const auto value = fmt::format("{} {}", hits(kind, entry).count + 1, seconds_of(now));
  state_.put(kHits, hits_key(kind, entry), value, now + kHitsKept);
}

Result<> SenderBook::add(SenderListKind kind, const policy::SenderEntry& entry) {
  if (state_.count(to_string(kind)) >= kMaxEntries && !added(kind, entry.name()))
    return fail(Errc::limit,
                fmt::format("there are {} entries already: so many belong into a file (lists.{})",
                            kMaxEntries, to_string(kind)));
  {
    const std::scoped_lock lock(mutex_);
    shapes_.at(static_cast<std::size_t>(kind)).add(entry);
  }
  state_.put(to_string(kind), entry.name(), policy::to_line(entry), entry.expires.value_or(never()));
  return {};
}

bool SenderBook::remove(SenderListKind kind, const policy::SenderEntry& entry) {
  if (!state_.get(to_string(kind), entry.name())) return false;
  state_.erase(to_string(kind), entry.name());
  state_.erase(kHits, hits_key(kind, entry));
  return true;
}

void SenderBook::each(SenderListKind kind,
                      const std::function<bool(const policy::SenderEntry&)>& visit) const {
  state_.scan(to_string(kind), [&](std::string_view, std::string_view line, WallTime) {
    const auto entry = policy::parse_sender_entry(line);
    return !entry || visit(*entry);
  });
}

}  // namespace sallyport::proxy
