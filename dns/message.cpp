#include "dns/message.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "dns/cursor.h"

namespace sallyport::dns {
namespace {

constexpr std::uint16_t kInternet = 1;
constexpr std::uint16_t kOpt = 41;
constexpr std::uint16_t kUdpPayload = 1232;  // what passes everywhere unfragmented
constexpr std::size_t kQueryBesidesName = 12 + 2 + 4 + 11;

void put16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8U & 0xffU);
  out += static_cast<char>(value & 0xffU);
}

struct Header {
  unsigned id = 0, flags = 0, questions = 0, answers = 0, authorities = 0, additional = 0;

  bool is_response() const { return (flags & 0x8000U) != 0; }
  bool is_query() const { return (flags & 0x7800U) == 0; }  // opcode 0
  bool truncated() const { return (flags & 0x0200U) != 0; }
  bool authentic() const { return (flags & 0x0020U) != 0; }
  unsigned rcode() const { return flags & 0x000fU; }
};

struct Resource {
  std::size_t owner_at = 0;  // names are read where they matter
  unsigned type = 0, klass = 0;
  std::chrono::seconds ttl{0};
  std::size_t data_at = 0, data_length = 0;
  unsigned extended_rcode = 0;  // of an OPT: the upper eight bits (RFC 6891 6.1.3)
};

Header read_header(Cursor& cursor) {
  Header header;
  header.id = cursor.number16();
  header.flags = cursor.number16();
  header.questions = cursor.number16();
  header.answers = cursor.number16();
  header.authorities = cursor.number16();
  header.additional = cursor.number16();
  return header;
}

bool is_question(Cursor& cursor, const Question& question) {
  return cursor.is_name(question.name) && cursor.number16() == static_cast<unsigned>(question.type) &&
         cursor.number16() == kInternet && cursor.good();
}

Resource read_resource(Cursor& cursor) {
  Resource resource;
  resource.owner_at = cursor.at();
  cursor.pass_name();
  resource.type = cursor.number16();
  resource.klass = cursor.number16();
  const std::uint32_t ttl = cursor.number32();
  resource.ttl = std::chrono::seconds(ttl > 0x7fffffffU ? 0 : ttl);  // RFC 2181 8
  resource.extended_rcode = ttl >> 24U;
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

std::size_t octets_of_name(const Record& record) {
  if (const auto* mx = std::get_if<Mx>(&record)) return mx->exchange.text().size();
  if (const auto* name = std::get_if<Name>(&record)) return name->text().size();
  return 0;
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
  cursor.pass_name();
  cursor.pass_name();
  for (int times = 0; times < 4; ++times) cursor.number32();
  const std::uint32_t minimum = cursor.number32();
  if (!cursor.good() || cursor.at() > soa.data_at + soa.data_length) return std::nullopt;
  return std::min(soa.ttl, std::chrono::seconds(minimum > 0x7fffffffU ? 0 : minimum));
}

class Reading {
 public:
  Reading(const Question& question, Bytes message, Aliases& aliases)
      : question_(question), message_(message), cursor_(message), followed_(aliases) {}

  Answer answer() {
    followed_.open = false;
    const Header header = read_header(cursor_);
    if (!is_ours(header)) return failed(Status::malformed);
    if (header.truncated()) return failed(Status::serv_fail);
    if (is_temporary(status_of(header.rcode()))) return failed(status_of(header.rcode()));
    if (!collect(header)) return failed(Status::malformed);
    const Status status = status_of(extended_rcode_ << 4U | header.rcode());
    if (is_temporary(status)) return failed(status);
    answer_.status = status;
    answer_.authentic = header.authentic();
    if (!follow_aliases()) return failed(Status::serv_fail);
    if (status == Status::no_data) take_records();
    if (!well_formed_) return failed(Status::malformed);
    followed_.open = answer_.status == Status::no_data && answer_.owner != question_.name && !soa_;
    if (!answer_.found() && !followed_.open) take_negative_ttl();
    return std::move(answer_);
  }

 private:
  Answer failed(Status status) const { return answer_without_records(status, question_.name); }

  bool is_ours(const Header& header) {
    if (!cursor_.good() || !header.is_response() || !header.is_query()) return false;
    // A server that understood nothing may leave the question out.
    if (header.questions == 0) return header.rcode() != 0 && header.rcode() != 3 && header.answers == 0;
    return header.questions == 1 && is_question(cursor_, question_);
  }

  bool collect(const Header& header) {
    if (header.answers + header.authorities + header.additional > kMaxRecords) return false;
    for (unsigned count = 0; count < header.answers && cursor_.good(); ++count)
      take_answer(read_resource(cursor_));
    for (unsigned count = 0; count < header.authorities && cursor_.good(); ++count) {
      const Resource resource = read_resource(cursor_);
      if (!soa_ && is(resource, Type::soa)) soa_ = resource;
    }
    for (unsigned count = 0; count < header.additional && cursor_.good(); ++count) {
      const Resource resource = read_resource(cursor_);
      if (resource.type == kOpt) extended_rcode_ = resource.extended_rcode;
    }
    return cursor_.good();
  }

  static bool is(const Resource& resource, Type type) {
    return resource.klass == kInternet && resource.type == static_cast<unsigned>(type);
  }

  void take_answer(const Resource& resource) {
    if (is(resource, question_.type))
      answers_.push_back(resource);
    else if (is(resource, Type::cname) && aliases_.size() <= kMaxCnames)  // one too many is seen to be that
      aliases_.push_back(resource);
  }

  bool is_of(const Name& name, const Resource& resource) {
    Cursor cursor(message_, resource.owner_at);
    const bool is_owner = cursor.is_name(name);
    well_formed_ = well_formed_ && cursor.good();
    return is_owner;
  }

  const Resource* alias_of(const Name& name) {
    const auto found =
        std::ranges::find_if(aliases_, [&](const Resource& alias) { return is_of(name, alias); });
    return found == aliases_.end() ? nullptr : &*found;
  }

  void hold(std::chrono::seconds ttl) {
    answer_.ttl = has_ttl_ ? std::min(answer_.ttl, ttl) : ttl;
    has_ttl_ = true;
  }

  // From the question's name along the CNAMEs; false: round in circles, or too far.
  bool follow_aliases() {
    answer_.owner = question_.name;
    for (int aliases = 0; const Resource* alias = alias_of(answer_.owner); ++aliases) {
      auto target = read_record(message_, *alias, Type::cname);
      if (aliases == kMaxCnames || !target) return false;
      ++followed_.followed;
      hold(alias->ttl);
      answer_.owner = std::get<Name>(std::move(*target));
    }
    return true;
  }

  void take_records() {
    std::size_t octets = 0;
    for (const Resource& resource : answers_) {
      if (!is_of(answer_.owner, resource)) continue;
      auto record = read_record(message_, resource, question_.type);
      octets += record ? octets_of_name(*record) : 0;
      well_formed_ = well_formed_ && record && octets <= kMaxNameOctets;
      if (!well_formed_) return;
      hold(resource.ttl);
      answer_.records.push_back(std::move(*record));
    }
    if (!answer_.records.empty()) answer_.status = Status::found;
  }

  void take_negative_ttl() {
    const bool holds = soa_ && answer_.owner.is_below(Cursor(message_, soa_->owner_at).name());
    hold(holds ? negative_ttl(message_, *soa_).value_or(std::chrono::seconds(0)) : std::chrono::seconds(0));
  }

  const Question& question_;
  Bytes message_;
  Cursor cursor_;
  Aliases& followed_;
  std::vector<Resource> answers_;  // of the type asked for, whosesoever
  std::vector<Resource> aliases_;
  std::optional<Resource> soa_;
  unsigned extended_rcode_ = 0;
  Answer answer_;
  bool has_ttl_ = false;
  bool well_formed_ = true;
};

}  // namespace

std::string query(const Question& question, std::uint16_t id, bool edns) {
  std::string out;
  out.reserve(kQueryBesidesName + question.name.text().size());
  put16(out, id);
  put16(out, 0x0120);  // recursion desired, AD
  for (const unsigned count : {1U, 0U, 0U, edns ? 1U : 0U}) put16(out, count);
  question.name.append_wire(out);
  put16(out, static_cast<unsigned>(question.type));
  put16(out, kInternet);
  if (!edns) return out;
  out += '\0';  // OPT of the root (RFC 6891 6.1.2)
  put16(out, kOpt);
  put16(out, kUdpPayload);
  for (int times = 0; times < 3; ++times) put16(out, 0);
  return out;
}

std::optional<Heading> read_heading(std::span<const std::uint8_t> message) {
  Cursor cursor(message);
  const Header header = read_header(cursor);
  if (!header.is_response() || !header.is_query() || header.questions != 1) return std::nullopt;
  return Heading{static_cast<std::uint16_t>(header.id), header.truncated()};
}

bool is_about(std::span<const std::uint8_t> message, const Question& question) {
  Cursor cursor(message);
  read_header(cursor);
  return is_question(cursor, question);
}

Answer read_answer(const Question& question, std::span<const std::uint8_t> message, Aliases& aliases) {
  return Reading(question, message, aliases).answer();
}

Answer read_answer(const Question& question, std::span<const std::uint8_t> message) {
  Aliases aliases;
  return read_answer(question, message, aliases);
}

}  // namespace sallyport::dns
