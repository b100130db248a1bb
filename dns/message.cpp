#include "dns/message.h"

#include <algorithm>
#include <set>
#include <utility>

namespace sallyport::dns {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint16_t kInternet = 1;
constexpr std::uint16_t kOpt = 41;
constexpr std::uint16_t kUdpPayload = 1232;  // what passes everywhere unfragmented
constexpr int kMaxPointers = 64;

void put16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8U & 0xffU);
  out += static_cast<char>(value & 0xffU);
}

// Reads forward through a message. After the first thing that is not there, everything is zero and
// good() is false: a reader looks once, at the end.
class Cursor {
 public:
  explicit Cursor(Bytes message, std::size_t at = 0) : message_(message), at_(at) {}

  bool good() const { return good_; }
  std::size_t at() const { return at_; }

  std::uint8_t octet() {
    if (at_ >= message_.size()) good_ = false;
    return good_ ? message_[at_++] : 0;
  }
  unsigned number16() {
    const unsigned high = octet();
    return high << 8U | octet();
  }
  std::uint32_t number32() {
    const std::uint32_t high = number16();
    return high << 16U | number16();
  }
  Bytes octets(std::size_t length) {
    if (!good_ || message_.size() - at_ < length) good_ = false;
    if (!good_) return {};
    at_ += length;
    return message_.subspan(at_ - length, length);
  }

  // A name, its compression resolved (RFC 1035 4.1.4). A pointer must lead backwards: so there is no loop.
  Name name() {
    std::vector<std::string> labels;
    std::size_t read_at = at_, back_from = at_, wire = 1;
    bool jumped = false;
    for (int pointers = 0;;) {
      if (read_at >= message_.size()) return broken();
      const std::size_t length = message_[read_at++];
      if (length == 0) break;
      if (length >= 0xc0) {
        if (read_at >= message_.size() || ++pointers > kMaxPointers) return broken();
        const std::size_t target = (length & 0x3fU) << 8U | message_[read_at++];
        if (!jumped) at_ = read_at;
        jumped = true;
        if (target >= back_from) return broken();
        read_at = back_from = target;
        continue;
      }
      wire += length + 1;
      if (length > Name::kMaxLabel || wire > Name::kMaxWire || message_.size() - read_at < length)
        return broken();
      labels.emplace_back(message_.begin() + static_cast<std::ptrdiff_t>(read_at),
                          message_.begin() + static_cast<std::ptrdiff_t>(read_at + length));
      read_at += length;
    }
    if (!jumped) at_ = read_at;
    auto name = Name::from_labels(labels);
    return name ? std::move(*name) : broken();
  }

 private:
  Name broken() {
    good_ = false;
    return {};
  }

  Bytes message_;
  std::size_t at_;
  bool good_ = true;
};

struct Header {
  unsigned id = 0, flags = 0, questions = 0, answers = 0, authorities = 0;

  bool is_response() const { return (flags & 0x8000U) != 0; }
  bool is_query() const { return (flags & 0x7800U) == 0; }  // opcode 0
  bool truncated() const { return (flags & 0x0200U) != 0; }
  bool authentic() const { return (flags & 0x0020U) != 0; }
  unsigned rcode() const { return flags & 0x000fU; }
};

struct Resource {
  Name owner;
  unsigned type = 0, klass = 0;
  std::chrono::seconds ttl{0};
  std::size_t data_at = 0, data_length = 0;
};

Header read_header(Cursor& cursor) {
  Header header;
  header.id = cursor.number16();
  header.flags = cursor.number16();
  header.questions = cursor.number16();
  header.answers = cursor.number16();
  header.authorities = cursor.number16();
  cursor.number16();  // additional records are never looked at
  return header;
}

Resource read_resource(Cursor& cursor) {
  Resource resource;
  resource.owner = cursor.name();
  resource.type = cursor.number16();
  resource.klass = cursor.number16();
  const std::uint32_t ttl = cursor.number32();
  resource.ttl = std::chrono::seconds(ttl > 0x7fffffffU ? 0 : ttl);  // RFC 2181 8
  resource.data_length = cursor.number16();
  resource.data_at = cursor.at();
  cursor.octets(resource.data_length);
  return resource;
}

std::optional<Record> read_address(Bytes data, Type type) {
  IpAddress::Bytes bytes{};
  if (data.size() != (type == Type::a ? 4U : 16U)) return std::nullopt;
  if (type == Type::a) bytes[10] = bytes[11] = 0xff;
  std::ranges::copy(data, bytes.end() - static_cast<std::ptrdiff_t>(data.size()));
  return IpAddress(bytes);
}

std::optional<Record> read_text(Bytes data) {
  if (data.empty()) return std::nullopt;
  std::string text;
  while (!data.empty()) {
    const std::size_t length = data.front();
    if (data.size() - 1 < length) return std::nullopt;
    text.append(data.begin() + 1, data.begin() + 1 + static_cast<std::ptrdiff_t>(length));
    data = data.subspan(length + 1);
  }
  return text;
}

// A name that ends exactly where its record ends.
std::optional<Name> read_last_name(Cursor& cursor, const Resource& resource) {
  Name name = cursor.name();
  const bool fits = cursor.good() && cursor.at() == resource.data_at + resource.data_length;
  return fits ? std::optional(std::move(name)) : std::nullopt;
}

std::optional<Record> read_record(Bytes message, const Resource& resource, Type type) {
  const Bytes data = message.subspan(resource.data_at, resource.data_length);
  Cursor cursor(message, resource.data_at);
  switch (type) {
    case Type::a:
    case Type::aaaa:
      return read_address(data, type);
    case Type::txt:
      return read_text(data);
    case Type::mx: {
      const auto preference = static_cast<std::uint16_t>(cursor.number16());
      auto exchange = read_last_name(cursor, resource);
      return exchange ? std::optional<Record>(Mx{preference, std::move(*exchange)}) : std::nullopt;
    }
    case Type::soa:
      return std::nullopt;
    default: {
      auto name = read_last_name(cursor, resource);
      return name ? std::optional<Record>(std::move(*name)) : std::nullopt;
    }
  }
}

Status status_of(unsigned rcode) {
  switch (rcode) {
    case 0:
      return Status::no_data;  // unless there is data
    case 1:
      return Status::malformed;
    case 2:
      return Status::serv_fail;
    case 3:
      return Status::nx_domain;
    default:
      return Status::refused;
  }
}

// How long "it is not there" holds: the lesser of the SOA's TTL and its MINIMUM (RFC 2308 5).
std::optional<std::chrono::seconds> negative_ttl(Bytes message, const Resource& soa) {
  Cursor cursor(message, soa.data_at);
  cursor.name();
  cursor.name();
  for (int times = 0; times < 4; ++times) cursor.number32();
  const std::uint32_t minimum = cursor.number32();
  if (!cursor.good() || cursor.at() > soa.data_at + soa.data_length) return std::nullopt;
  return std::min(soa.ttl, std::chrono::seconds(minimum > 0x7fffffffU ? 0 : minimum));
}

class Reading {
 public:
  Reading(const Question& question, Bytes message)
      : question_(question), message_(message), cursor_(message) {}

  Answer answer() {
    const Header header = read_header(cursor_);
    if (!is_ours(header)) return failed(Status::malformed);
    if (header.truncated()) return failed(Status::serv_fail);
    const Status status = status_of(header.rcode());
    if (is_temporary(status)) return failed(status);
    if (!collect(header)) return failed(Status::malformed);
    answer_.status = status;
    answer_.authentic = header.authentic();
    if (!follow_aliases()) return failed(Status::serv_fail);
    if (status == Status::no_data && !take_records()) return failed(Status::malformed);
    if (!answer_.found()) take_negative_ttl();
    return std::move(answer_);
  }

 private:
  Answer failed(Status status) const { return answer_without_records(status, question_.name); }

  bool is_ours(const Header& header) {
    if (!cursor_.good() || !header.is_response() || !header.is_query()) return false;
    // A server that understood nothing may leave the question out.
    if (header.questions == 0) return header.rcode() != 0 && header.rcode() != 3 && header.answers == 0;
    const Name name = cursor_.name();
    const unsigned type = cursor_.number16(), klass = cursor_.number16();
    return header.questions == 1 && cursor_.good() && name == question_.name &&
           type == static_cast<unsigned>(question_.type) && klass == kInternet;
  }

  bool collect(const Header& header) {
    if (header.answers + header.authorities > kMaxRecords) return false;
    for (unsigned count = 0; count < header.answers; ++count) {
      Resource resource = read_resource(cursor_);
      if (!cursor_.good()) return false;
      if (resource.klass == kInternet) answers_.push_back(std::move(resource));
    }
    for (unsigned count = 0; count < header.authorities; ++count) {
      Resource resource = read_resource(cursor_);
      if (!cursor_.good()) return false;
      if (resource.klass == kInternet && resource.type == static_cast<unsigned>(Type::soa))
        authority_.push_back(std::move(resource));
    }
    return true;
  }

  const Resource* alias_of(const Name& name) const {
    const auto found = std::ranges::find_if(answers_, [&](const Resource& resource) {
      return resource.type == static_cast<unsigned>(Type::cname) && resource.owner == name;
    });
    return found == answers_.end() ? nullptr : &*found;
  }

  void hold(std::chrono::seconds ttl) {
    answer_.ttl = has_ttl_ ? std::min(answer_.ttl, ttl) : ttl;
    has_ttl_ = true;
  }

  // From the question's name along the CNAMEs; false: round in circles, or too far.
  bool follow_aliases() {
    answer_.owner = question_.name;
    if (question_.type == Type::cname) return true;
    for (int aliases = 0; const Resource* alias = alias_of(answer_.owner); ++aliases) {
      auto target = read_record(message_, *alias, Type::cname);
      if (aliases == kMaxCnames || !target) return false;
      hold(alias->ttl);
      answer_.owner = std::get<Name>(std::move(*target));
    }
    return true;
  }

  bool take_records() {
    for (const Resource& resource : answers_) {
      if (resource.type != static_cast<unsigned>(question_.type) || resource.owner != answer_.owner)
        continue;
      auto record = read_record(message_, resource, question_.type);
      if (!record) return false;
      hold(resource.ttl);
      answer_.records.push_back(std::move(*record));
    }
    if (!answer_.records.empty()) answer_.status = Status::found;
    return true;
  }

  void take_negative_ttl() {
    for (const Resource& soa : authority_) {
      if (!answer_.owner.is_below(soa.owner)) continue;
      if (const auto ttl = negative_ttl(message_, soa)) return hold(*ttl);
    }
    hold(std::chrono::seconds(0));
  }

  const Question& question_;
  Bytes message_;
  Cursor cursor_;
  std::vector<Resource> answers_;
  std::vector<Resource> authority_;  // SOA
  Answer answer_;
  bool has_ttl_ = false;
};

}  // namespace

std::string query(const Question& question, std::uint16_t id) {
  std::string out;
  put16(out, id);
  put16(out, 0x0120);  // recursion desired, AD
  for (const unsigned count : {1, 0, 0, 1}) put16(out, count);
  out += question.name.wire();
  put16(out, static_cast<unsigned>(question.type));
  put16(out, kInternet);
  out += '\0';  // OPT of the root (RFC 6891 6.1.2)
  put16(out, kOpt);
  put16(out, kUdpPayload);
  for (int times = 0; times < 3; ++times) put16(out, 0);
  return out;
}

Answer read_answer(const Question& question, std::span<const std::uint8_t> message) {
  return Reading(question, message).answer();
}

}  // namespace sallyport::dns
