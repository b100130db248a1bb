// What becomes of mail, in the words of the configuration, of events and of `log`.
#pragma once

namespace sallyport::proxy::verdict {

inline constexpr const char* kAccept = "accept";
inline constexpr const char* kDefer = "defer";
inline constexpr const char* kReject = "reject";

}  // namespace sallyport::proxy::verdict
