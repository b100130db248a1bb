// Why a JSON text cannot be read on, in words an admin can act on.
#pragma once

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

// `cursor` stands behind the last token that was good. `closing` is the bracket that ends what is open
// ('}' or ']', '\0' outside of everything), `opened` where that began.
SyntaxFault explain_syntax(Cursor cursor, After after, char closing, const Position& opened);

}  // namespace sallyport::config
