// Why a JSON text cannot be read on, in words an admin can act on.
#pragma once

#include <optional>
#include <string>

#include "base/config/cursor.h"

namespace sallyport::config {

// What the parser had read last, which says what may come next.
enum class After { nothing, opening, key, value, end };

struct SyntaxFault {
  Position position;
  std::string message;
  std::string hint;
};

// What is taken for a number, and goes on as no number does: 127.0.0.1, 10.0.0.0/24, 2001:db8::1,
// 192.0.2.1:25. `cursor` stands at its first octet.
std::optional<SyntaxFault> unquoted_address(const Cursor& cursor);

// `cursor` stands behind the last token that was good. `closing` is the bracket that ends what is open
// ('}' or ']', '\0' outside of everything), `opened` where that began.
SyntaxFault explain_syntax(Cursor cursor, After after, char closing, const Position& opened);

}  // namespace sallyport::config
