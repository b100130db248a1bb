// Which recipients already have which message, so that a retry delivers only the rest.
//
// Written when a transaction delivered to some but could not be answered 250; kept 5 days in the state
// store (kind "delivered"). Two records: that the pair of sender and recipient has any, and the one with
// the message's digest, so that mail of all other pairs is never hashed. Usable from every thread.
#pragma once

#include <string>
#include <vector>

#include "base/io/task.h"
#include "base/mail/address.h"
#include "base/result.h"
#include "base/store/message_buffer.h"
#include "base/store/state_store.h"

namespace sallyport::relay {

// Of the content without trace headers; the buffer's own error if it cannot be read.
io::Task<Result<std::string>> digest_of(store::MessageBuffer& content);

class DeliveredMemory {
 public:
  explicit DeliveredMemory(store::StateStore& state) : state_(state) {}

  bool may_know(const mail::Path& sender, const mail::Path& recipient) const;
  bool knows(const mail::Path& sender, const mail::Path& recipient, const std::string& digest) const;
  static constexpr Duration kKept = std::chrono::hours(24 * 5);
  // Durable when it returns success. The references must outlive the task.
  io::Task<Result<>> remember(const mail::Path& sender, const std::vector<mail::Path>& recipients,
                              const std::string& digest, Duration kept = kKept);
  // The retry was answered 250: equal mail that comes later is new mail, and must arrive.
  void forget(const mail::Path& sender, const mail::Path& recipient, const std::string& digest);

 private:
  store::StateStore& state_;
};

}  // namespace sallyport::relay
