// Why a session ended, in the words of its event.
#pragma once

#include "base/result.h"
#include "proxy/smtp/server_machine.h"

namespace sallyport::proxy {

const char* end_word(smtp::Close::Why why);
const char* end_word(Errc code);  // of the stream

}  // namespace sallyport::proxy
