/* Full text, newest first. The query is written as for SQLite's FTS5, as far as share/text.h writes it: words and
 * "phrases", the last word of a phrase cut off with *, joined by AND. */
#include <stdio.h>

#include "store/postgres_driver.h"

enum { PHRASES_MAX = 12, SEARCH_TEXT_MAX = 2048 };

enum err pq_text_add(struct store_tx *tx, int64_t id, struct span text, struct diag *d) {
    struct pq_store *s = pq_store_of(tx);
    struct connection *c;
    enum err e = pq_writer(tx, &c, d);
    if (e) return e;
    if (id < 1 || id > s->published)
        return diag_set(d, ERR_NOT_FOUND, "there is no visible holding %lld to find by its text", (long long)id);
    if (text.len == 0) return ERR_NONE;
    return pq_run(c, "INSERT INTO text_of(id,words) VALUES($1,vector_of($2)) ON CONFLICT DO NOTHING",
                  VALUES(v_int(id), v_bytes(text)), NULL, d);
}

struct phrase {
    struct span words; /* in the arena */
    bool prefix;
};

static enum err syntax(struct diag *d, const char *what) {
    return diag_set(d, ERR_SYNTAX, "the search text cannot be read: %s", what);
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80);
}

/* A phrase in quotation marks, doubled where they belong to it. */
static bool read_quoted(struct span *rest, struct arena *a, struct span *out) {
    char *at = arena_alloc(a, rest->len);
    size_t n = 0, i = 1;
    if (!at) return false;
    for (; i < rest->len; i++) {
        if (rest->at[i] == '"') {
            if (i + 1 < rest->len && rest->at[i + 1] == '"')
                i++;
            else
                break;
        }
        at[n++] = rest->at[i];
    }
    if (i == rest->len) return false;
    *rest = span_from(*rest, i + 1);
    *out = span_of(at, n);
    return true;
}

static bool read_bare(struct span *rest, struct span *out) {
    static const char *const operators[] = {"AND", "OR", "NOT", "NEAR"};
    size_t n = 0;
    while (n < rest->len && is_word(rest->at[n])) n++;
    *out = span_first(*rest, n);
    *rest = span_from(*rest, n);
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (span_is(*out, operators[i])) return false;
    return n > 0;
}

static enum err read_query(struct span text, struct arena *a, struct phrase out[PHRASES_MAX], size_t *count,
                           struct diag *d) {
    struct span rest = span_trim(text);
    *count = 0;
    for (bool first = true; rest.len > 0; first = false, rest = span_trim(rest)) {
        if (!first && span_starts(rest, SPAN("AND "))) rest = span_trim(span_from(rest, 4));
        if (*count == PHRASES_MAX) return diag_set(d, ERR_LIMIT, "a search has at most %d words", PHRASES_MAX);
        struct phrase *p = &out[(*count)++];
        *p = (struct phrase){0};
        bool good =
            rest.len > 0 && (rest.at[0] == '"' ? read_quoted(&rest, a, &p->words) : read_bare(&rest, &p->words));
        if (!good) return syntax(d, "it is words, and \"phrases\" in quotation marks");
        if (rest.len > 0 && rest.at[0] == '*') {
            p->prefix = true;
            rest = span_from(rest, 1);
        }
        if (rest.len > 0 && rest.at[0] != ' ' && rest.at[0] != '"') return syntax(d, "a sign between two words");
    }
    return ERR_NONE;
}

/* $1 before $2 the mark $3 limit $4 type $5 label $6 tlp $7 source, then two for each phrase. */
static void make_search(const struct store_query *q, size_t phrases, char text[SEARCH_TEXT_MAX]) {
    size_t n = (size_t)snprintf(
        text, SEARCH_TEXT_MAX,
        "SELECT " HOLDING_COLUMNS ",b.bytes FROM %sholding h%s" HOLDING_BODY " WHERE h.state=0 AND h.id<=" VISIBLE(
            2) " AND ($1::bigint=0 OR h.id<$1)"
               "%s AND NOT EXISTS(SELECT 1 FROM holding n WHERE n.stix_id=h.stix_id AND n.state=0 AND n.id<=" VISIBLE(
                   2) " AND "
                      "(coalesce(n.modified,-9223372036854775808),n.id)>(coalesce(h.modified,-9223372036854775808),h."
                      "id))"
                      "%s%s%s%s",
        phrases ? "text_of x JOIN " : "", phrases ? " ON h.id=x.id" : "", "",
        q->type.len ? " AND h.type=$4" : " AND $4::bytea IS NULL",
        q->label.len ? " AND position('\\x0a'::bytea||$5||'\\x0a'::bytea IN '\\x0a'::bytea||h.labels||'\\x0a'::bytea)>0"
                     : " AND $5::bytea IS NULL",
        q->tlp >= 0 ? " AND h.tlp=$6" : " AND $6::bigint IS NULL",
        q->source >= 0 ? " AND h.source=$7" : " AND $7::bigint IS NULL");
    for (size_t i = 0; i < phrases; i++)
        n += (size_t)snprintf(text + n, SEARCH_TEXT_MAX - n, "%sphrase_of($%zu,$%zu)", i ? " && " : " AND x.words @@ (",
                              8 + 2 * i, 9 + 2 * i);
    snprintf(text + n, SEARCH_TEXT_MAX - n, "%s ORDER BY h.id DESC LIMIT $3", phrases ? ")" : "");
}

static enum err run(struct connection *c, struct value mark, const struct store_query *q, const struct phrase *phrases,
                    size_t count, PGresult **rows, struct diag *d) {
    struct value values[7 + 2 * PHRASES_MAX];
    char text[SEARCH_TEXT_MAX];
    values[0] = v_int(q->before > 0 ? q->before : 0);
    values[1] = mark;
    values[2] = v_int((int64_t)q->limit);
    values[3] = v_optional(q->type);
    values[4] = v_optional(q->label);
    values[5] = q->tlp >= 0 ? v_int(q->tlp) : v_null();
    values[6] = q->source >= 0 ? v_int(q->source) : v_null();
    for (size_t i = 0; i < count; i++) {
        values[7 + 2 * i] = v_bytes(phrases[i].words);
        values[8 + 2 * i] = v_int(phrases[i].prefix);
    }
    make_search(q, count, text);
    return pq_query(c, text, values, 7 + 2 * count, rows, d);
}

enum err pq_search(struct store_reader *r, const struct store_query *q, struct arena *a, struct store_holding **out,
                   size_t *count, struct diag *d) {
    struct connection *c;
    struct value mark;
    PGresult *rows = NULL;
    struct phrase phrases[PHRASES_MAX];
    size_t phrase_count = 0;
    enum err e = pq_enter(r, &c, &mark, d);
    if (!e) e = read_query(q->match, a, phrases, &phrase_count, d);
    if (!e) e = run(c, mark, q, phrases, phrase_count, &rows, d);
    if (!e) e = pq_holding_list(rows, true, a, out, count, d);
    PQclear(rows);
    return e;
}
