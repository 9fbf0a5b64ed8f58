#include "storage/database.h"

namespace petiole {

Statement::Statement(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  statement_.reset(statement);
}

Statement& Statement::bind(int at, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), at, value);
  return *this;
}

Statement& Statement::bind_text(int at, std::string_view value) {
  sqlite3_bind_text64(statement_.get(), at, value.data() == nullptr ? "" : value.data(),
                      value.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob(int at, std::string_view value) {
  sqlite3_bind_blob64(statement_.get(), at, value.data() == nullptr ? "" : value.data(),
                      value.size(), SQLITE_STATIC);
  return *this;
}

int Statement::step() {
  return statement_ == nullptr ? SQLITE_MISUSE : sqlite3_step(statement_.get());
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

int Statement::run() {
  int rc = step();
  while (rc == SQLITE_ROW) rc = step();
  reset();
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::bytes(int column) const {
  const void* blob = sqlite3_column_blob(statement_.get(), column);
  const int count = sqlite3_column_bytes(statement_.get(), column);
  if (blob == nullptr) return {};
  return {static_cast<const char*>(blob), static_cast<std::size_t>(count)};
}

SegmentRow segment_row(const Statement& statement) {
  SegmentRow row;
  row.id = statement.number(0);
  row.log = statement.number(1);
  row.head.first = statement.unsigned_number(2);
  row.head.last = statement.unsigned_number(3);
  row.head.count = static_cast<std::uint32_t>(statement.number(4));
  row.head.bytes = statement.unsigned_number(5);
  row.head.first_time = statement.number(6);
  row.head.last_time = statement.number(7);
  row.crc = static_cast<std::uint32_t>(statement.number(8));
  return row;
}

int execute(sqlite3* db, const char* sql) {
  const int rc = sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
  return rc == SQLITE_OK ? rc : sqlite3_extended_errcode(db);
}

}  // namespace petiole
