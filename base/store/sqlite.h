// SQLite's handles with owners, and its result codes as Errors.
//
// Errors: invalid (the file is damaged, or no database at all), no_space (disk or quota full), refused
// (locked by another program), io (all else: read-only, unreadable). One thread at a time.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sallyport::store {

struct SqliteClose {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
struct SqliteFinalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using SqliteHandle = std::unique_ptr<sqlite3, SqliteClose>;

Error sqlite_error(sqlite3* database, int code);
Result<SqliteHandle> sqlite_open(const std::string& path);
Result<> sqlite_run(sqlite3* database, const char* sql);  // statements without parameters or results

// The first column of the first row; 0: there is none.
Result<std::int64_t> sqlite_number(sqlite3* database, const char* sql);

// A prepared statement. Bound views must live until the next step() has returned.
class Statement {
 public:
  static Result<Statement> prepare(sqlite3* database, const char* sql);

  Statement& bind(int index, std::string_view blob);
  Statement& bind(int index, std::int64_t number);
  Result<bool> step();                      // true: a row
  Result<> run();                           // to its end, then ready for new values
  std::string_view blob(int column) const;  // valid until the next step
  std::int64_t number(int column) const;

 private:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  std::unique_ptr<sqlite3_stmt, SqliteFinalize> statement_;
};

}  // namespace sallyport::store
