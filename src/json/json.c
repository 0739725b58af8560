#include "json/json.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/hash.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    KEYS_PAIRWISE = 16,  /* objects with more keys than this look for duplicates through a table */
    KEYS_TABLE = 128,    /* slots of the table that needs no memory of its own: enough for any STIX object */
    NUMBER_LEN_MAX = 512 /* longer numbers have no use and cost the arithmetic behind them */
};

struct parser {
    const char *start, *at, *end;
    struct arena *a;
    struct json_node *nodes;
    uint32_t count, size;
    uint64_t seed; /* of the tables of keys, drawn when first needed */
    bool seeded;
    struct diag *d;
};

/* ---- errors ---- */

static enum err fail(struct parser *p, const char *at, enum err code, const char *message) {
    uint64_t line = 1;
    const char *line_start = p->start;
    diag_set(p->d, code, "%s", message);
    for (const char *c = p->start; c < at; c++)
        if (*c == '\n') {
            line++;
            line_start = c + 1;
        }
    diag_at(p->d, line, (uint64_t)(at - line_start) + 1, (uint64_t)(at - p->start));
    return code;
}

static enum err unexpected(struct parser *p, const char *expected) {
    char message[160];
    if (p->at >= p->end)
        snprintf(message, sizeof message, "the JSON ends where %s is expected", expected);
    else if ((unsigned char)*p->at < 0x20 || (unsigned char)*p->at > 0x7e)
        snprintf(message, sizeof message, "byte 0x%02x where %s is expected", (unsigned char)*p->at, expected);
    else
        snprintf(message, sizeof message, "'%c' where %s is expected", *p->at, expected);
    return fail(p, p->at, ERR_SYNTAX, message);
}

/* ---- the tape ---- */

static struct json_node *node_add(struct parser *p, enum json_type type, const char *at) {
    if (p->count == p->size) {
        uint32_t size = p->size * 2;
        struct json_node *bigger = size > p->size ? arena_alloc(p->a, (size_t)size * sizeof *bigger) : NULL;
        if (!bigger) return NULL;
        memcpy(bigger, p->nodes, (size_t)p->count * sizeof *bigger);
        p->nodes = bigger;
        p->size = size;
    }
    struct json_node *n = &p->nodes[p->count++];
    *n = (struct json_node){.at = (uint32_t)(at - p->start), .next = p->count, .type = (uint8_t)type};
    return n;
}

static enum err no_memory(struct parser *p) {
    return diag_set(p->d, ERR_NOMEM, "this JSON needs more memory than a request may take (%zu bytes)", p->a->cap);
}

/* ---- scalars ---- */

/* A digit's value plus one, so that what is no digit is 0. */
static const uint8_t hex_value[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* The UTF-16 unit that four digits spell, or -1. */
static int hex4(const char *at) {
    int unit = 0;
    for (int i = 0; i < 4; i++) {
        int value = hex_value[(uint8_t)at[i]];
        if (!value) return -1;
        unit = unit << 4 | (value - 1);
    }
    return unit;
}

/* at: behind the backslash. Returns how many bytes the escape takes behind it, 0 if it is none. */
static size_t escape_length(const char *at, const char *end) {
    if (at >= end) return 0;
    if (*at != 'u') return strchr("\"\\/bfnrt", *at) && *at;
    if (end - at < 5) return 0;
    int unit = hex4(at + 1);
    if (unit < 0 || (unit >= 0xdc00 && unit < 0xe000)) return 0;
    if (unit < 0xd800 || unit >= 0xe000) return 5;
    if (end - at < 11 || at[5] != '\\' || at[6] != 'u') return 0;
    unit = hex4(at + 7);
    return unit >= 0xdc00 && unit < 0xe000 ? 11 : 0;
}

/* Skips bytes that need no look: not a quote, a backslash, a control character or beyond ASCII. */
static const char *skip_plain(const char *at, const char *end) {
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        /* a signed compare finds control characters and bytes beyond ASCII (negative) at once */
        __m128i stop = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)),
                                    _mm_cmplt_epi8(bytes, space));
        int mask = _mm_movemask_epi8(stop);
        if (mask) return at + __builtin_ctz((unsigned)mask);
        at += 16;
    }
#endif
    while (at < end && *at != '"' && *at != '\\' && (signed char)*at >= 0x20) at++;
    return at;
}

/* Skips three-byte characters U+1000..U+CFFF, which any continuation makes well-formed: text in Japanese or Korean
 * is long runs of them. */
static const char *skip_east_asian(const char *at, const char *end) {
    while (end - at >= 3) {
        uint8_t lead = (uint8_t)at[0];
        if (lead < 0xe1 || lead > 0xec || (at[1] & 0xc0) != 0x80 || (at[2] & 0xc0) != 0x80) break;
        at += 3;
    }
    return at;
}

/* p->at is at the opening quote. */
static enum err parse_string(struct parser *p) {
    const char *start = ++p->at;
    bool escaped = false;
    for (;;) {
        p->at = skip_plain(p->at, p->end);
        if (p->at >= p->end) return fail(p, start - 1, ERR_SYNTAX, "this string does not end");
        if (*p->at == '"') break;
        size_t len;
        if (*p->at == '\\') {
            escaped = true;
            do { /* text in another script is often written as nothing but escapes */
                if (!(len = escape_length(p->at + 1, p->end)))
                    return fail(p, p->at, ERR_SYNTAX, "not an escape JSON knows, or half a surrogate pair");
                p->at += 1 + len;
            } while (p->at < p->end && *p->at == '\\');
        } else if ((uint8_t)*p->at < 0x20) {
            return fail(p, p->at, ERR_SYNTAX, "a control character in a string must be escaped");
        } else {
            p->at = skip_east_asian(p->at, p->end);
            while (p->at < p->end && (uint8_t)*p->at >= 0x80) {
                if (!(len = utf8_length(span_of(p->at, (size_t)(p->end - p->at)))))
                    return fail(p, p->at, ERR_SYNTAX, "not UTF-8");
                p->at += len;
            }
        }
    }
    struct json_node *n = node_add(p, JSON_STRING, start);
    if (!n) return no_memory(p);
    n->len = (uint32_t)(p->at - start);
    n->escaped = escaped;
    p->at++;
    return ERR_NONE;
}

static bool digit(const struct parser *p) {
    return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

static enum err parse_number(struct parser *p) {
    const char *start = p->at;
    if (*p->at == '-') p->at++;
    if (!digit(p)) return unexpected(p, "a digit");
    if (*p->at == '0')
        p->at++;
    else
        while (digit(p)) p->at++;
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        if (!digit(p)) return unexpected(p, "a digit");
        while (digit(p)) p->at++;
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-')) p->at++;
        if (!digit(p)) return unexpected(p, "a digit");
        while (digit(p)) p->at++;
    }
    if (p->at - start > NUMBER_LEN_MAX) return fail(p, start, ERR_LIMIT, "a number of more than 512 characters");
    struct json_node *n = node_add(p, JSON_NUMBER, start);
    if (!n) return no_memory(p);
    n->len = (uint32_t)(p->at - start);
    return ERR_NONE;
}

static enum err parse_word(struct parser *p, const char *word, enum json_type type) {
    size_t len = strlen(word);
    if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0) return unexpected(p, "a value");
    struct json_node *n = node_add(p, type, p->at);
    if (!n) return no_memory(p);
    n->len = (uint32_t)len;
    p->at += len;
    return ERR_NONE;
}

/* ---- duplicate keys ---- */

static struct span key_text(struct parser *p, const struct json_node *key, struct buf *scratch);

static enum err duplicate(struct parser *p, const struct json_node *key) {
    char message[128];
    snprintf(message, sizeof message, "the key \"%.*s\" stands twice in this object",
             (int)(key->len < 64 ? key->len : 64), p->start + key->at);
    return fail(p, p->start + key->at - 1, ERR_INVALID, message); /* at the quote */
}

static bool same_spelling(const struct parser *p, const struct json_node *a, const struct json_node *b) {
    return a->len == b->len && memcmp(p->start + a->at, p->start + b->at, a->len) == 0;
}

/* Whether two keys say the same; escapes understood. False also when memory ran out: scratch tells. */
static bool same_key(struct parser *p, const struct json_node *a, const struct json_node *b, struct buf *scratch) {
    if (!a->escaped && !b->escaped) return same_spelling(p, a, b);
    struct buf other = BUF_EMPTY;
    bool same = span_equal(key_text(p, a, scratch), key_text(p, b, &other));
    if (!buf_ok(&other)) scratch->failed = true;
    buf_free(&other);
    return same && buf_ok(scratch);
}

struct key_slot {
    uint32_t hash, key; /* key 0 = free: node 0 is never a key */
};

/* Puts the key into the table; true if one that says the same was there. */
static bool key_seen(struct parser *p, struct key_slot *table, uint32_t size, uint32_t key, struct buf *scratch) {
    uint32_t hash = (uint32_t)hash64(key_text(p, &p->nodes[key], scratch), p->seed), slot = hash & (size - 1);
    for (; table[slot].key; slot = (slot + 1) & (size - 1))
        if (table[slot].hash == hash && same_key(p, &p->nodes[table[slot].key], &p->nodes[key], scratch)) return true;
    table[slot] = (struct key_slot){hash, key};
    return false;
}

static enum err check_by_table(struct parser *p, uint32_t object) {
    const struct json_node *o = &p->nodes[object];
    struct key_slot few[KEYS_TABLE] = {0}, *table = few;
    uint32_t size = KEYS_TABLE;
    while (size / 2 < o->count) size *= 2;
    if (size > KEYS_TABLE && !(table = calloc(size, sizeof *table))) return no_memory(p);
    if (!p->seeded) random_bytes(&p->seed, sizeof p->seed);
    p->seeded = true;
    struct buf scratch = BUF_EMPTY;
    enum err e = ERR_NONE;
    for (uint32_t i = object + 1; !e && i < o->next; i = p->nodes[i + 1].next) {
        bool seen = key_seen(p, table, size, i, &scratch);
        if (!buf_ok(&scratch))
            e = no_memory(p);
        else if (seen)
            e = duplicate(p, &p->nodes[i]);
    }
    buf_free(&scratch);
    if (table != few) free(table);
    return e;
}

/* Called when an object is complete (its next and count are set). */
static enum err check_keys(struct parser *p, uint32_t object) {
    const struct json_node *o = &p->nodes[object];
    const struct json_node *seen[KEYS_PAIRWISE];
    uint32_t count = 0;
    if (o->count > KEYS_PAIRWISE) return check_by_table(p, object);
    for (uint32_t i = object + 1; i < o->next; i = p->nodes[i + 1].next) {
        const struct json_node *key = &p->nodes[i];
        if (key->escaped) return check_by_table(p, object);
        for (uint32_t k = 0; k < count; k++)
            if (same_spelling(p, seen[k], key)) return duplicate(p, key);
        seen[count++] = key;
    }
    return ERR_NONE;
}

/* ---- structure ---- */

static void skip_space(struct parser *p) {
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t')) p->at++;
}

static enum err parse_scalar(struct parser *p) {
    switch (p->at < p->end ? *p->at : 0) {
    case '"':
        return parse_string(p);
    case 't':
        return parse_word(p, "true", JSON_TRUE);
    case 'f':
        return parse_word(p, "false", JSON_FALSE);
    case 'n':
        return parse_word(p, "null", JSON_NULL);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return parse_number(p);
    default:
        return unexpected(p, "a value");
    }
}

static enum err close_container(struct parser *p, uint32_t index) {
    p->nodes[index].next = p->count;
    p->nodes[index].len = (uint32_t)(p->at - p->start) - p->nodes[index].at;
    return p->nodes[index].type == JSON_OBJECT ? check_keys(p, index) : ERR_NONE;
}

static enum err parse_key(struct parser *p) {
    skip_space(p);
    if (p->at >= p->end || *p->at != '"') return unexpected(p, "a key in quotes");
    enum err e = parse_string(p);
    if (e) return e;
    skip_space(p);
    if (p->at >= p->end || *p->at != ':') return unexpected(p, "':'");
    p->at++;
    return ERR_NONE;
}

static enum err parse_value(struct parser *p) {
    uint32_t open[JSON_DEPTH_MAX];
    unsigned depth = 0;
    for (;;) {
        enum err e;
        skip_space(p);
        if (p->at < p->end && (*p->at == '{' || *p->at == '[')) {
            bool object = *p->at == '{';
            if (depth == JSON_DEPTH_MAX) return fail(p, p->at, ERR_LIMIT, "nested more than 64 levels deep");
            open[depth] = p->count;
            if (!node_add(p, object ? JSON_OBJECT : JSON_ARRAY, p->at)) return no_memory(p);
            p->at++;
            skip_space(p);
            if (p->at >= p->end || *p->at != (object ? '}' : ']')) {
                depth++;
                p->nodes[open[depth - 1]].count = 1;
                if (object && (e = parse_key(p))) return e;
                continue;
            }
            p->at++;
            if ((e = close_container(p, open[depth]))) return e;
        } else if ((e = parse_scalar(p))) {
            return e;
        }
        for (;;) { /* a value is complete: what follows it? */
            if (depth == 0) return ERR_NONE;
            bool object = p->nodes[open[depth - 1]].type == JSON_OBJECT;
            skip_space(p);
            if (p->at < p->end && *p->at == ',') {
                p->at++;
                p->nodes[open[depth - 1]].count++;
                if (object && (e = parse_key(p))) return e;
                break;
            }
            if (p->at >= p->end || *p->at != (object ? '}' : ']'))
                return unexpected(p, object ? "',' or '}'" : "',' or ']'");
            p->at++;
            if ((e = close_container(p, open[--depth]))) return e;
        }
    }
}

enum err json_parse(struct arena *a, struct span source, struct json_doc *out, struct diag *d) {
    *out = (struct json_doc){.source = source};
    if (source.len > JSON_SIZE_MAX) return diag_set(d, ERR_LIMIT, "more than 2 GiB of JSON in one value");
    if (!source.at) source.at = "";
    struct parser p = {.start = source.at, .at = source.at, .end = source.at + source.len, .a = a, .d = d};
    p.size = (uint32_t)(source.len / 20) + 16; /* about what STIX takes; grows when it does not suffice */
    p.nodes = arena_alloc(a, (size_t)p.size * sizeof *p.nodes);
    if (!p.nodes) return no_memory(&p);
    if (source.len >= 3 && memcmp(source.at, "\xef\xbb\xbf", 3) == 0)
        return fail(&p, p.at, ERR_SYNTAX, "JSON does not begin with a byte order mark");
    enum err e = parse_value(&p);
    if (e) return e;
    skip_space(&p);
    if (p.at != p.end) return unexpected(&p, "the end");
    out->nodes = p.nodes;
    out->count = p.count;
    return ERR_NONE;
}

/* ---- reading ---- */

static const struct json_node *node(struct json_value v) {
    return v.doc && v.index < v.doc->count ? &v.doc->nodes[v.index] : NULL;
}

enum json_type json_type(struct json_value v) {
    const struct json_node *n = node(v);
    return n ? (enum json_type)n->type : JSON_NONE;
}

struct span json_raw(struct json_value v) {
    const struct json_node *n = node(v);
    if (!n) return (struct span){0};
    if (n->type == JSON_STRING) return span_of(v.doc->source.at + n->at - 1, n->len + 2);
    return span_of(v.doc->source.at + n->at, n->len);
}

struct span json_spelt(struct json_value v) {
    const struct json_node *n = node(v);
    return n && n->type == JSON_STRING ? span_of(v.doc->source.at + n->at, n->len) : (struct span){0};
}

static void unescape(struct span spelt, struct buf *out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    while (spelt.len) {
        size_t plain = span_find_char(spelt, '\\');
        buf_add(out, span_first(spelt, plain));
        if (plain == SIZE_MAX) return;
        spelt = span_from(spelt, plain + 1);
        if (spelt.at[0] != 'u') {
            buf_add_char(out, to[strchr(from, spelt.at[0]) - from]);
            spelt = span_from(spelt, 1);
            continue;
        }
        uint32_t c = (uint32_t)hex4(spelt.at + 1);
        bool pair = c >= 0xd800 && c < 0xdc00;
        if (pair) c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)hex4(spelt.at + 7) - 0xdc00);
        buf_add_utf8(out, c);
        spelt = span_from(spelt, pair ? 11 : 5);
    }
}

static struct span key_text(struct parser *p, const struct json_node *key, struct buf *scratch) {
    struct span spelt = span_of(p->start + key->at, key->len);
    if (!key->escaped) return spelt;
    buf_clear(scratch);
    unescape(spelt, scratch);
    return buf_span(scratch);
}

struct span json_text(struct json_value v, struct arena *a) {
    const struct json_node *n = node(v);
    struct span spelt = json_spelt(v);
    if (!n || !n->escaped) return spelt;
    struct buf text = BUF_EMPTY;
    unescape(spelt, &text);
    struct span copy = buf_ok(&text) ? arena_copy(a, buf_span(&text)) : (struct span){0};
    buf_free(&text);
    return copy;
}

bool json_is(struct json_value v, struct span text) {
    const struct json_node *n = node(v);
    if (!n || n->type != JSON_STRING) return false;
    if (!n->escaped) return span_equal(json_spelt(v), text);
    struct buf plain = BUF_EMPTY;
    unescape(json_spelt(v), &plain);
    bool same = buf_ok(&plain) && span_equal(buf_span(&plain), text);
    buf_free(&plain);
    return same;
}

struct json_value json_get(struct json_value object, const char *key) {
    const struct json_node *o = node(object);
    if (!o || o->type != JSON_OBJECT) return JSON_MISSING;
    struct span want = span_cstr(key);
    for (uint32_t i = object.index + 1; i < o->next; i = object.doc->nodes[i + 1].next) {
        const struct json_node *k = &object.doc->nodes[i];
        if (!k->escaped ? k->len == want.len && memcmp(object.doc->source.at + k->at, want.at, want.len) == 0
                        : json_is((struct json_value){object.doc, i}, want))
            return (struct json_value){object.doc, i + 1};
    }
    return JSON_MISSING;
}

struct json_value json_at(struct json_value array, uint32_t index) {
    const struct json_node *n = node(array);
    if (!n || n->type != JSON_ARRAY || index >= n->count) return JSON_MISSING;
    uint32_t i = array.index + 1;
    while (index--) i = array.doc->nodes[i].next;
    return (struct json_value){array.doc, i};
}

uint32_t json_count(struct json_value v) {
    const struct json_node *n = node(v);
    return n ? n->count : 0;
}

struct json_iter json_iter(struct json_value v) {
    const struct json_node *n = node(v);
    bool container = n && (n->type == JSON_OBJECT || n->type == JSON_ARRAY);
    return (struct json_iter){.index = UINT32_MAX,
                              .left = container ? n->count : 0,
                              .at = v.index + 1,
                              .doc = v.doc,
                              .object = container && n->type == JSON_OBJECT};
}

bool json_next(struct json_iter *it) {
    if (it->left == 0) return false;
    it->left--;
    it->index++;
    it->key = it->object ? (struct json_value){it->doc, it->at} : JSON_MISSING;
    it->value = (struct json_value){it->doc, it->at + it->object};
    it->at = it->doc->nodes[it->value.index].next;
    return true;
}

static bool number_text(struct json_value v, char text[NUMBER_LEN_MAX + 1]) {
    struct span raw = json_raw(v);
    if (json_type(v) != JSON_NUMBER || raw.len > NUMBER_LEN_MAX) return false;
    memcpy(text, raw.at, raw.len);
    text[raw.len] = 0;
    return true;
}

/* By its digits, not through a double: 9007199254740993.0 is whole and exact, 1.00000000000000000001 is not whole. */
bool json_int(struct json_value v, int64_t *out) {
    char text[NUMBER_LEN_MAX + 1], digits[NUMBER_LEN_MAX + 1];
    long count = 0, exponent = 0; /* the number is 0.digits × 10^exponent, before the written exponent */
    bool point = false;
    if (!number_text(v, text)) return false;
    const char *c = text + (text[0] == '-');
    for (; *c && *c != 'e' && *c != 'E'; c++) {
        if (*c == '.') {
            point = true;
            continue;
        }
        if (count || *c != '0') digits[count++] = *c;
        exponent += point ? -(count == 0) : count > 0;
    }
    if (*c) { /* strtol stops at the ends of long: halve them, so that nothing below overflows */
        long written = strtol(c + 1, NULL, 10);
        exponent += written > LONG_MAX / 2 ? LONG_MAX / 2 : written < LONG_MIN / 2 ? LONG_MIN / 2 : written;
    }
    while (count && digits[count - 1] == '0') count--;
    if (count && (exponent < count || exponent > 19)) return false; /* a fraction; beyond 64 bits */
    uint64_t n = 0, limit = (uint64_t)INT64_MAX + (text[0] == '-');
    for (long i = 0; count && i < exponent; i++)
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, i < count ? (uint64_t)(digits[i] - '0') : 0, &n))
            return false;
    if (n > limit) return false;
    *out = text[0] == '-' ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

bool json_double(struct json_value v, double *out) {
    char text[NUMBER_LEN_MAX + 1];
    if (!number_text(v, text)) return false;
    *out = strtod(text, NULL);
    return isfinite(*out);
}

bool json_bool(struct json_value v, bool *out) {
    enum json_type type = json_type(v);
    if (type != JSON_TRUE && type != JSON_FALSE) return false;
    *out = type == JSON_TRUE;
    return true;
}

/* Walks down from the root to the node, writing the way. */
const char *json_path(struct json_value v, char *text, size_t size) {
    struct json_value at = v.doc ? json_root(v.doc) : JSON_MISSING;
    size_t len = 0;
    if (size) text[0] = 0;
    while (node(at) && at.index != v.index && len < size) {
        struct json_iter it = json_iter(at);
        struct json_value into = JSON_MISSING;
        int n = 0;
        while (json_next(&it)) {
            uint32_t first = it.object ? it.key.index : it.value.index;
            if (v.index < first || v.index >= it.doc->nodes[it.value.index].next) continue;
            into = it.value;
            if (it.object)
                n = snprintf(text + len, size - len, "%s%.*s", len ? "." : "", SPAN_ARG(json_spelt(it.key)));
            else
                n = snprintf(text + len, size - len, "[%u]", it.index);
            if (it.object && it.key.index == v.index) into = v; /* a key's path is its value's */
            break;
        }
        if (!node(into) || n < 0) break;
        len += (size_t)n;
        at = into;
    }
    return text;
}
