// The tables of the state file: made in a new one, checked and brought up to date in one that is found.
//
// A new file is made beside its place and moved there when it is whole: a file that holds nothing is one
// that lost what it held.
//
// Errors: invalid (damaged, foreign, or of a later version), refused (in use by another instance),
// no_space, io.
#pragma once

#include <string>

#include "base/store/sqlite.h"

namespace sallyport::store {

Result<> make_state_file(const std::string& path);
// Whether it can be opened for writing, and may be a database.
Result<> check_state_file(const std::string& path);
// Whether another process keeps everybody out, as the one that writes the state does. Not while this
// process has it open: looking drops its locks.
Result<> check_not_in_use(const std::string& path);
Result<> check_state_version(sqlite3* database);

// What a start would say to the file, by its first octets: it is neither locked nor changed, and may be in
// use. The words are without its name. not_found: there is none; io: it cannot be read, or is no file;
// invalid: it would be set aside.
Result<> look_at_state_file(const std::string& path);

}  // namespace sallyport::store
