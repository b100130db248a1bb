#include "dns/cache.h"

#include <algorithm>
#include <utility>

namespace sallyport::dns {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr seconds kLeast(30);
constexpr seconds kMost = hours(24);
constexpr seconds kMostNegative = hours(3);
constexpr seconds kFailure(5);
constexpr std::size_t kBlock = 16;  // what malloc adds, about

std::size_t size_of(const Record& record) {
  if (const auto* text = std::get_if<std::string>(&record)) return text->capacity();
  if (const auto* mx = std::get_if<Mx>(&record)) return mx->exchange.text().capacity();
  if (const auto* name = std::get_if<Name>(&record)) return name->text().capacity();
  return 0;
}

std::size_t size_of(const Question& question, const Answer& answer) {
  std::size_t size = 2 * question.name.text().capacity() + sizeof answer + answer.owner.text().capacity() +
                     answer.records.capacity() * sizeof(Record) + 2 * kBlock;
  for (const Record& record : answer.records) size += size_of(record);
  return size;
}

}  // namespace

seconds lifetime(const Answer& answer) {
  if (answer.status == Status::exhausted) return seconds(0);
  if (is_temporary(answer.status)) return kFailure;
  return std::clamp(answer.ttl, kLeast, is_void(answer.status) ? kMostNegative : kMost);
}

AnswerPtr Cache::find(const Question& question) {
  return answers_.find(question, clock_.now()).value_or(nullptr);
}

void Cache::put(const Question& question, AnswerPtr answer) {
  const seconds holds = lifetime(*answer);
  if (holds == seconds(0)) return answers_.forget(question);
  const std::size_t bytes = size_of(question, *answer);
  answers_.put(question, std::move(answer), clock_.now() + holds, bytes);
}

}  // namespace sallyport::dns
