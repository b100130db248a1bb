// An event of a message, or of a session that had none or was refused something beside it, as `sallyport
// log` shows it: one line, and what it is chosen by. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/json_view.h"

namespace sallyport::proxy {

// What the client heard in the end; `none`: it gave up before there was anything to hear.
enum class LoggedVerdict : std::uint8_t { accept, defer, reject, none };
std::string_view to_string(LoggedVerdict verdict);
std::vector<std::string> verdict_choices();  // every word that LogChoice::verdict may be

// `to`, `why` and `verdict` have to be true of one and the same: of a recipient, or (without `to`) of the
// message as a whole, or of what else was refused under its id.
struct LogChoice {
  std::string from, to;  // address patterns, or domains; "" = all
  std::optional<Network> ip;
  std::string user = {};  // who had logged in; "" = all
  std::string why = {};   // the name of a reason, as docs/replies.md has it; "" = all
  // A verdict's word, of the message or of one of its recipients; "would-reject", "would-defer",
  // "would-accept": what is only observed would have made it that. "" = all.
  std::string verdict;
};

// What LogChoice::why may be.
std::vector<std::string> reasons();
bool is_reason(std::string_view why);

// nullopt: an event of another kind, or not chosen. `written` is the time of the event, `more` what else
// tells of a message's recipients.
std::optional<std::string> log_line(const JsonValue& event, std::span<const JsonView> more,
                                    WallTime written, const LogChoice& choice);

// "anna@example.com", "example.com" (its addresses), "*.example.com" (those below it), "*@example.*".
bool address_matches(std::string_view pattern, std::string_view address);

}  // namespace sallyport::proxy
