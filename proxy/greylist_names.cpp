#include "proxy/greylist_names.h"

#include <optional>
#include <utility>

#include "policy/envelope_sender.h"
#include "proxy/log_line.h"

namespace sallyport::proxy {
namespace {

std::optional<mail::Path> read_address(std::string_view name) {
  mail::Path path;
  const bool reads = mail::parse_path(name, {.smtputf8 = true}, path) == mail::PathFault::none;
  return reads && !path.is_null() ? std::optional(std::move(path)) : std::nullopt;
}

}  // namespace

GreylistName::GreylistName(Of of, std::string written) : of_(of), written_(std::move(written)) {
  if (written_ == "<>")
    one_.emplace();
  else if (!written_.contains('*'))
    one_ = read_address(written_);
}

std::string GreylistName::lasting(const mail::Path& path) const {
  return of_ == Of::sender ? policy::lasting_sender(path) : path.key();
}

bool GreylistName::means(const std::string& name) const {
  if (is_anybody()) return true;
  if (name.empty() || written_ == "<>") return name.empty() && written_ == "<>";
  if (!one_) return address_matches(written_, name);
  const auto path = read_address(name);
  return path && lasting(*path) == lasting(*one_);
}

}  // namespace sallyport::proxy
