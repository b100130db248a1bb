#include "dns/cache.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/needed_memory.h"

namespace sallyport::dns {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr std::size_t kShards = 16;
constexpr seconds kLeast(30);
constexpr seconds kMost = hours(24);
constexpr seconds kMostNegative = hours(3);
constexpr seconds kFailure(5);
constexpr std::size_t kNode = 2 * sizeof(void*) + 16;  // what a container and malloc add, about

std::size_t size_of(const Record& record) {
  if (const auto* text = std::get_if<std::string>(&record)) return text->capacity();
  if (const auto* mx = std::get_if<Mx>(&record)) return mx->exchange.text().capacity();
  if (const auto* name = std::get_if<Name>(&record)) return name->text().capacity();
  return 0;
}

std::size_t size_of(const Question& question, const Answer& answer) {
  std::size_t size = 2 * (sizeof question + question.name.text().capacity() + kNode) + sizeof answer +
                     answer.owner.text().capacity() + answer.records.capacity() * sizeof(Record) + kNode;
  for (const Record& record : answer.records) size += size_of(record);
  return size;
}

seconds lifetime(const Answer& answer) {
  if (answer.status == Status::exhausted) return seconds(0);
  if (is_temporary(answer.status)) return kFailure;
  return std::clamp(answer.ttl, kLeast, is_void(answer.status) ? kMostNegative : kMost);
}

struct Entry {
  Question question;
  AnswerPtr answer;
  TimePoint until;
  std::size_t bytes = 0;
};

}  // namespace

struct Cache::Shard {
  mutable std::mutex mutex;
  std::list<Entry> entries;  // the most recently used first
  std::unordered_map<Question, std::list<Entry>::iterator> places;
  std::size_t bytes = 0;

  void erase(std::list<Entry>::iterator entry) {
    bytes -= entry->bytes;
    places.erase(entry->question);
    entries.erase(entry);
  }
};

Cache::Cache(std::size_t max_bytes, const Clock& clock)
    : shards_(std::make_unique<Shard[]>(kShards)), clock_(clock), max_bytes_(max_bytes) {}
Cache::~Cache() = default;

Cache::Shard& Cache::shard(const Question& question) const {
  // The map in the shard uses the low bits of the same value.
  return shards_[(std::hash<Question>{}(question) >> 16U) % kShards];
}

AnswerPtr Cache::find(const Question& question) {
  Shard& shard = this->shard(question);
  const std::lock_guard lock(shard.mutex);
  const auto place = shard.places.find(question);
  if (place == shard.places.end()) return nullptr;
  if (place->second->until <= clock_.now()) {
    shard.erase(place->second);
    return nullptr;
  }
  shard.entries.splice(shard.entries.begin(), shard.entries, place->second);
  return place->second->answer;
}

void Cache::put(const Question& question, AnswerPtr answer) {
  const seconds holds = lifetime(*answer);
  const std::size_t bytes = size_of(question, *answer);
  const std::size_t most = max_bytes_ / kShards;
  Shard& shard = this->shard(question);
  const NeededMemory needed;  // a shard is never left half changed
  const std::lock_guard lock(shard.mutex);
  if (const auto place = shard.places.find(question); place != shard.places.end())
    shard.erase(place->second);
  if (bytes > most || holds == seconds(0)) return;
  while (shard.bytes + bytes > most) shard.erase(std::prev(shard.entries.end()));
  shard.entries.push_front({question, std::move(answer), clock_.now() + holds, bytes});
  shard.places.emplace(question, shard.entries.begin());
  shard.bytes += bytes;
}

void Cache::clear() {
  for (std::size_t number = 0; number < kShards; ++number) {
    Shard& shard = shards_[number];
    const std::lock_guard lock(shard.mutex);
    shard.places.clear();
    shard.entries.clear();
    shard.bytes = 0;
  }
}

Cache::Size Cache::size() const {
  Size total;
  for (std::size_t number = 0; number < kShards; ++number) {
    const Shard& shard = shards_[number];
    const std::lock_guard lock(shard.mutex);
    total.bytes += shard.bytes;
    total.entries += shard.entries.size();
  }
  return total;
}

}  // namespace sallyport::dns
