#include "proxy/relay/question.h"

#include <utility>

#include "proxy/relay/permits.h"

namespace sallyport::relay {

struct Questions::Question {
  std::optional<RecipientAnswer> answer;
  std::vector<std::shared_ptr<io::Signal>> waiting;
};

Questions::Entry Questions::join(const io::Executor& executor, const std::string& key) {
  const auto core = std::to_string(reinterpret_cast<std::uintptr_t>(&executor.context()));
  const std::lock_guard lock(mutex_);
  auto& question = open_[core + " " + key];
  const bool first = !question;
  if (first) question = std::make_shared<Question>();
  return Entry(*this, core + " " + key, question, first);
}

Questions::Entry::Entry(Questions& questions, std::string key, std::shared_ptr<Question> question,
                        bool first)
    : questions_(questions), key_(std::move(key)), question_(std::move(question)), first_(first) {}

Questions::Entry::~Entry() {
  if (!first_) return;
  {
    const std::lock_guard lock(questions_.mutex_);
    questions_.open_.erase(key_);
  }
  for (const auto& signal : question_->waiting) signal->notify();
}

void Questions::Entry::settle(const RecipientAnswer& answer) { question_->answer = answer; }

io::Task<std::optional<RecipientAnswer>> Questions::Entry::answer_of_first(TimePoint deadline) {
  const auto signal = std::make_shared<io::Signal>(co_await io::this_executor());
  question_->waiting.push_back(signal);
  (void)co_await signal->wait(deadline);
  co_return question_->answer;
}

}  // namespace sallyport::relay
