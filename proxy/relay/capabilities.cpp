#include "proxy/relay/capabilities.h"

#include <algorithm>

#include "base/text.h"

namespace sallyport::relay {
namespace {

std::string_view take_word(std::string_view& text) {
  text = trim(text);
  const auto end = text.find_first_of(" \t");
  const auto word = text.substr(0, end);
  text.remove_prefix(word.size());
  return word;
}

void add_mechanisms(std::string_view names, HopCapabilities& out) {
  for (auto name = take_word(names); !name.empty(); name = take_word(names)) {
    if (iequals(name, "PLAIN")) out.auth_plain = true;
    if (iequals(name, "LOGIN")) out.auth_login = true;
  }
}

void add_line(std::string_view line, HopCapabilities& out) {
  const auto keyword = take_word(line);
  if (iequals(keyword, "STARTTLS")) out.starttls = true;
  if (iequals(keyword, "PIPELINING")) out.pipelining = true;
  if (iequals(keyword, "CHUNKING")) out.chunking = true;
  if (iequals(keyword, "8BITMIME")) out.eight_bit = true;
  if (iequals(keyword, "SMTPUTF8")) out.smtputf8 = true;
  if (iequals(keyword, "DSN")) out.dsn = true;
  if (iequals(keyword, "AUTH")) add_mechanisms(line, out);
  if (iequals(keyword, "SIZE")) {
    out.size_offered = true;
    out.size = parse_unsigned(take_word(line)).value_or(0);
  }
}

}  // namespace

HopCapabilities HopCapabilities::parse(const std::vector<std::string>& lines) {
  HopCapabilities out;
  for (std::size_t i = 1; i < lines.size(); ++i) add_line(lines[i], out);
  return out;
}

std::string HopCapabilities::to_record() const {
  std::string record;
  const auto add = [&record](bool offered, std::string_view keyword) {
    if (offered) record.append(keyword).append("\n");
  };
  add(starttls, "STARTTLS");
  add(pipelining, "PIPELINING");
  add(chunking, "CHUNKING");
  add(eight_bit, "8BITMIME");
  add(smtputf8, "SMTPUTF8");
  add(dsn, "DSN");
  add(auth_plain, "AUTH PLAIN");
  add(auth_login, "AUTH LOGIN");
  add(size_offered, "SIZE " + std::to_string(size));
  return record;
}

HopCapabilities HopCapabilities::from_record(std::string_view record) {
  HopCapabilities out;
  while (!record.empty()) {
    const auto end = std::min(record.find('\n'), record.size());
    add_line(record.substr(0, end), out);
    record.remove_prefix(std::min(end + 1, record.size()));
  }
  return out;
}

}  // namespace sallyport::relay
