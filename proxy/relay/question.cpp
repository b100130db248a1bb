#include "proxy/relay/question.h"

#include <utility>

#include "proxy/relay/permits.h"

namespace sallyport::relay {

struct Questions::Question {
  std::optional<RecipientAnswer> answer;
  std::vector<std::shared_ptr<io::Signal>> waiting;
};

namespace {

std::string on_core(const io::Executor& executor, const std::string& key) {
  return std::to_string(reinterpret_cast<std::uintptr_t>(&executor.context())) + " " + key;
}

}  // namespace

Questions::Entry Questions::join(const io::Executor& executor, const std::string& key) {
  auto own_key = on_core(executor, key);
  const std::lock_guard lock(mutex_);
  auto& question = open_[own_key];
  const bool first = !question;
  if (first) question = std::make_shared<Question>();
  return Entry(*this, std::move(own_key), question, first);
}

bool Questions::is_open(const io::Executor& executor, const std::string& key) {
  const auto own_key = on_core(executor, key);
  const std::lock_guard lock(mutex_);
  return open_.contains(own_key);
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
