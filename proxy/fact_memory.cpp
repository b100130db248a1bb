#include "proxy/fact_memory.h"

#include <algorithm>
#include <utility>

#include "proxy/evidence_event.h"

namespace sallyport::proxy {
namespace {

constexpr std::size_t kBlock = 16;  // what malloc adds, about

std::size_t size_of(const mail::Fact& fact) {
  std::size_t size = sizeof fact + fact.subject.capacity() + fact.listed.capacity() +
                     fact.detail.capacity() + fact.written.capacity() +
                     fact.codes.capacity() * sizeof(IpAddress) +
                     fact.asked.capacity() * sizeof(mail::Asked) + 7 * kBlock;
  for (const std::string& name : fact.more_names) size += sizeof name + name.capacity() + kBlock;
  for (const mail::Asked& asked : fact.asked)
    size += asked.question.capacity() + asked.answer.capacity() + 2 * kBlock;
  return size;
}

// Answered from memory, in no time, and written once for all events to come.
mail::FactPtr as_recalled(const mail::Fact& fact) {
  auto made = std::make_shared<mail::Fact>(fact);
  made->took = {};
  for (mail::Asked& asked : made->asked) {
    asked.took = {};
    asked.at_hand = true;
  }
  made->written = written(*made);
  return made;
}

template <class One, class Other>
bool are_same(const One& one, const Other& other) {
  return !one.owner_before(other) && !other.owner_before(one);
}

}  // namespace

std::string FactMemory::input(const mail::FactKey& key, std::initializer_list<std::string_view> parts,
                              unsigned epoch) {
  std::string text;
  std::size_t size = sizeof key + sizeof epoch;
  for (const std::string_view part : parts) size += sizeof(std::uint32_t) + part.size();
  text.reserve(size);
  const auto add = [&](const auto& number) {
    text.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  add(key.check);
  add(key.of);
  add(key.list);
  add(epoch);
  for (const std::string_view part : parts) {
    add(static_cast<std::uint32_t>(part.size()));
    text += part;
  }
  return text;
}

mail::FactPtr FactMemory::recall(const std::string& input, const Scope& scope, TimePoint now) {
  auto found = facts_.find(input, now);
  if (!found || !are_same(found->under, scope)) return nullptr;
  if (!std::exchange(found->recalled, true)) {
    found->fact = as_recalled(*found->fact);
    put(input, *found);
  }
  return std::move(found->fact);
}

void FactMemory::remember(std::string input, mail::FactPtr fact, const Scope& scope, TimePoint now) {
  if (is_temporary(fact->finding) || fact->until <= now) return;
  const TimePoint until = std::min(fact->until, now + kLongest);
  put(std::move(input), {std::move(fact), scope, until});
}

void FactMemory::put(std::string input, Remembered remembered) {
  const std::size_t bytes = size_of(*remembered.fact) + 2 * input.capacity();
  const TimePoint until = remembered.until;
  facts_.put(std::move(input), std::move(remembered), until, bytes);
}

}  // namespace sallyport::proxy
