#include "proxy/smtp/sasl.h"

namespace sallyport::smtp {

std::optional<PlainCredentials> parse_plain(std::string_view message) {
  const std::size_t first = message.find('\0');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = message.find('\0', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const std::string_view user = message.substr(first + 1, second - first - 1);
  const std::string_view password = message.substr(second + 1);
  if (user.empty() || password.empty() || password.find('\0') != std::string_view::npos)
    return std::nullopt;
  return PlainCredentials{std::string(message.substr(0, first)), std::string(user), std::string(password)};
}

}  // namespace sallyport::smtp
