// Questions that are being asked now, so that an equal one waits for the answer instead.
//
// Only tasks of one core share a question. Whoever joins first asks and settles; if it goes without
// settling, the others are told so and one of them asks. Thread rule: join() from every core, an Entry
// on its own.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/io/task.h"
#include "proxy/relay/relay.h"

namespace sallyport::relay {

class Questions {
  struct Question;

 public:
  class Entry {
   public:
    Entry(Questions& questions, std::string key, std::shared_ptr<Question> question, bool first);
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry();  // the first: wakes the others

    bool is_first() const { return first_; }
    void settle(const RecipientAnswer& answer);
    // Empty: the first went without an answer, or the deadline passed.
    io::Task<std::optional<RecipientAnswer>> answer_of_first(TimePoint deadline);

   private:
    Questions& questions_;
    std::string key_;
    std::shared_ptr<Question> question_;
    bool first_;
  };

  Entry join(const io::Executor& executor, const std::string& key);
  // Whether who joins now would wait.
  bool is_open(const io::Executor& executor, const std::string& key);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Question>> open_;  // by core and key
};

}  // namespace sallyport::relay
