/* The parts of the list reader (share/list.h) as they see each other: comments, CSV rows, and the reader itself.
 * Private to list*.c. */
#ifndef RENKEI_SHARE_LIST_PARTS_H
#define RENKEI_SHARE_LIST_PARTS_H

#include "share/list.h"

/* ---- comments (list_comment.c) ---- */

struct list_references {
    struct arena arena; /* of the current group's texts */
    struct list_reference at[LIST_REFERENCES_MAX];
    size_t count;
};

struct list_comments {
    struct arena *keep; /* the caller's: for what belongs to the summary */
    struct list_references group;
    uint64_t group_number;
    bool group_used;      /* a value has come since the group's last reference */
    bool any_value;       /* a value has come at all: the head of the file is over */
    bool after_reference; /* the line before was a reference: a bare URL goes on with it */
    struct span *aliases;
    size_t alias_count;
    struct list_reference *references; /* about the subject */
    size_t reference_count;
};

/* False when memory ran out. */
bool list_comments_init(struct list_comments *c, struct arena *keep);
void list_comments_free(struct list_comments *c);
/* A whole comment without its sign. False when memory ran out. */
bool list_comments_take(struct list_comments *c, struct span text);
/* A line that is no comment has come. */
void list_comments_value(struct list_comments *c);

/* ---- CSV (list_csv.c) ---- */

enum list_field {
#define X(NAME, name) LIST_FIELD_##NAME,
    LIST_FIELDS(X)
#undef X
        LIST_FIELD_COUNT
};

struct list_csv {
    char delimiter;
    bool header;                      /* columns are known from a header */
    uint8_t ranked[LIST_COLUMNS_MAX]; /* columns that may hold the value, best first */
    size_t ranked_count;
    int port_column; /* of the port that belongs to an address column, -1 = none */
    bool has_fields; /* any of the next */
    int field_columns[LIST_FIELD_COUNT];
};

/* Cuts a row into at most LIST_COLUMNS_MAX trimmed fields; quoted ones are unescaped into scratch. False when a quoted
 * field does not end. */
bool list_csv_split(struct span line, char delimiter, struct buf *scratch, struct span fields[LIST_COLUMNS_MAX],
                    size_t *count);
/* Whether the line is a header that names a column of values; fills *csv. */
bool list_csv_header(struct span line, struct buf *scratch, struct list_csv *csv);
/* Whether the line is a row without header: several fields, one of them a value. */
bool list_csv_row(struct span line, struct buf *scratch, struct buf *normal, struct list_csv *csv);
/* The value of a row in normal form, and what it says of it: valid until the next row. */
enum list_kind list_csv_value(const struct list_csv *csv, struct span line, struct buf *scratch, struct buf *normal,
                              struct list_row *row, const char **reason);
/* The columns of a header that nothing is read from, less those every export has: names in `keep`. False when memory
 * ran out. */
bool list_csv_unread(const struct list_csv *csv, struct span header, struct buf *scratch, struct arena *keep,
                     struct span **out, size_t *count);

#endif
