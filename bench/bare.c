/* What SQLite alone takes for the rows of a store: the limit of an import. Reads all rows of STORE into memory, then
 * writes them into NEW, with the same tables, indexes and durability, a transaction every BATCH rows of a table.
 *
 *   build/bench/bare STORE NEW [BATCH]     default 5,000 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"

enum { TABLES_MAX = 64, COLUMNS_MAX = 32, CHECKPOINT_PAGES = 32768 /* as the store has it */ };

struct table {
    char *name, *insert;
    int columns;
    size_t count, room;
    sqlite3_value **values; /* count * columns */
};

static void check(sqlite3 *db, int code) {
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return;
    fprintf(stderr, "bare: %s\n", db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    exit(1);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
    sqlite3_stmt *st;
    check(db, sqlite3_prepare_v2(db, sql, -1, &st, NULL));
    return st;
}

static void run(sqlite3 *db, const char *sql) {
    check(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static void read_table(sqlite3 *from, struct table *t) {
    char sql[4096];
    snprintf(sql, sizeof sql, "SELECT * FROM \"%s\"", t->name);
    sqlite3_stmt *st = prepare(from, sql);
    t->columns = sqlite3_column_count(st);
    int at = snprintf(sql, sizeof sql, "INSERT INTO \"%s\" VALUES(?", t->name);
    for (int i = 1; i < t->columns && at < (int)sizeof sql - 8; i++)
        at += snprintf(sql + at, sizeof sql - (size_t)at, ",?");
    snprintf(sql + at, sizeof sql - (size_t)at, ")");
    t->insert = strdup(sql);
    while (sqlite3_step(st) == SQLITE_ROW) {
        if (t->count == t->room) {
            t->room = t->room ? t->room * 2 : 1024;
            t->values = realloc(t->values, t->room * (size_t)t->columns * sizeof *t->values);
            if (!t->values) exit(1);
        }
        for (int i = 0; i < t->columns; i++)
            t->values[t->count * (size_t)t->columns + (size_t)i] = sqlite3_value_dup(sqlite3_column_value(st, i));
        t->count++;
    }
    check(from, sqlite3_finalize(st));
}

static void write_table(sqlite3 *to, const struct table *t, size_t batch) {
    sqlite3_stmt *st = prepare(to, t->insert);
    for (size_t i = 0; i < t->count; i++) {
        if (i % batch == 0) run(to, "BEGIN IMMEDIATE");
        for (int k = 0; k < t->columns; k++)
            check(to, sqlite3_bind_value(st, k + 1, t->values[i * (size_t)t->columns + (size_t)k]));
        check(to, sqlite3_step(st));
        check(to, sqlite3_reset(st));
        if (i % batch == batch - 1 || i == t->count - 1) run(to, "COMMIT");
    }
    check(to, sqlite3_finalize(st));
}

/* Tables and indexes; not the search index, which is filled later, and its parts. */
static size_t read_schema(sqlite3 *from, sqlite3 *to, struct table tables[TABLES_MAX]) {
    size_t count = 0;
    sqlite3_stmt *st = prepare(from, "SELECT type,name,sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE"
                                     " 'sqlite_%' AND name NOT LIKE 'text_index%' ORDER BY rowid");
    while (sqlite3_step(st) == SQLITE_ROW) {
        run(to, (const char *)sqlite3_column_text(st, 2));
        if (strcmp((const char *)sqlite3_column_text(st, 0), "table") == 0 && count < TABLES_MAX)
            tables[count++] = (struct table){.name = strdup((const char *)sqlite3_column_text(st, 1))};
    }
    check(from, sqlite3_finalize(st));
    return count;
}

int main(int argc, char **argv) {
    static struct table tables[TABLES_MAX];
    sqlite3 *from, *to;
    size_t rows = 0, batch = argc > 3 ? strtoul(argv[3], NULL, 10) : 5000;
    if (argc < 3 || batch == 0) {
        fprintf(stderr, "use: bare STORE NEW [BATCH]\n");
        return 2;
    }
    check(NULL, sqlite3_open_v2(argv[1], &from, SQLITE_OPEN_READONLY, NULL));
    check(NULL, sqlite3_open_v2(argv[2], &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL));
    run(to, "PRAGMA page_size=4096;PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA cache_size=-131072");
    sqlite3_wal_autocheckpoint(to, CHECKPOINT_PAGES);
    size_t count = read_schema(from, to, tables);
    for (size_t i = 0; i < count; i++) read_table(from, &tables[i]), rows += tables[i].count;
    int64_t begun = clock_monotonic_us();
    for (size_t i = 0; i < count; i++) write_table(to, &tables[i], batch);
    check(to, sqlite3_close(to));
    printf("%zu rows in %.2f s\n", rows, (double)(clock_monotonic_us() - begun) / 1e6);
    return 0;
}
