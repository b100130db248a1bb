// DNS messages on the wire (RFC 1035 4): the query we send, and a bounded reading of what comes back.
//
// Pure. What a server sends is hostile input: compression pointers must go backwards and are counted,
// counts and lengths are checked against the octets that are there, at most kMaxRecords records are looked
// at, and only those are used whose owner is the question's name or a CNAME away from it. No other names
// are decompressed, and of those that are not more than kMaxNameOctets are kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "dns/answer.h"
#include "dns/question.h"

namespace sallyport::dns {

constexpr int kMaxCnames = 10;
constexpr int kMaxRecords = 4096;
constexpr std::size_t kMaxNameOctets = 128 << 10;  // twice the longest message

// Recursion desired, AD set (we want to hear of it: RFC 6840 5.7); with EDNS0, and a 1232 octet payload, or
// for servers that do not know it without.
std::string query(const Question& question, std::uint16_t id, bool edns = true);

// Of a response to one question; nullopt: it is none.
struct Heading {
  std::uint16_t id = 0;
  bool truncated = false;
};
std::optional<Heading> read_heading(std::span<const std::uint8_t> message);
// Whether that question is this one.
bool is_about(std::span<const std::uint8_t> message, const Question& question);

// What messages had of CNAMEs, one after the other.
struct Aliases {
  int followed = 0;
  bool open =
      false;  // the last message ended with one, and told nothing of its target: no data, and no SOA
};

// Status and records as described in answer.h. TTLs are as received (a TTL over 2^31-1 is 0: RFC 2181 8);
// clamping is the cache's. An answer whose question is not ours is `malformed`. Truncation (TC) is for the
// transport to act on: here it is serv_fail.
Answer read_answer(const Question& question, std::span<const std::uint8_t> message, Aliases& aliases);
Answer read_answer(const Question& question, std::span<const std::uint8_t> message);

}  // namespace sallyport::dns
