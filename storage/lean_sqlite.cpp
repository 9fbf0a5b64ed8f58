// Stands in for SQLite's full-text and R-tree extensions in a self-contained binary.
//
// SQLite's main file calls these when a database is opened; in the archive they would bring in 350
// KB that nothing here uses. The linker takes the first definition it meets, and this is it. Only
// built where the archive has the extensions in members of their own; see cmake/Dependencies.cmake.
struct sqlite3;

extern "C" {
int sqlite3Fts3Init(sqlite3*);
int sqlite3Fts5Init(sqlite3*);
int sqlite3RtreeInit(sqlite3*);

int sqlite3Fts3Init(sqlite3*) { return 0; }  // SQLITE_OK.
int sqlite3Fts5Init(sqlite3*) { return 0; }
int sqlite3RtreeInit(sqlite3*) { return 0; }
}
