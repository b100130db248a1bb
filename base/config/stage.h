// When in a session a value is read: a change by SIGHUP takes effect for what reaches that stage anew, and
// what a value may depend on is known by then.
#pragma once

#include <string_view>

namespace sallyport::config {

enum class Stage { start, connect, helo, mail, rcpt, data };
std::string_view to_string(Stage stage);

}  // namespace sallyport::config
