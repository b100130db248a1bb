// errno as an Error, in the terms that a stream's or a connection's user decides by.
#pragma once

#include <string_view>

#include "base/result.h"

namespace sallyport::io {

// "what: Connection reset by peer".
std::string describe_errno(std::string_view what, int number);

// ECONNRESET and its kin are `reset`, a full machine `no_space`, all else `io`.
Error stream_error(std::string_view what, int number);

// `refused`, `unreachable`, `timeout`, `no_space`, else `io`.
Error connect_error(std::string_view what, int number);

// EMFILE, ENFILE, ENOBUFS, ENOMEM: more of it later may work, more of it now will not.
bool out_of_resources(int number);

}  // namespace sallyport::io
