#include "dns/lookup.h"

#include <fmt/format.h>

#include "base/io/together.h"
#include "base/text.h"

namespace sallyport::dns {
namespace {

constexpr std::size_t kMaxSummary = 200;

struct Shown {
  std::string operator()(const IpAddress& address) const { return address.to_string(); }
  std::string operator()(const Mx& mx) const {
    return fmt::format("{} {}", mx.preference, mx.exchange.is_root() ? "." : mx.exchange.text());
  }
  std::string operator()(const Name& name) const { return name.is_root() ? "." : name.text(); }
  std::string operator()(const std::string& text) const {
    return fmt::format("\"{}\"", printable(text, kMaxSummary));
  }
};

io::Task<> ask_into(Resolver& resolver, const Clock& clock, std::vector<Lookup>& lookups, Question question,
                    Asking asking, AnswerPtr& answer) {
  answer = co_await ask(resolver, clock, lookups, std::move(question), asking);
}

}  // namespace

std::string summary(const Answer& answer) {
  if (!answer.found()) return std::string(to_string(answer.status));
  std::string text;
  for (const Record& record : answer.records) {
    const std::string next = std::visit(Shown(), record);
    if (!text.empty() && text.size() + next.size() + 2 > kMaxSummary) return text + ", ...";
    text += (text.empty() ? "" : ", ") + next;
  }
  return text;
}

io::Task<AnswerPtr> ask(Resolver& resolver, const Clock& clock, std::vector<Lookup>& lookups,
                        Question question, Asking asking) {
  const TimePoint began = clock.now();
  Lookup lookup{question, resolver.at_hand(question), {}, true};
  if (!lookup.answer || asking.fresh) {
    lookup.at_hand = false;
    lookup.answer = co_await resolver.ask(std::move(question), asking);
    lookup.took = clock.now() - began;
  }
  AnswerPtr answer = lookup.answer;
  if (lookups.size() < kMaxLookups) lookups.push_back(std::move(lookup));
  co_return answer;
}

io::Task<std::vector<AnswerPtr>> ask_all(Resolver& resolver, const Clock& clock,
                                         std::vector<Lookup>& lookups, std::vector<Question> questions,
                                         Asking asking) {
  std::vector<AnswerPtr> answers(questions.size());
  std::vector<io::Task<>> tasks;
  for (std::size_t place = 0; place < questions.size(); ++place)
    tasks.push_back(
        ask_into(resolver, clock, lookups, std::move(questions[place]), asking, answers[place]));
  if (tasks.size() == 1)
    co_await std::move(tasks.front());
  else
    co_await io::together(std::move(tasks));
  co_return answers;
}

}  // namespace sallyport::dns
