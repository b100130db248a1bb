// What look-ups have found, for as long as the answers hold that they found it in: a client that was here a
// minute ago costs a look, and no question, parsing or judging of records.
//
// Kept by the whole input of a look-up, and found under the settings that it ran under
// (Settings::fact_scope) and no others: they say which lists there are, and which names are generic. The
// resolver's epoch is part of the input. Only what is certain is remembered: nothing temporary, nothing in
// which an answer failed. Whether a list is to be asked at all is the caller's affair, and so is `fresh`.
// Most are never recalled: a fact is kept as the session has it that found it, and made that of later ones
// by the first of them. Bounded; thread-safe.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/bounded_memory.h"
#include "base/clock.h"
#include "base/mail/evidence.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

class FactMemory {
 public:
  static constexpr std::size_t kMaxBytes = 16 << 20;
  static constexpr auto kLongest = std::chrono::hours(24);

  using Scope = std::shared_ptr<const FactScope>;
  explicit FactMemory(std::size_t max_bytes = kMaxBytes) : facts_(max_bytes) {}

  // `parts`: all that the look-up was given, but for settings. No two inputs have the same text.
  static std::string input(const mail::FactKey& key, std::initializer_list<std::string_view> parts,
                           unsigned epoch = 0);

  // As it is evidence of a later session: answered from memory, in no time. Null: not known.
  mail::FactPtr recall(const std::string& input, const Scope& scope, TimePoint now);
  void remember(std::string input, mail::FactPtr fact, const Scope& scope, TimePoint now);
  void clear() { facts_.clear(); }
  MemorySize size() const { return facts_.size(); }

 private:
  struct Remembered {
    mail::FactPtr fact;
    std::weak_ptr<const FactScope> under;  // whose place in memory is taken by no other
    TimePoint until;
    bool recalled = false;  // it is evidence of a later session already
  };

  void put(std::string input, Remembered remembered);

  BoundedMemory<std::string, Remembered> facts_;
};

}  // namespace sallyport::proxy
