// A resolver that answers from a master file's text: for tests, and for `try --zone` and `dns --zone`.
//
// Takes the part of RFC 1035 5 that people write by hand: $ORIGIN, $TTL, @, blanks for the last owner,
// parentheses, quoted strings, comments, TTL and class in either order; A, AAAA, MX, TXT, SPF (read as no
// type of ours), PTR, NS, CNAME, SOA; wildcards (RFC 4592). Beyond it, a line `NAME TIMEOUT` or
// `NAME SERVFAIL` (or REFUSED) lets questions for a name fail, and NAME TYPE TIMEOUT one of them.
// The empty name of a tree exists (NODATA), as RFC 8020 has it. Answers at once; counts what it was asked.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/resolver.h"

namespace sallyport::dns {

class ZoneResolver : public Resolver {
 public:
  struct Fault {
    int line = 0;
    std::string message;  // what is wrong, and what to write instead
  };

  // What is wrong with the text goes to `faults`, all of it at once; the rest is served.
  static ZoneResolver parse(std::string_view text, std::vector<Fault>& faults);

  void add(const Name& owner, Type type, Record record, std::chrono::seconds ttl = std::chrono::hours(1));
  void fail(const Name& owner, std::optional<Type> type, Status status);  // nullopt: all types

  io::Task<AnswerPtr> ask(Question question, Asking asking) override;
  AnswerPtr at_hand(const Question& question) override { return answer(question); }

  AnswerPtr answer(const Question& question);
  std::vector<Question> asked() const;  // in order, up to 10,000
};

}  // namespace sallyport::dns
