#include "base/store/sqlite.h"

namespace sallyport::store {
namespace {

Errc meaning(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
    case SQLITE_ERROR:  // our statements do not fit what the file holds
      return Errc::invalid;
    case SQLITE_BUSY:
      return Errc::refused;
    case SQLITE_FULL:
      return Errc::no_space;
    default:
      return Errc::io;
  }
}

}  // namespace

Error sqlite_error(sqlite3* database, int code) {
  return fail(meaning(code), database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code));
}

Result<SqliteHandle> sqlite_open(const std::string& path) {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  SqliteHandle database(raw);
  if (code != SQLITE_OK) return sqlite_error(raw, code);
  sqlite3_extended_result_codes(raw, 1);
  return database;
}

Result<> sqlite_run(sqlite3* database, const char* sql) {
  const int code = sqlite3_exec(database, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(database, code);
  return {};
}

Result<Statement> Statement::prepare(sqlite3* database, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return sqlite_error(database, code);
  return Statement(raw);
}

Statement& Statement::bind(int index, std::string_view blob) {
  // A null pointer would bind NULL, which is not an empty value.
  const char* data = blob.empty() ? "" : blob.data();
  sqlite3_bind_blob64(statement_.get(), index, data, blob.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind(int index, std::int64_t number) {
  sqlite3_bind_int64(statement_.get(), index, number);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return sqlite_error(sqlite3_db_handle(statement_.get()), code);
}

Result<> Statement::run() {
  Result<bool> row = step();
  while (row && *row) row = step();
  const Result<> result = row ? Result<>{} : Result<>(row.error());
  sqlite3_reset(statement_.get());
  return result;
}

std::string_view Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::string_view{} : std::string_view(static_cast<const char*>(data), size);
}

std::int64_t Statement::number(int column) const { return sqlite3_column_int64(statement_.get(), column); }

Result<std::int64_t> sqlite_number(sqlite3* database, const char* sql) {
  auto statement = Statement::prepare(database, sql);
  if (!statement) return statement.error();
  const Result<bool> row = statement->step();
  if (!row) return row.error();
  return *row ? statement->number(0) : 0;
}

}  // namespace sallyport::store
