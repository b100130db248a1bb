// Header blocks: the scanner, the clients that Received fields name, the digest that a message is known by,
// and the fields that we write.
#include <algorithm>
#include <tuple>

#include "base/mail/authentication_fields.h"
#include "base/mail/authentication_results.h"
#include "base/mail/content.h"
#include "base/mail/digest.h"
#include "base/mail/received_client.h"
#include "base/mail/trace.h"
#include "base/text.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sallyport::fuzz {
namespace {

constexpr std::string_view kOurName = "mx.example.test";

class Scanning {
 public:
  explicit Scanning(std::uint64_t most) : scanner_(most, std::string(kOurName)) {}
  void feed(std::string_view piece) { scanner_.feed(piece); }
  auto result() {
    scanner_.finish();
    const auto& s = scanner_;
    // Of a block that is too large nothing else is promised but that.
    if (s.too_large())
      return std::tuple(true, false, false, std::uint64_t{0}, 0, 0, false, false, std::uint64_t{0});
    return std::tuple(false, s.complete(), s.absent(), s.malformed_line(), s.received(), s.received_by_us(),
                      s.identified(), s.automatic(), s.octets());
  }
  const mail::HeaderScanner& scanner() const { return scanner_; }

 private:
  mail::HeaderScanner scanner_;
};

class Digesting {
 public:
  void feed(std::string_view piece) { digest_.feed(piece); }
  std::string result() { return digest_.finish(); }

 private:
  mail::MessageDigest digest_;
};

class Reading {
 public:
  void feed(std::string_view piece) { clients_.feed(piece); }
  auto result() {
    clients_.finish();
    return clients_.found();
  }

 private:
  mail::ReceivedClients clients_;
};

class Filtering {
 public:
  void feed(std::string_view piece) { filter_.feed(piece, out_); }
  std::string result() {
    filter_.finish(out_);
    return out_;
  }

 private:
  mail::AuthenticationResultsFilter filter_{std::string(kOurName)};
  std::string out_;
};

std::string digest_of(std::string_view message) {
  Digesting digest;
  digest.feed(message);
  return digest.result();
}

// Lines of a message up to the first empty one.
std::vector<std::string_view> header_lines(std::string_view message) {
  std::vector<std::string_view> lines;
  while (!message.empty()) {
    const std::size_t lf = message.find('\n');
    std::string_view line = message.substr(0, lf);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) break;
    lines.push_back(line);
    message.remove_prefix(lf == std::string_view::npos ? message.size() : lf + 1);
  }
  return lines;
}

int count_certain(std::string_view message) {
  int count = 0;
  for (const std::string_view line : header_lines(message))
    count += istarts_with(line, "Received:") ? 1 : 0;
  return count;
}

// What we write is one field, whatever strangers put into it.
void check_field(std::string_view field) {
  promise(field.ends_with("\r\n"), "a field that we write is a field");
  for (bool first = true; !field.empty(); first = false) {
    const std::size_t end = field.find("\r\n");
    const std::string_view line = field.substr(0, end);
    promise(!line.empty() && line.size() <= 998 && line.find_first_of("\r\n\0") == std::string_view::npos,
            "its lines are lines");
    promise(first || line.front() == ' ' || line.front() == '\t', "its further lines are folded");
    field.remove_prefix(end + 2);
  }
}

// Nothing in the facts, which strangers choose, can end the field or start another one.
std::string check_trace(std::string_view strangers) {
  mail::ReceivedFacts facts;
  facts.helo = strangers;
  facts.reverse_name = strangers.substr(0, 60);
  facts.client = *IpAddress::parse("192.0.2.1");
  facts.by = kOurName;
  facts.id = "testid";
  facts.recipient = strangers;
  const std::string field = mail::received_field(facts);
  check_field(field);
  promise(field.starts_with("Received:"), "and a trace field");
  const auto client = mail::received_client(std::string_view(field).substr(9));
  promise(client && client->address == facts.client, "it says who the client was, whatever that said");
  return field;
}

void check_results(const std::string& strangers) {
  const std::string results = mail::authentication_results_field(
      kOurName, {{"spf", "pass", strangers, strangers, {{"smtp.mailfrom", strangers}}}});
  check_field(results);
  Filtering filtering;
  filtering.feed(results + "\r\n");
  promise(filtering.result() == "\r\n", "our own results are known as ours");
  mail::ReceivedSpf facts;
  facts.comment = facts.envelope_from = facts.helo = facts.mechanism = facts.problem = strangers;
  check_field(mail::received_spf_field(facts, true));
}

void check_prepended(const std::string& field, const std::string& message,
                     const mail::HeaderScanner& before) {
  Scanning alone(100'000), both(100'000);
  alone.feed(field);
  (void)alone.result();
  promise(alone.scanner().received_by_us() == 1 && !alone.scanner().malformed(), "our own field is seen");
  if (before.absent() || message.starts_with(' ') || message.starts_with('\t')) return;
  both.feed(field + message);
  (void)both.result();
  promise(both.scanner().received() == before.received() + 1, "one more Received field");
  promise(both.scanner().received_by_us() == before.received_by_us() + 1, "one more of ours");
  promise(both.scanner().malformed() == before.malformed(), "it makes no line malformed");
  const bool usual_name = message.find(':') < 64;  // the digest takes a longer one for no field
  if (usual_name)
    promise(digest_of(field + message) == digest_of(message), "a message that has travelled is the same");
}

}  // namespace

void header(std::string_view input) {
  const std::size_t choice = take_choice(input, header_letters());
  const std::string message = spell(input, header_letters());
  (void)same_however_cut(message, [&] { return Scanning(choice % 2 == 0 ? 100'000 : 40); });
  (void)same_however_cut(message, [] { return Digesting(); });
  (void)same_however_cut(message, [] { return Filtering(); });
  const auto clients = same_however_cut(message, [] { return Reading(); });
  Scanning whole(100'000);
  whole.feed(message);
  (void)whole.result();
  const auto& scanner = whole.scanner();
  promise(scanner.received() >= count_certain(message), "no Received field is missed");
  promise(scanner.received_by_us() <= scanner.received(), "ours are among them");
  promise(scanner.octets() <= message.size(), "no more octets than there are");
  promise(scanner.malformed_line() <= header_lines(message).size(), "the line at fault is one of them");
  const auto most = static_cast<int>(mail::ReceivedClients::kMostFields);
  promise(static_cast<int>(clients.size()) >= std::min(scanner.received(), most), "nor one's client");
  check_prepended(check_trace(message), message, scanner);
  check_results(message);
}

}  // namespace sallyport::fuzz
