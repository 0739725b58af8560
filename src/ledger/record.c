#include "ledger/record.h"

#include <inttypes.h>

#include "base/encode.h"

_Static_assert(sizeof(struct sha256) == SHA256_SIZE, "a hash is its bytes");

/* A time has one spelling, of this length: years beyond four digits have none. */
enum { TIME_LENGTH = 27 };

static const char *const kind_names[] = {
    [LEDGER_RELEASE] = "release",
    [LEDGER_WITHDRAW] = "withdraw",
    [LEDGER_ERASE] = "erase",
};
enum { KIND_COUNT = sizeof kind_names / sizeof kind_names[0] };

const char *ledger_kind_name(enum ledger_kind kind) {
    return (unsigned)kind < KIND_COUNT ? kind_names[kind] : "unknown";
}

struct sha256 ledger_commitment(const uint8_t salt[LEDGER_SALT_SIZE], struct span body) {
    struct span parts[] = {span_of(salt, LEDGER_SALT_SIZE), body};
    return sha256_of_parts(parts, 2);
}

/* ---- rules ---- */

/* Control characters are refused, so that a canonical string escapes nothing but the quote and the backslash. */
static enum err check_text(const char *what, struct span text, size_t limit, struct diag *d) {
    if (text.len == 0) return diag_set(d, ERR_INVALID, "a record's %s must not be empty", what);
    if (text.len > limit)
        return diag_set(d, ERR_LIMIT, "a record's %s has %zu bytes; the limit is %zu", what, text.len, limit);
    size_t bad;
    if (!utf8_valid(text, &bad)) return diag_set(d, ERR_INVALID, "a record's %s is not UTF-8 at byte %zu", what, bad);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            return diag_set(d, ERR_INVALID, "a record's %s holds a control character at byte %zu", what, i);
    return ERR_NONE;
}

static bool time_spelt(time_us t, char text[TIME_TEXT_SIZE]) {
    time_us back;
    if (t == TIME_NONE || strlen(time_format_us(t, text)) != TIME_LENGTH) return false;
    return time_parse_stix(span_cstr(text), &back) && back == t;
}

static enum err check_numbers(const struct ledger_record *r, struct diag *d) {
    char text[TIME_TEXT_SIZE];
    if ((unsigned)r->kind >= KIND_COUNT)
        return diag_set(d, ERR_INVALID, "a record's kind is release, withdraw or erase, not %u", (unsigned)r->kind);
    if (r->seq > LEDGER_SEQ_MAX) return diag_set(d, ERR_LIMIT, "a record's seq is at most %" PRIu64, LEDGER_SEQ_MAX);
    if (!time_spelt(r->time, text))
        return diag_set(d, ERR_INVALID, "a record's time must lie in the years 0001 to 9999");
    if (r->kind != LEDGER_RELEASE && r->withdraws >= r->seq)
        return diag_set(d, ERR_INVALID, "record %" PRIu64 " takes back %" PRIu64 ", which does not come before it",
                        r->seq, r->withdraws);
    if (r->clause_count > LEDGER_CLAUSES_MAX)
        return diag_set(d, ERR_LIMIT, "a record names %zu clauses; the limit is %d", r->clause_count,
                        LEDGER_CLAUSES_MAX);
    return ERR_NONE;
}

static enum err check_record(const struct ledger_record *r, struct diag *d) {
    enum err e = check_numbers(r, d);
    if (!e) e = check_text("object id", r->object_id, LEDGER_OBJECT_ID_MAX, d);
    if (!e && r->has_version) e = check_text("object version", r->version, LEDGER_VERSION_MAX, d);
    for (size_t i = 0; !e && i < r->clause_count; i++)
        e = check_text("clause name", r->clauses[i], LEDGER_CLAUSE_NAME_MAX, d);
    return e;
}

/* ---- writing ---- */

static void add_string(struct buf *out, struct span text) {
    buf_add_char(out, '"');
    for (size_t from = 0, i = 0; i <= text.len; i++) {
        bool end = i == text.len;
        if (!end && text.at[i] != '"' && text.at[i] != '\\') continue;
        buf_add(out, span_of(text.at + from, i - from));
        if (!end) buf_add_char(out, '\\');
        from = i;
    }
    buf_add_char(out, '"');
}

static void add_hash(struct buf *out, const char *before, const struct sha256 *hash) {
    buf_add_cstr(out, before);
    buf_add_hex(out, span_of(hash->b, SHA256_SIZE));
    buf_add_char(out, '"');
}

static void add_record(struct buf *out, const struct ledger_record *r) {
    char time[TIME_TEXT_SIZE];
    add_hash(out, "{\"agreement\":\"", &r->agreement);
    buf_add_cstr(out, ",\"clauses\":[");
    for (size_t i = 0; i < r->clause_count; i++) {
        if (i) buf_add_char(out, ',');
        add_string(out, r->clauses[i]);
    }
    buf_add_char(out, ']');
    if (r->kind == LEDGER_RELEASE) add_hash(out, ",\"commitment\":\"", &r->commitment);
    buf_add_cstr(out, ",\"kind\":\"");
    buf_add_cstr(out, kind_names[r->kind]);
    buf_add_cstr(out, "\",\"object\":");
    add_string(out, r->object_id);
    buf_printf(out, ",\"seq\":%" PRIu64 ",\"time\":\"", r->seq);
    buf_add_cstr(out, time_format_us(r->time, time));
    buf_add_cstr(out, "\",\"v\":1");
    if (r->has_version) {
        buf_add_cstr(out, ",\"version\":");
        add_string(out, r->version);
    }
    if (r->kind != LEDGER_RELEASE) buf_printf(out, ",\"withdraws\":%" PRIu64, r->withdraws);
    buf_add_char(out, '}');
}

enum err ledger_record_write(const struct ledger_record *r, struct buf *out, struct diag *d) {
    enum err e = check_record(r, d);
    if (e) return e;
    size_t before = out->len;
    add_record(out, r);
    if (!buf_ok(out))
        e = diag_set(d, ERR_NOMEM, "no room for a record");
    else if (out->len - before > LEDGER_RECORD_SIZE_MAX)
        e = diag_set(d, ERR_LIMIT, "a record of %zu bytes; the limit is %d", out->len - before, LEDGER_RECORD_SIZE_MAX);
    if (e) out->len = before;
    return e;
}

/* ---- reading ---- */

/* The canonical form leaves nothing to choose, so it is read straight through. */
struct reader {
    struct span bytes;
    size_t at;
    struct arena *arena;
    struct diag *d;
    enum err err; /* sticky: once set, nothing more is read */
};

static void fail(struct reader *in, size_t at, const char *expected) {
    if (in->err) return;
    in->err = diag_set(in->d, ERR_SYNTAX, "not a canonical v1 record: byte %zu should be %s", at, expected);
    diag_at(in->d, 1, at + 1, at);
}

static bool take(struct reader *in, const char *literal) {
    struct span want = span_cstr(literal);
    if (in->err || !span_starts(span_from(in->bytes, in->at), want)) return false;
    in->at += want.len;
    return true;
}

static void need(struct reader *in, const char *literal) {
    if (!take(in, literal)) fail(in, in->at, literal);
}

static void read_hash(struct reader *in, struct sha256 *out) {
    struct span hex = span_first(span_from(in->bytes, in->at), (size_t)SHA256_SIZE * 2);
    if (in->err || !hex_read(hex, out->b, SHA256_SIZE)) {
        fail(in, in->at, "a hash in 64 hexadecimal digits");
        return;
    }
    in->at += hex.len;
    need(in, "\"");
}

static uint64_t read_number(struct reader *in) {
    struct span rest = span_from(in->bytes, in->at);
    size_t len = 0;
    while (len < rest.len && rest.at[len] >= '0' && rest.at[len] <= '9') len++;
    uint64_t n = 0;
    if (in->err || !span_u64(span_first(rest, len), &n) || n > LEDGER_SEQ_MAX)
        fail(in, in->at, "a whole number up to 2^53 - 1");
    in->at += len;
    return n;
}

/* Copies text without its backslashes into the arena. */
static struct span unescape(struct reader *in, struct span spelt) {
    char *text = arena_alloc(in->arena, spelt.len);
    if (!text) {
        if (!in->err) in->err = diag_set(in->d, ERR_NOMEM, "no room for a record's text");
        return span_of(NULL, 0);
    }
    size_t len = 0;
    for (size_t i = 0; i < spelt.len; i++) {
        if (spelt.at[i] == '\\') i++; /* read_string() saw to it that a byte follows */
        text[len++] = spelt.at[i];
    }
    return span_of(text, len);
}

static struct span read_string(struct reader *in) {
    need(in, "\"");
    struct span rest = span_from(in->bytes, in->at);
    bool escaped = false;
    size_t i = 0;
    for (; i < rest.len && rest.at[i] != '"'; i++) {
        if (rest.at[i] != '\\') continue;
        escaped = true;
        i++;
        if (i == rest.len || (rest.at[i] != '"' && rest.at[i] != '\\')) {
            fail(in, in->at + i, "an escaped quote or backslash");
            return span_of(NULL, 0);
        }
    }
    if (in->err || i == rest.len) {
        fail(in, in->at + i, "the end of a string");
        return span_of(NULL, 0);
    }
    in->at += i + 1;
    struct span spelt = span_first(rest, i);
    return escaped ? unescape(in, spelt) : spelt;
}

static void read_clauses(struct reader *in, struct ledger_record *out) {
    struct span list[LEDGER_CLAUSES_MAX];
    size_t count = 0;
    need(in, ",\"clauses\":[");
    if (take(in, "]")) return;
    do {
        if (count == LEDGER_CLAUSES_MAX) {
            if (!in->err)
                in->err = diag_set(in->d, ERR_LIMIT, "a record names more than %d clauses", LEDGER_CLAUSES_MAX);
            return;
        }
        list[count++] = read_string(in);
    } while (take(in, ","));
    need(in, "]");
    if (in->err) return;
    struct span *clauses = arena_alloc(in->arena, count * sizeof *clauses);
    if (!clauses) {
        in->err = diag_set(in->d, ERR_NOMEM, "no room for a record's clauses");
        return;
    }
    memcpy(clauses, list, count * sizeof *clauses);
    out->clauses = clauses;
    out->clause_count = count;
}

static void read_kind(struct reader *in, struct ledger_record *out) {
    size_t at = in->at;
    need(in, ",\"kind\":");
    struct span name = read_string(in);
    for (unsigned k = 0; k < KIND_COUNT; k++)
        if (span_is(name, kind_names[k])) {
            out->kind = (enum ledger_kind)k;
            return;
        }
    fail(in, at, ",\"kind\": with release, withdraw or erase");
}

static void read_time(struct reader *in, struct ledger_record *out) {
    size_t at = in->at;
    need(in, ",\"time\":");
    struct span text = read_string(in);
    if (!in->err && !time_parse_stix(text, &out->time))
        fail(in, at, ",\"time\": with a UTC time of six fractional digits");
}

static void read_members(struct reader *in, struct ledger_record *out) {
    need(in, "{\"agreement\":\"");
    read_hash(in, &out->agreement);
    read_clauses(in, out);
    size_t commitment_at = in->at;
    bool committed = take(in, ",\"commitment\":\"");
    if (committed) read_hash(in, &out->commitment);
    read_kind(in, out);
    if (!in->err && committed != (out->kind == LEDGER_RELEASE))
        fail(in, commitment_at, committed ? ",\"kind\": (only a release has a commitment)" : ",\"commitment\":");
    need(in, ",\"object\":");
    out->object_id = read_string(in);
    need(in, ",\"seq\":");
    out->seq = read_number(in);
    read_time(in, out);
    need(in, ",\"v\":1");
    out->has_version = take(in, ",\"version\":");
    if (out->has_version) out->version = read_string(in);
    if (!in->err && out->kind != LEDGER_RELEASE) {
        need(in, ",\"withdraws\":");
        out->withdraws = read_number(in);
    }
    need(in, "}");
    if (!in->err && in->at != in->bytes.len) fail(in, in->at, "the end");
}

/* What read_members() lets pass is told here: upper-case digits, leading zeros, another spelling of a time. */
static enum err compare_written(const struct ledger_record *r, struct span bytes, struct diag *d) {
    struct buf again = BUF_EMPTY;
    enum err e = ERR_NOMEM;
    if (!buf_reserve(&again, bytes.len + 1)) {
        e = diag_set(d, ERR_NOMEM, "no room for a record");
        goto out;
    }
    e = ledger_record_write(r, &again, d);
    if (e) goto out;
    size_t at = 0;
    while (at < again.len && at < bytes.len && again.at[at] == bytes.at[at]) at++;
    if (at < again.len || at < bytes.len) {
        e = diag_set(d, ERR_SYNTAX, "not a canonical v1 record: spelt otherwise from byte %zu on", at);
        diag_at(d, 1, at + 1, at);
    }
out:
    buf_free(&again);
    return e;
}

enum err ledger_record_read(struct arena *a, struct span bytes, struct ledger_record *out, struct diag *d) {
    *out = (struct ledger_record){0};
    if (bytes.len > LEDGER_RECORD_SIZE_MAX)
        return diag_set(d, ERR_LIMIT, "a record of %zu bytes; the limit is %d", bytes.len, LEDGER_RECORD_SIZE_MAX);
    struct reader in = {.bytes = bytes, .arena = a, .d = d};
    read_members(&in, out);
    return in.err ? in.err : compare_written(out, bytes, d);
}
