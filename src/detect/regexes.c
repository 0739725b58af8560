#include "detect/regexes.h"

#include <stdlib.h>

#include "base/buf.h"

#ifdef RENKEI_HYPERSCAN
#include <hs/hs.h>
#endif

struct regexes {
#ifdef RENKEI_HYPERSCAN
    hs_database_t *database; /* owned; NULL: blind, or nothing that can be sieved by */
#endif
    uint32_t *numbers; /* owned; of all */
    uint32_t count;
    uint32_t *always; /* owned; numbers named for every text */
    uint32_t always_count;
    bool blind;
    bool raw; /* for telemetry as it is: bytes beyond ASCII are no reason to name all */
};

struct regexes_memory {
#ifdef RENKEI_HYPERSCAN
    hs_scratch_t *scratch; /* owned */
#endif
    bool unused;
};

static bool is_ascii(struct span text) {
    uint64_t high = 0;
    size_t i = 0;
    for (; i + 8 <= text.len; i += 8) {
        uint64_t word;
        memcpy(&word, text.at + i, sizeof word);
        high |= word;
    }
    for (; i < text.len; i++) high |= (unsigned char)text.at[i];
    return !(high & UINT64_C(0x8080808080808080));
}

/* --- building --- */

#ifdef RENKEI_HYPERSCAN

/* What becomes of the list on its way to Hyperscan: those it can take, as it wants them. */
struct expressions {
    struct buf text;
    size_t *starts;
    const char **at;
    unsigned *flags, *ids;
    uint32_t count;
};

static void write_plain(struct buf *out, char c) {
    bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (word)
        buf_add_char(out, c);
    else
        buf_printf(out, "\\x%02x", (unsigned)(unsigned char)c);
}

static void write_like(struct buf *out, struct span text) {
    bool open_start = text.len && text.at[0] == '%', open_end = text.len && text.at[text.len - 1] == '%';
    if (!open_start) buf_add_char(out, '^');
    for (size_t i = open_start; i + open_end < text.len; i++) {
        if (text.at[i] == '%')
            buf_add_cstr(out, ".*");
        else if (text.at[i] == '_')
            buf_add_char(out, '.');
        else
            write_plain(out, text.at[i]);
    }
    if (!open_end) buf_add_char(out, '$');
}

static void write_expression(struct buf *out, const struct regex *regex) {
    switch (regex->kind) {
    case REGEX_LIKE:
        write_like(out, regex->text);
        break;
    case REGEX_EQUAL:
        buf_add_char(out, '^');
        for (size_t i = 0; i < regex->text.len; i++) write_plain(out, regex->text.at[i]);
        buf_add_char(out, '$');
        break;
    default:
        buf_add(out, regex->text);
        break;
    }
    buf_add_char(out, '\0');
}

static unsigned flags_of(const struct regex *regex) {
    switch (regex->kind) {
    case REGEX_WORD:
        return HS_FLAG_CASELESS;
    case REGEX_RAW:
        return 0;
    case REGEX_MATCHES:
        return HS_FLAG_PREFILTER | HS_FLAG_ALLOWEMPTY | HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH |
               (regex->caseless ? HS_FLAG_CASELESS : 0);
    default:
        return HS_FLAG_PREFILTER | HS_FLAG_ALLOWEMPTY | HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH | HS_FLAG_CASELESS;
    }
}

/* Whether Hyperscan takes it at all. Inline options could switch on what it reads differently. */
static bool is_taken(const struct regex *regex, const char *expression, unsigned flags) {
    hs_expr_info_t *info = NULL;
    hs_compile_error_t *error = NULL;
    if (regex->kind != REGEX_RAW && !is_ascii(regex->text)) return false;
    if (span_find_char(regex->text, '\0') != SIZE_MAX) return false;
    bool taken = hs_expression_info(expression, flags, &info, &error) == HS_SUCCESS;
    free(info);
    hs_free_compile_error(error);
    return taken;
}

static bool collect(struct regexes *r, const struct regex *list, uint32_t count, struct expressions *e) {
    e->starts = malloc((count + 1) * sizeof *e->starts);
    e->at = malloc((count + 1) * sizeof *e->at);
    e->flags = malloc((count + 1) * sizeof *e->flags);
    e->ids = malloc((count + 1) * sizeof *e->ids);
    if (!e->starts || !e->at || !e->flags || !e->ids) return false;
    for (uint32_t i = 0; i < count; i++) {
        size_t start = e->text.len;
        unsigned flags = flags_of(&list[i]);
        write_expression(&e->text, &list[i]);
        if (!buf_ok(&e->text)) return false;
        if (e->text.len - start > REGEX_LENGTH_MAX || !is_taken(&list[i], e->text.at + start, flags)) {
            e->text.len = start;
            r->always[r->always_count++] = list[i].number;
            continue;
        }
        e->starts[e->count] = start;
        e->flags[e->count] = flags;
        e->ids[e->count++] = i;
    }
    for (uint32_t i = 0; i < e->count; i++) e->at[i] = e->text.at + e->starts[i];
    return true;
}

/* Takes one out that could not be compiled with the others. */
static void leave_out(struct regexes *r, struct expressions *e, uint32_t i) {
    r->always[r->always_count++] = r->numbers[e->ids[i]];
    e->count--;
    memmove(e->at + i, e->at + i + 1, (e->count - i) * sizeof *e->at);
    memmove(e->flags + i, e->flags + i + 1, (e->count - i) * sizeof *e->flags);
    memmove(e->ids + i, e->ids + i + 1, (e->count - i) * sizeof *e->ids);
}

/* Compiling all fails when one is too large: that one is left out and the others tried again; after so many, each is
 * compiled alone first. */
enum { LEFT_OUT_AT_ONCE = 4 };

static bool compiles_alone(const struct expressions *e, uint32_t i) {
    hs_database_t *database = NULL;
    hs_compile_error_t *error = NULL;
    bool good = hs_compile(e->at[i], e->flags[i], HS_MODE_BLOCK, NULL, &database, &error) == HS_SUCCESS;
    hs_free_database(database);
    hs_free_compile_error(error);
    return good;
}

static enum err compile(struct regexes *r, struct expressions *e, struct diag *d) {
    for (unsigned left_out = 0; e->count > 0; left_out++) {
        hs_compile_error_t *error = NULL;
        hs_error_t result =
            hs_compile_multi(e->at, e->flags, e->ids, e->count, HS_MODE_BLOCK, NULL, &r->database, &error);
        int which = error ? error->expression : -1;
        hs_free_compile_error(error);
        if (result == HS_SUCCESS) return ERR_NONE;
        if (result == HS_NOMEM) return diag_set(d, ERR_NOMEM, "out of memory compiling expressions");
        if (which >= 0 && (uint32_t)which < e->count && left_out < LEFT_OUT_AT_ONCE) {
            leave_out(r, e, (uint32_t)which);
            continue;
        }
        uint32_t before = e->count;
        for (uint32_t i = 0; i < e->count;)
            if (compiles_alone(e, i))
                i++;
            else
                leave_out(r, e, i);
        while (e->count == before && e->count > 0) leave_out(r, e, e->count - 1); /* together too large: none */
    }
    return ERR_NONE;
}

static enum err build(struct regexes *r, const struct regex *list, uint32_t count, struct diag *d) {
    struct expressions e = {.text = BUF_EMPTY};
    enum err error = ERR_NONE;
    r->blind = hs_valid_platform() != HS_SUCCESS;
    if (!r->blind)
        error =
            collect(r, list, count, &e) ? compile(r, &e, d) : diag_set(d, ERR_NOMEM, "out of memory for expressions");
    buf_free(&e.text);
    free(e.starts);
    free(e.at);
    free(e.flags);
    free(e.ids);
    return error;
}

#else

static enum err build(struct regexes *r, const struct regex *list, uint32_t count, struct diag *d) {
    (void)list;
    (void)count;
    (void)d;
    r->blind = true;
    return ERR_NONE;
}

#endif

enum err regexes_new(const struct regex *list, uint32_t count, struct regexes **out, struct diag *d) {
    *out = NULL;
    if (count > REGEXES_MAX) return diag_set(d, ERR_LIMIT, "more than %d expressions at once", REGEXES_MAX);
    struct regexes *r = calloc(1, sizeof *r);
    if (r) r->numbers = malloc((count + 1) * sizeof *r->numbers);
    if (r) r->always = malloc((count + 1) * sizeof *r->always);
    if (!r || !r->numbers || !r->always) {
        regexes_free(&r);
        return diag_set(d, ERR_NOMEM, "out of memory for expressions");
    }
    r->count = count;
    for (uint32_t i = 0; i < count; i++) {
        r->numbers[i] = list[i].number;
        r->raw |= list[i].kind == REGEX_WORD || list[i].kind == REGEX_RAW;
    }
    enum err error = build(r, list, count, d);
    if (error) regexes_free(&r);
    *out = r;
    return error;
}

void regexes_free(struct regexes **regexes) {
    struct regexes *r = *regexes;
    if (!r) return;
#ifdef RENKEI_HYPERSCAN
    hs_free_database(r->database);
#endif
    free(r->numbers);
    free(r->always);
    free(r);
    *regexes = NULL;
}

bool regexes_are_blind(const struct regexes *regexes) {
    return regexes->blind;
}

uint32_t regexes_always_count(const struct regexes *regexes) {
    return regexes->always_count;
}

/* --- searching --- */

enum err regexes_memory_new(const struct regexes *regexes, struct regexes_memory **out, struct diag *d) {
    struct regexes_memory *m = calloc(1, sizeof *m);
    *out = m;
    if (!m) return diag_set(d, ERR_NOMEM, "out of memory for expressions");
#ifdef RENKEI_HYPERSCAN
    if (regexes->database && hs_alloc_scratch(regexes->database, &m->scratch) != HS_SUCCESS) {
        regexes_memory_free(out);
        return diag_set(d, ERR_NOMEM, "out of memory for expressions");
    }
#endif
    return ERR_NONE;
}

void regexes_memory_free(struct regexes_memory **memory) {
    if (!*memory) return;
#ifdef RENKEI_HYPERSCAN
    hs_free_scratch((*memory)->scratch);
#endif
    free(*memory);
    *memory = NULL;
}

struct search {
    const struct regexes *regexes;
    bool (*found)(void *context, uint32_t number, size_t end);
    void *context;
};

#ifdef RENKEI_HYPERSCAN
static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context) {
    const struct search *s = context;
    (void)from;
    (void)flags;
    return s->found(s->context, s->regexes->numbers[id], (size_t)to) ? 0 : 1;
}
#endif

static void name_all(const struct search *s, const uint32_t *numbers, uint32_t count, size_t end) {
    for (uint32_t i = 0; i < count; i++)
        if (!s->found(s->context, numbers[i], end)) return;
}

void regexes_find(const struct regexes *r, struct regexes_memory *memory, struct span text,
                  bool (*found)(void *context, uint32_t number, size_t end), void *context) {
    struct search s = {r, found, context};
    if (r->blind || (!r->raw && !is_ascii(text)) || text.len > UINT32_MAX) {
        name_all(&s, r->numbers, r->count, text.len);
        return;
    }
    name_all(&s, r->always, r->always_count, text.len);
#ifdef RENKEI_HYPERSCAN
    if (r->database &&
        hs_scan(r->database, text.at ? text.at : "", (unsigned)text.len, 0, memory->scratch, on_match, &s) < 0)
        return; /* HS_SCAN_TERMINATED: found() has enough */
#endif
}
