// Who waits by greylisting, as a person names him: an address as greylisting remembers it (whatever number
// a list has put into it), a domain, or a pattern with *. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/mail/address.h"

namespace sallyport::proxy {

class GreylistName {
 public:
  enum class Of : std::uint8_t { sender, recipient };
  // `written`: without brackets; "<>" is the null sender; "" = anybody.
  GreylistName(Of of, std::string written);

  bool is_anybody() const { return written_.empty(); }
  bool is_of_many() const { return !is_anybody() && !one_; }  // a domain or a pattern
  const std::optional<mail::Path>& one() const { return one_; }
  const std::string& written() const { return written_; }
  // `name`: as of GreylistWaiter.
  bool means(const std::string& name) const;

 private:
  std::string lasting(const mail::Path& path) const;

  Of of_;
  std::string written_;
  std::optional<mail::Path> one_;  // an address, or the null sender
};

}  // namespace sallyport::proxy
