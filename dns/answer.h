// What became of a question. Always a value: a network that is down is a Status, not an exception.
//
// Immutable once made, shared by the cache and by whoever waits for it, on any core.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "dns/name.h"

namespace sallyport::dns {

enum class Status : std::uint8_t {
  found,        // NOERROR with at least one record of the type, behind at most 10 CNAMEs
  no_data,      // NOERROR, the name exists and has none of that type
  nx_domain,    // the name, or the end of its CNAME chain, does not exist (RFC 2308, RFC 6604)
  serv_fail,    // SERVFAIL, a CNAME loop, an answer cut off that TCP could not complete
  timeout,      // no answer in time, from any server
  refused,      // REFUSED, NOTIMP, or any other code
  unreachable,  // nobody listens at the server, no way leads there, or it broke the connection
  malformed,    // FORMERR, or bytes that are no answer to our question
  exhausted,    // never asked: the session's budget of questions or of time was used up
};

std::string_view to_string(Status status);  // "found", "NODATA", "NXDOMAIN", "SERVFAIL", "timeout", ...

// The one place where it is decided which look-ups count as void (RFC 7208 4.6.4) ...
bool is_void(Status status);
// ... and which say nothing about the name, so that nothing permanent may follow from them.
bool is_temporary(Status status);

struct Mx {
  std::uint16_t preference = 0;
  Name exchange;  // the root: null MX (RFC 7505)
  auto operator<=>(const Mx&) const = default;
};

// A and AAAA: IpAddress. MX: Mx. PTR, NS, CNAME: Name. TXT: the strings of one record, joined without
// blanks (RFC 7208 3.3), any octets in them, at most 64 KiB. SOA is used for negative TTLs only.
using Record = std::variant<IpAddress, Mx, Name, std::string>;

struct Answer {
  Status status = Status::timeout;
  std::vector<Record> records;  // of the type asked for, in the order received; empty unless found
  std::chrono::seconds ttl{0};  // the least of all that was used; negative answers: by SOA (RFC 2308 5)
  bool authentic = false;       // the AD bit, as a validating resolver set it (RFC 4035 3.2.3)
  Name owner;                   // where the CNAMEs led; the question's name if there were none
  TimePoint until = TimePoint::min();  // what follows from it may be remembered so long, as it is itself
  std::optional<Endpoint> server;      // whose failure it is; none: every server's, or nobody's

  bool found() const { return status == Status::found; }
};

using AnswerPtr = std::shared_ptr<const Answer>;

// One that has nothing to tell of `owner` but why.
Answer answer_without_records(Status status, Name owner);

// The records of one kind: for (const IpAddress& address : all<IpAddress>(answer)) ...
template <class Kind>
std::vector<Kind> all(const Answer& answer) {
  std::vector<Kind> kind;
  for (const Record& record : answer.records)
    if (const Kind* value = std::get_if<Kind>(&record)) kind.push_back(*value);
  return kind;
}

}  // namespace sallyport::dns
