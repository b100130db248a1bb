// What the admin should hear of the DNS; `level` is "error", "warning" or "info". From every core.
#pragma once

#include <functional>
#include <string_view>

namespace sallyport::dns {

using OnNews = std::function<void(std::string_view level, std::string_view text)>;

}  // namespace sallyport::dns
