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

std::string why_none(const Answer& answer) {
  const std::string_view words = to_string(answer.status);
  if (!answer.server) return std::string(words);
  const bool reached = answer.status != Status::unreachable;
  return fmt::format("{}{} {}", words, reached ? " from" : ":", answer.server->to_string());
}

void keep(std::vector<Lookup>& lookups, Lookup lookup) {
  if (lookups.size() < kMaxLookups) lookups.push_back(std::move(lookup));
}

// What can be had without a task of its own; null: it must be waited for.
AnswerPtr at_hand(Resolver& resolver, std::vector<Lookup>& lookups, const Question& question,
                  Asking asking) {
  AnswerPtr answer = asking.fresh ? nullptr : resolver.at_hand(question);
  if (answer) keep(lookups, {question, answer, {}, true});
  return answer;
}

io::Task<> wait_for(Resolver& resolver, const Clock& clock, std::vector<Lookup>& lookups, Question question,
                    Asking asking, AnswerPtr& answer) {
  const TimePoint began = clock.now();
  answer = co_await resolver.ask(question, asking);
  keep(lookups, {std::move(question), answer, clock.now() - began, false});
}

}  // namespace

std::string summary(const Answer& answer) {
  if (!answer.found()) return why_none(answer);
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
  if (AnswerPtr answer = at_hand(resolver, lookups, question, asking)) co_return answer;
  const TimePoint began = clock.now();
  AnswerPtr answer = co_await resolver.ask(question, asking);
  keep(lookups, {std::move(question), answer, clock.now() - began, false});
  co_return answer;
}

io::Task<std::vector<AnswerPtr>> ask_all(Resolver& resolver, const Clock& clock,
                                         std::vector<Lookup>& lookups, std::vector<Question> questions,
                                         Asking asking) {
  std::vector<AnswerPtr> answers(questions.size());
  std::vector<io::Task<>> tasks;
  for (std::size_t place = 0; place < questions.size(); ++place) {
    answers[place] = at_hand(resolver, lookups, questions[place], asking);
    if (!answers[place])
      tasks.push_back(
          wait_for(resolver, clock, lookups, std::move(questions[place]), asking, answers[place]));
  }
  if (!tasks.empty()) co_await io::together(std::move(tasks));
  co_return answers;
}

}  // namespace sallyport::dns
