#include "detect/stix_lines.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/map.h"
#include "stix/id.h"
#include "stix/schema.h"
#include "json/json.h"

enum { ARENA_CAP = 2047 << 20, SAMPLE_SIZE = 4096, KEY_SIZE = 320 /* a bundle's number and an id */ };

static bool holds(struct span text, const char *a, const char *b) {
    return span_find(text, span_cstr(a)) != SIZE_MAX || span_find(text, span_cstr(b)) != SIZE_MAX;
}

/* Whether a member "id" of it is a STIX identifier: TYPE--UUID. */
static bool holds_stix_id(struct span text) {
    static const struct span name = SPAN("\"id\"");
    for (size_t at; (at = span_find(text, name)) != SIZE_MAX;) {
        size_t hex = 0, type = 0;
        text = span_trim(span_from(text, at + name.len));
        if (text.len == 0 || text.at[0] != ':') continue;
        text = span_trim(span_from(text, 1));
        if (text.len == 0 || text.at[0] != '"') continue;
        struct span id = span_from(text, 1);
        while (type < id.len &&
               ((id.at[type] >= 'a' && id.at[type] <= 'z') || (id.at[type] >= '0' && id.at[type] <= '9') ||
                (id.at[type] == '-' && (type + 1 == id.len || id.at[type + 1] != '-'))))
            type++;
        if (type == 0 || !span_starts(span_from(id, type), SPAN("--"))) continue;
        id = span_from(id, type + 2);
        while (hex < id.len && ((id.at[hex] >= '0' && id.at[hex] <= '9') || (id.at[hex] >= 'a' && id.at[hex] <= 'f')))
            hex++;
        if (hex == 8 && hex < id.len && id.at[hex] == '-') return true;
    }
    return false;
}

bool stix_lines_wanted(struct span sample) {
    if (span_starts(sample, SPAN("\xef\xbb\xbf"))) sample = span_from(sample, 3);
    sample = span_trim(sample);
    if (sample.len == 0 || (sample.at[0] != '{' && sample.at[0] != '[')) return false;
    if (holds(sample, "\"type\":\"bundle\"", "\"type\": \"bundle\"")) return true;
    if (!holds_stix_id(sample)) return false;
    struct span rest = sample, first = span_trim(span_cut(&rest, '\n'));
    bool whole_lines = first.at[0] == '{' && (rest.len == 0 || first.at[first.len - 1] == '}');
    /* An observed-data a line with its objects in it is read as any other log, however long. */
    return !whole_lines || !holds(first, "\"objects\":{", "\"objects\": {");
}

/* An object, and the bundle it stood in: references are to that bundle's objects before those of others. */
struct collected {
    struct json_value value;
    uint32_t bundle; /* 0: in none */
};

struct collecting {
    struct arena arena;
    struct buf text;
    struct collected *objects; /* owned */
    size_t count, size;
    uint32_t bundle, bundles; /* the one under way; how many so far */
    struct map by_id;         /* id, and bundle and id → number of the object, from 1 */
    struct map taken;         /* of the observed-data under way */
    struct buf line;
    int fd;
};

/* An id in its bundle, as a key of by_id. */
static struct span scoped(uint32_t bundle, struct span id, char *text, size_t size) {
    int n = snprintf(text, size, "%u %.*s", bundle, SPAN_ARG(id));
    return span_of(text, n > 0 && (size_t)n < size ? (size_t)n : 0);
}

static enum err keep(struct collecting *c, struct json_value v, struct diag *d) {
    char key[KEY_SIZE];
    struct span id = json_text(json_get(v, "id"), &c->arena);
    if (c->count == c->size) {
        size_t size = c->size ? c->size * 2 : 1024;
        struct collected *bigger = realloc(c->objects, size * sizeof *bigger);
        if (!bigger) return diag_set(d, ERR_NOMEM, "no memory for the STIX objects");
        c->objects = bigger;
        c->size = size;
    }
    c->objects[c->count++] = (struct collected){.value = v, .bundle = c->bundle};
    if (id.len && (!map_set(&c->by_id, id, c->count, NULL) ||
                   !map_set(&c->by_id, scoped(c->bundle, id, key, sizeof key), c->count, NULL)))
        return diag_set(d, ERR_NOMEM, "no memory for the STIX objects");
    return ERR_NONE;
}

/* A value of the file: an object, a bundle or an array of them. */
static enum err keep_value(struct collecting *c, struct json_value v, unsigned depth, struct diag *d) {
    bool bundle = json_is(json_get(v, "type"), SPAN("bundle"));
    uint32_t around = c->bundle;
    struct json_value inside = bundle ? json_get(v, "objects") : v;
    if (json_type(inside) != JSON_ARRAY || depth > 2) return keep(c, v, d);
    if (bundle) c->bundle = ++c->bundles;
    enum err e = ERR_NONE;
    for (struct json_iter it = json_iter(inside); !e && json_next(&it);) e = keep_value(c, it.value, depth + 1, d);
    c->bundle = around;
    return e;
}

static enum err parse_one(struct collecting *c, struct span text, uint64_t line, struct diag *d) {
    struct json_doc *doc = arena_alloc(&c->arena, sizeof *doc);
    if (!doc) return diag_set(d, ERR_NOMEM, "no memory for the STIX objects");
    enum err e = json_parse(&c->arena, text, doc, d);
    if (e && line && d) diag_at(d, line, d->column, d->offset);
    return e ? e : keep_value(c, json_root(doc), 0, d);
}

/* The whole file as one value, else a value a line. */
static enum err parse_all(struct collecting *c, struct diag *d) {
    struct span rest = buf_span(&c->text), first = rest;
    if (span_starts(rest, SPAN("\xef\xbb\xbf"))) rest = span_from(rest, 3);
    rest = span_trim(rest);
    first = span_trim(span_cut(&first, '\n'));
    bool lines = first.len > 1 && first.at[0] == '{' && first.at[first.len - 1] == '}' && first.len < rest.len;
    if (!lines) return parse_one(c, rest, 0, d);
    enum err e = ERR_NONE;
    for (uint64_t number = 1; rest.len > 0 && !e; number++) {
        struct span line = span_trim(span_cut(&rest, '\n'));
        if (line.len) e = parse_one(c, line, number, d);
    }
    return e;
}

static bool taken(struct collecting *c, struct span id) {
    bool existed = true;
    return !map_set(&c->taken, id, 1, &existed) || existed;
}

/* One line: pretty-printed values are written with blanks for line feeds, which strings cannot hold. */
static void add_value(struct collecting *c, struct json_value v) {
    size_t from = c->line.len;
    buf_add(&c->line, json_raw(v));
    for (size_t i = from; i < c->line.len; i++)
        if (c->line.at[i] == '\n' || c->line.at[i] == '\r') c->line.at[i] = ' ';
}

static const struct collected *find(struct collecting *c, uint32_t bundle, struct span id) {
    char key[KEY_SIZE];
    uint64_t number;
    bool found = map_get(&c->by_id, scoped(bundle, id, key, sizeof key), &number) || map_get(&c->by_id, id, &number);
    return found ? &c->objects[number - 1] : NULL;
}

/* Adds what the object's references name, each once. */
static void add_referred(struct collecting *c, uint32_t bundle, struct json_value v, unsigned depth) {
    for (struct json_iter it = json_iter(v); depth < STIX_LINES_DEPTH_MAX && json_next(&it);) {
        enum json_type type = json_type(it.value);
        if (type == JSON_OBJECT || type == JSON_ARRAY) {
            add_referred(c, bundle, it.value, depth + 1);
            continue;
        }
        struct span text = json_spelt(it.value);
        if (text.len < 38 || text.len >= STIX_ID_SIZE) continue;
        const struct collected *to = find(c, bundle, text);
        if (!to || taken(c, text)) continue;
        buf_add_char(&c->line, ',');
        add_value(c, to->value);
        add_referred(c, bundle, to->value, depth + 1);
    }
}

static enum err write_line(struct collecting *c, const struct collected *o, struct diag *d) {
    bool observed = json_is(json_get(o->value, "type"), SPAN("observed-data"));
    map_clear(&c->taken);
    buf_clear(&c->line);
    if (observed && json_count(json_get(o->value, "objects")) > 0) {
        add_value(c, o->value);
    } else {
        taken(c, json_text(json_get(o->value, "id"), &c->arena));
        buf_add_cstr(&c->line, "{\"type\":\"bundle\",\"objects\":[");
        add_value(c, o->value);
        add_referred(c, o->bundle, observed ? json_get(o->value, "object_refs") : o->value, 0);
        buf_add_cstr(&c->line, "]}");
    }
    buf_add_char(&c->line, '\n');
    return buf_ok(&c->line) ? file_write_all(c->fd, buf_span(&c->line), d)
                            : diag_set(d, ERR_NOMEM, "no memory for the STIX objects");
}

/* Every observed-data; in a file that has none, every cyber-observable. */
static enum err write_lines(struct collecting *c, struct diag *d) {
    enum err e = ERR_NONE;
    bool any = false;
    for (size_t i = 0; i < c->count && !e; i++) {
        if (!json_is(json_get(c->objects[i].value, "type"), SPAN("observed-data"))) continue;
        any = true;
        e = write_line(c, &c->objects[i], d);
    }
    for (size_t i = 0; i < c->count && !e && !any; i++) {
        const struct schema *schema = stix_schema(json_text(json_get(c->objects[i].value, "type"), &c->arena));
        if (schema && schema->kind == STIX_SCO) e = write_line(c, &c->objects[i], d);
    }
    return e;
}

static enum err read_all(struct input *in, struct buf *out, struct diag *d) {
    enum { STEP = 1 << 20 };
    for (;;) {
        size_t got = 0;
        char *at = buf_reserve(out, STEP);
        if (!at) return diag_set(d, ERR_NOMEM, "no memory to read %s", input_name(in));
        enum err e = input_read(in, at, STEP, &got, d);
        if (e || got == 0) return e;
        out->len += got;
        if (out->len > STIX_LINES_FILE_MAX)
            return diag_set(d, ERR_LIMIT, "%s: STIX files of more than %d MiB cannot be matched: split it",
                            input_name(in), STIX_LINES_FILE_MAX >> 20);
    }
}

enum err stix_lines_open(struct input *in, struct input **out, struct diag *d) {
    struct collecting c = {.text = BUF_EMPTY, .line = BUF_EMPTY};
    *out = NULL;
    arena_init(&c.arena, (size_t)ARENA_CAP);
    map_init(&c.by_id);
    map_init(&c.taken);
    c.fd = memfd_create("renkei-observed-data", MFD_CLOEXEC);
    enum err e = c.fd < 0 ? diag_set(d, ERR_IO, "no memory file for the STIX objects") : read_all(in, &c.text, d);
    if (!e) e = parse_all(&c, d);
    if (e && d && !d->where[0]) diag_where(d, "%s", input_name(in));
    if (!e) e = write_lines(&c, d);
    if (!e && lseek(c.fd, 0, SEEK_SET) != 0) e = diag_set(d, ERR_IO, "cannot read the STIX objects again");
    if (!e)
        e = input_open_fd(c.fd, input_name(in), out, d); /* takes the descriptor, also when it fails */
    else if (c.fd >= 0)
        close(c.fd);
    free(c.objects);
    map_free(&c.by_id);
    map_free(&c.taken);
    buf_free(&c.text);
    buf_free(&c.line);
    arena_free(&c.arena);
    return e;
}

enum err stix_lines_input(const char *path, struct input **out, struct diag *d) {
    struct input *in = NULL;
    char sample[SAMPLE_SIZE];
    size_t got = 0;
    enum err e = input_open(path, out, d);
    if (e || strcmp(path, "-") == 0 || (input_raw_size(*out) == 0)) return e;
    if (input_open(path, &in, d)) return ERR_NONE; /* gone in between: the first look counts */
    e = input_read(in, sample, sizeof sample, &got, d);
    input_close(&in);
    if (e || !stix_lines_wanted(span_of(sample, got))) return ERR_NONE; /* whatever is wrong, reading it will tell */
    in = *out;
    e = stix_lines_open(in, out, d);
    input_close(&in);
    return e;
}
