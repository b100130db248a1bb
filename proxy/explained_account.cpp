#include "proxy/explained_account.h"

#include <fmt/format.h>

#include <array>

#include "proxy/event_words.h"

namespace sallyport::proxy {

std::string account_explained(const JsonValue& told, std::string_view indent) {
  const std::string who = shown(told["identity"]);
  std::string out;
  if (told["rate"])
    out +=
        fmt::format("{}{} had reached its limit: {} (`limits.rate`)\n", indent, who, shown(told["rate"]));
  if (told["penalty"])
    out += fmt::format(
        "{}its penalty is {}: what {} did wrong lately, less the mail of it that was taken{}\n", indent,
        shown(told["penalty"]), who, told["slowed"].flag() ? "; so it was answered late" : "");
  return out;
}

std::span<const std::string_view> account_keys() {
  static constexpr std::array<std::string_view, 4> keys = {"rate", "identity", "penalty", "slowed"};
  return keys;
}

}  // namespace sallyport::proxy
