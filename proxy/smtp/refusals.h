// What a session refused, for its event: the commands with their replies, in order.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/mail/reply.h"
#include "proxy/smtp/command_line.h"

namespace sallyport::smtp {

struct Refused {
  Verb verb = Verb::unknown;
  // "MAIL FROM:<a@b..c> SIZE=9", untrusted and cut; of what might be a password only the verb, or nothing.
  // "": no command was being carried out (the greeting, a client that is silent).
  std::string command;
  mail::Reply reply;
};

// The first of them and the last, which tells how it ended; costs nothing where nothing is refused.
class Refusals {
 public:
  static constexpr std::size_t kKept = 10;

  void add(Refused refused) {
    ++count_;
    if (list_.size() < kKept)
      list_.push_back(std::move(refused));
    else
      list_.back() = std::move(refused);
  }
  const std::vector<Refused>& list() const { return list_; }
  std::size_t count() const { return count_; }  // of all

 private:
  std::vector<Refused> list_;
  std::size_t count_ = 0;
};

}  // namespace sallyport::smtp
