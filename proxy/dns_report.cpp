#include "proxy/dns_report.h"

#include <fmt/format.h>

#include "base/text.h"

namespace sallyport::proxy {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(out, text);
  return out + '"';
}

}  // namespace

long long milliseconds(Duration took) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
}

std::string as_text(const DnsReport& report) {
  std::string out = fmt::format("{}: {}\n", report.check, report.result);
  for (const auto& [name, value] : report.details)
    if (!value.empty()) out += fmt::format("  {:<13}{}\n", name, printable(value));
  for (const auto& [name, count] : report.counts) out += fmt::format("  {:<13}{}\n", name, count);
  for (const dns::Lookup& lookup : report.lookups)
    out += fmt::format("  {:<13}{} -> {} ({} ms)\n", "asked", dns::to_string(lookup.question),
                       dns::summary(*lookup.answer), milliseconds(lookup.took));
  return out;
}

std::string as_json(const DnsReport& report) {
  std::string out =
      fmt::format("{{\"check\":{},\"result\":{}", quoted(report.check), quoted(report.result));
  for (const auto& [name, value] : report.details)
    out += fmt::format(",{}:{}", quoted(name), quoted(value));
  for (const auto& [name, count] : report.counts) out += fmt::format(",{}:{}", quoted(name), count);
  out += ",\"lookups\":[";
  for (std::size_t place = 0; place < report.lookups.size(); ++place) {
    const dns::Lookup& lookup = report.lookups[place];
    out +=
        fmt::format("{}{{\"question\":{},\"status\":{},\"answer\":{},\"ms\":{}}}", place == 0 ? "" : ",",
                    quoted(dns::to_string(lookup.question)), quoted(dns::to_string(lookup.answer->status)),
                    quoted(dns::summary(*lookup.answer)), milliseconds(lookup.took));
  }
  return out + "]}\n";
}

}  // namespace sallyport::proxy
