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
  for (const mail::Asked& asked : fact.asked)
    size += asked.question.capacity() + asked.answer.capacity() + 2 * kBlock;
  return size;
}

template <class One, class Other>
bool are_same(const One& one, const Other& other) {
  return !one.owner_before(other) && !other.owner_before(one);
}

}  // namespace

std::string FactMemory::input(const mail::FactKey& key, std::initializer_list<std::string_view> parts) {
  std::string text;
  const auto add = [&](const auto& number) {
    text.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  add(key.check);
  add(key.of);
  add(key.list);
  for (const std::string_view part : parts) {
    add(static_cast<std::uint32_t>(part.size()));
    text += part;
  }
  return text;
}

mail::FactPtr FactMemory::recall(const std::string& input, const SettingsPtr& settings, TimePoint now) {
  auto found = facts_.find(input, now).value_or(nullptr);
  if (!found || !are_same(found->under, settings)) return nullptr;
  const mail::Fact* fact = &found->fact;
  return {std::move(found), fact};
}

void FactMemory::remember(const std::string& input, const mail::Fact& fact, const SettingsPtr& settings,
                          TimePoint now) {
  if (is_temporary(fact.finding) || fact.until <= now) return;
  auto made = std::make_shared<Remembered>(Remembered{fact, settings});
  made->fact.took = {};
  for (mail::Asked& asked : made->fact.asked) {
    asked.took = {};
    asked.at_hand = true;
  }
  made->fact.written = written(made->fact);
  const std::size_t bytes = size_of(made->fact) + sizeof(Remembered) + 2 * input.capacity();
  facts_.put(input, std::move(made), std::min(fact.until, now + kLongest), bytes);
}

}  // namespace sallyport::proxy
