// A resolver that answers from a master file's text: for tests, and for `try --zone` and `dns --zone`.
//
// Takes the part of RFC 1035 5 that people write by hand: $ORIGIN, $TTL, @, blanks for the last owner,
// parentheses, quoted strings, comments, TTL and class in either order; A, AAAA, MX, TXT, PTR, NS, CNAME,
// SOA; wildcards (RFC 4592). Types that nothing here asks for are passed over. Beyond it, TIMEOUT, REFUSED,
// SERVFAIL or UNREACHABLE in place of a type lets all questions for a name fail, behind a type those of
// that type: `broken.example. TXT SERVFAIL`. A name that has others below it exists (NODATA, RFC 8020).
// Answers at once. Thread-safe once it is filled.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/resolver.h"

namespace sallyport::dns {

class ZoneResolver : public Resolver {
 public:
  struct Fault {
    int line = 0;
    std::string message;  // what is wrong, and what to write instead
  };

  ZoneResolver();
  ~ZoneResolver() override;
  ZoneResolver(ZoneResolver&&) noexcept;
  ZoneResolver& operator=(ZoneResolver&&) noexcept;

  // What is wrong with the text goes to `faults`, all of it at once; the rest is served.
  static ZoneResolver parse(std::string_view text, std::vector<Fault>& faults);

  void add(const Name& owner, Type type, Record record, std::chrono::seconds ttl = std::chrono::hours(1));
  void fail(const Name& owner, std::optional<Type> type, Status status);  // nullopt: all types

  io::Task<AnswerPtr> ask(Question question, Asking asking) override;
  AnswerPtr at_hand(const Question& question) override { return answer(question); }

  AnswerPtr answer(const Question& question);
  std::vector<Question> asked() const;  // in order, the first 10,000

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

}  // namespace sallyport::dns
