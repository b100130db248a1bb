// How a session, or a message of which we said the last word, ended: in the words of its event.
#pragma once

#include "base/mail/reply.h"
#include "base/result.h"
#include "proxy/smtp/server_machine.h"

namespace sallyport::proxy {

const char* end_word(smtp::Close::Why why);
const char* end_word(Errc code);  // of the stream
const char* fate_of(const mail::Reply& reply);

}  // namespace sallyport::proxy
