// The message: its content, and the place for it.
#pragma once

#include "base/mail/refusal_row.h"

namespace sallyport::mail::refusals {

inline constexpr auto kMessage = std::to_array<RefusalRow>({
    {no_valid_recipients, "no-valid-recipients", "554 5.5.1 No valid recipients",
     "Every recipient was refused."},
    {bare_cr, "bare-cr", "550 5.5.2 Message holds a bare CR; lines end in CRLF",
     "A broken mailer, or smuggling."},
    {bare_lf, "bare-lf", "550 5.5.2 Message holds a bare LF; lines end in CRLF",
     "A broken mailer, or smuggling; `lenient_networks` may send such."},
    {nul, "nul", "550 5.5.2 Message holds a NUL", "A broken mailer."},
    {line_too_long, "line-too-long", "550 5.6.0 Message holds a line that is too long",
     "`limits.line_length`."},
    {malformed_header, "malformed-header", "550 5.6.0 Line {} of the header block is no header field",
     "`checks.malformed_header`; a first line that begins with a blank is refused whatever that says: it "
     "would continue our own `Received`."},
    {header_too_large, "header-too-large", "552 5.3.4 Header block over {} octets",
     "`limits.header_size`."},
    {message_too_large, "message-too-large", "552 5.3.4 Message exceeds the limit of {} octets",
     "`limits.message_size`."},
    {too_many_chunks, "too-many-chunks", "552 5.3.4 Too many chunks", "BDAT in tiny pieces."},
    {eight_bit, "eight-bit", "554 5.6.3 The destination takes no 8-bit content",
     "The route says `eight_bit: refuse`, and the message was declared 8BITMIME or holds such octets."},
    {loop, "loop", "554 5.4.6 Mail loop: {}",
     "The message passed too many hops, or passed here too often. Look for two servers that forward to "
     "each other."},
    {no_space, "no-space", "452 4.3.1 No space left to take the message, please try again later",
     "`temp_directory` is full."},
    {cannot_store, "cannot-store", "451 4.3.0 Cannot store the message now, please try again later",
     "`temp_directory` fails; see the event."},
    {cannot_read_back, "cannot-read-back", "451 4.3.0 Local error, please try again later",
     "Its file cannot be read back."},
});

}  // namespace sallyport::mail::refusals
