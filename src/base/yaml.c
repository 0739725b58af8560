#include "base/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/map.h"

enum {
    PATH_MAX_LEN = 512,
    LOG_LINE_SIZE = 1024,
    CHECK_MEMORY_MAX = 64 * YAML_SIZE_MAX /* a place is kept for every node, and a node may be two bytes */
};

/* A node's path and where it stands. */
struct place {
    struct place *next;
    struct span path;
    uint64_t line, column;
};

struct yaml_places {
    struct place *first;
};

/* One level of nesting while checking. */
struct level {
    bool mapping, key_next;
    unsigned index;  /* of the next element of a sequence */
    size_t path_len; /* of the path of the collection itself */
    struct map keys;
};

struct check {
    struct arena *a;
    struct yaml_places *places;
    struct level levels[YAML_DEPTH_MAX];
    unsigned depth;
    char path[PATH_MAX_LEN];
    size_t path_len;
    struct diag *d;
};

static enum err refuse(struct check *c, const yaml_mark_t *mark, enum err code, const char *message) {
    diag_set(c->d, code, "%s", message);
    diag_at(c->d, mark->line + 1, mark->column + 1, mark->index);
    return code;
}

static enum err place_add(struct check *c, const yaml_mark_t *mark) {
    struct place *p = arena_alloc(c->a, sizeof *p);
    if (!p) return diag_set(c->d, ERR_NOMEM, "no memory for a YAML file");
    *p = (struct place){c->places->first, arena_copy(c->a, span_of(c->path, c->path_len)), mark->line + 1,
                        mark->column + 1};
    c->places->first = p;
    return ERR_NONE;
}

/* Sets c->path to that of the value about to begin; a mapping's value has had its path set by its key. */
static void value_path(struct check *c) {
    if (c->depth == 0) return;
    struct level *l = &c->levels[c->depth - 1];
    if (l->mapping) return;
    int n = snprintf(c->path + l->path_len, sizeof c->path - l->path_len, "[%u]", l->index++);
    c->path_len = l->path_len + (size_t)n;
    if (c->path_len >= sizeof c->path) c->path_len = sizeof c->path - 1;
}

static enum err key_event(struct check *c, const yaml_event_t *e) {
    struct level *l = &c->levels[c->depth - 1];
    struct span key = span_of(e->data.scalar.value, e->data.scalar.length);
    bool existed;
    if (span_is(key, "<<")) return refuse(c, &e->start_mark, ERR_INVALID, "merge keys (<<) are not allowed here");
    if (!map_set(&l->keys, key, 1, &existed)) return diag_set(c->d, ERR_NOMEM, "no memory for a YAML file");
    if (existed) {
        char message[160];
        snprintf(message, sizeof message, "the key \"%.*s\" stands here twice", SPAN_ARG(span_first(key, 80)));
        return refuse(c, &e->start_mark, ERR_INVALID, message);
    }
    int n =
        snprintf(c->path + l->path_len, sizeof c->path - l->path_len, "%s%.*s", l->path_len ? "." : "", SPAN_ARG(key));
    c->path_len = l->path_len + (size_t)n;
    if (c->path_len >= sizeof c->path) c->path_len = sizeof c->path - 1;
    l->key_next = false;
    return place_add(c, &e->start_mark);
}

static enum err begin(struct check *c, const yaml_event_t *e, bool mapping) {
    if (c->depth > 0 && c->levels[c->depth - 1].mapping && c->levels[c->depth - 1].key_next)
        return refuse(c, &e->start_mark, ERR_INVALID, "a key must be a plain text");
    if (c->depth == YAML_DEPTH_MAX) return refuse(c, &e->start_mark, ERR_LIMIT, "nested too deeply");
    bool first = c->depth == 0 || !c->levels[c->depth - 1].mapping;
    value_path(c);
    enum err err = first ? place_add(c, &e->start_mark) : ERR_NONE;
    struct level *l = &c->levels[c->depth++];
    *l = (struct level){.mapping = mapping, .key_next = true, .path_len = c->path_len};
    map_init(&l->keys);
    return err;
}

static void finished_value(struct check *c) {
    if (c->depth > 0 && c->levels[c->depth - 1].mapping) c->levels[c->depth - 1].key_next = true;
}

static enum err scalar(struct check *c, const yaml_event_t *e) {
    if (c->depth > 0 && c->levels[c->depth - 1].mapping && c->levels[c->depth - 1].key_next) return key_event(c, e);
    bool first = c->depth == 0 || !c->levels[c->depth - 1].mapping;
    value_path(c);
    enum err err = first ? place_add(c, &e->start_mark) : ERR_NONE;
    finished_value(c);
    return err;
}

static enum err event(struct check *c, const yaml_event_t *e, unsigned *documents) {
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return refuse(c, &e->start_mark, ERR_INVALID, "aliases (*name) are not allowed here: write the value out");
    case YAML_DOCUMENT_START_EVENT:
        if (e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end)
            return refuse(c, &e->start_mark, ERR_INVALID, "%TAG directives are not allowed here");
        return ++*documents > 1 ? refuse(c, &e->start_mark, ERR_INVALID, "one document only") : ERR_NONE;
    case YAML_SCALAR_EVENT:
        if (e->data.scalar.anchor)
            return refuse(c, &e->start_mark, ERR_INVALID, "anchors (&name) are not allowed here");
        if (e->data.scalar.tag) return refuse(c, &e->start_mark, ERR_INVALID, "tags (!name) are not allowed here");
        return scalar(c, e);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        if (e->type == YAML_MAPPING_START_EVENT ? e->data.mapping_start.anchor != NULL
                                                : e->data.sequence_start.anchor != NULL)
            return refuse(c, &e->start_mark, ERR_INVALID, "anchors (&name) are not allowed here");
        if (e->type == YAML_MAPPING_START_EVENT ? e->data.mapping_start.tag != NULL
                                                : e->data.sequence_start.tag != NULL)
            return refuse(c, &e->start_mark, ERR_INVALID, "tags (!name) are not allowed here");
        return begin(c, e, e->type == YAML_MAPPING_START_EVENT);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        map_free(&c->levels[--c->depth].keys);
        finished_value(c);
        return ERR_NONE;
    default:
        return ERR_NONE;
    }
}

enum err yaml_check(struct arena *a, struct span text, struct yaml_places **out, struct diag *d) {
    yaml_parser_t parser;
    struct check c = {.a = a, .d = d};
    unsigned documents = 0;
    size_t bad;
    *out = NULL;
    if (text.len > YAML_SIZE_MAX) return diag_set(d, ERR_LIMIT, "larger than %d bytes", YAML_SIZE_MAX);
    if (!utf8_valid(text, &bad)) {
        diag_set(d, ERR_SYNTAX, "not UTF-8");
        uint64_t line = 1;
        for (size_t i = 0; i < bad; i++) line += text.at[i] == '\n';
        diag_at(d, line, 0, bad);
        return ERR_SYNTAX;
    }
    c.places = arena_zalloc(a, 1, sizeof *c.places);
    if (!c.places || !yaml_parser_initialize(&parser)) return diag_set(d, ERR_NOMEM, "no memory for a YAML file");
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.at ? text.at : ""), text.len);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    enum err e = ERR_NONE;
    for (bool end = false; !e && !end;) {
        yaml_event_t ev;
        if (!yaml_parser_parse(&parser, &ev)) {
            diag_set(d, ERR_SYNTAX, "not YAML: %s%s%s", parser.context ? parser.context : "",
                     parser.context ? ", " : "", parser.problem ? parser.problem : "unreadable");
            diag_at(d, parser.problem_mark.line + 1, parser.problem_mark.column + 1, parser.problem_mark.index);
            e = ERR_SYNTAX;
            break;
        }
        end = ev.type == YAML_STREAM_END_EVENT;
        e = event(&c, &ev, &documents);
        yaml_event_delete(&ev);
    }
    while (c.depth > 0) map_free(&c.levels[--c.depth].keys);
    yaml_parser_delete(&parser);
    if (!e && documents == 0) e = diag_set(d, ERR_SYNTAX, "the file is empty");
    if (!e && a->overflow) e = diag_set(d, ERR_NOMEM, "no memory for a YAML file");
    *out = c.places;
    return e;
}

void yaml_place(const struct yaml_places *p, const char *path, uint64_t *line, uint64_t *column) {
    struct span want = span_cstr(path);
    *line = *column = 1;
    if (!p) return;
    for (;;) {
        for (const struct place *at = p->first; at; at = at->next)
            if (span_equal(at->path, want)) {
                *line = at->line;
                *column = at->column;
                return;
            }
        if (want.len == 0) return;
        while (want.len && want.at[want.len - 1] != '.' && want.at[want.len - 1] != '[') want.len--;
        if (want.len) want.len--;
    }
}

/* ---- libcyaml ---- */

/* One line of libcyaml's backtrace: a mapping's field, or a sequence's entry. */
struct frame {
    char field[64]; /* "" for an entry */
    unsigned entry; /* from 0 */
    unsigned line, column;
};

/* What libcyaml says in its log: first the mistake, then, innermost first, where it was. */
struct heard {
    char mistake[256];
    struct frame frames[2 * YAML_DEPTH_MAX];
    unsigned count;
};

static void hear_frame(struct heard *h, const char *say) {
    const char *field = strstr(say, "mapping field '"), *entry = strstr(say, "sequence entry '");
    const char *place = strstr(say, "(line: ");
    struct frame f = {0};
    if ((!field && !entry) || h->count == sizeof h->frames / sizeof *h->frames) return;
    if (place) (void)sscanf(place, "(line: %u, column: %u)", &f.line, &f.column);
    if (field)
        snprintf(f.field, sizeof f.field, "%.*s", (int)strcspn(field + 15, "'"), field + 15);
    else if (sscanf(entry + 16, "%u", &f.entry) == 1 && f.entry > 0)
        f.entry--;
    h->frames[h->count++] = f;
}

__attribute__((format(printf, 3, 0))) /* as cyaml formats it */
static void
hear(cyaml_log_t level, void *context, const char *format, va_list args) {
    struct heard *h = context;
    char text[LOG_LINE_SIZE];
    (void)level;
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = 0;
    const char *say = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;
    if (!h->mistake[0])
        snprintf(h->mistake, sizeof h->mistake, "%.255s", say);
    else
        hear_frame(h, say);
}

/* Walks the frames from the outermost in: the path they make, and the schema of what is there (NULL if unknown). */
static const cyaml_schema_value_t *follow(const struct heard *h, unsigned skip, const cyaml_schema_value_t *schema,
                                          struct buf *path) {
    for (unsigned i = h->count; i > skip; i--) {
        const struct frame *f = &h->frames[i - 1];
        if (!f->field[0]) {
            buf_printf(path, "[%u]", f->entry);
            bool sequence = schema && (schema->type == CYAML_SEQUENCE || schema->type == CYAML_SEQUENCE_FIXED);
            schema = sequence ? schema->sequence.entry : NULL;
            continue;
        }
        buf_printf(path, "%s%s", path->len ? "." : "", f->field);
        const cyaml_schema_field_t *field = schema && schema->type == CYAML_MAPPING ? schema->mapping.fields : NULL;
        while (field && field->key && strcmp(field->key, f->field) != 0) field++;
        schema = field && field->key ? &field->value : NULL;
    }
    return schema;
}

static void add_choices(struct buf *message, const cyaml_schema_value_t *schema) {
    if (schema && schema->type == CYAML_MAPPING) {
        const cyaml_schema_field_t *f = schema->mapping.fields;
        for (; f->key; f++) buf_printf(message, "%s%s", f == schema->mapping.fields ? "; known are: " : ", ", f->key);
    } else if (schema && (schema->type == CYAML_ENUM || schema->type == CYAML_FLAGS)) {
        for (uint32_t i = 0; i < schema->enumeration.count; i++)
            buf_printf(message, "%s%s", i ? ", " : "; one of: ", schema->enumeration.strings[i].str);
    }
}

static const char *after(const char *text, const char *head) {
    size_t len = strlen(head);
    return strncmp(text, head, len) == 0 ? text + len : NULL;
}

/* Turns what was heard into one sentence with its place. libcyaml's own places are those of the last value it read:
 * right for a bad value, beside the point for a key that is unknown or missing. */
static enum err explain(const struct heard *h, const cyaml_schema_value_t *schema, const struct yaml_places *places,
                        struct diag *d) {
    struct buf message = BUF_EMPTY, path = BUF_EMPTY;
    uint64_t line = h->count ? h->frames[0].line : 1, column = h->count ? h->frames[0].column : 1;
    const char *unknown = after(h->mistake, "Unexpected key: ");
    const char *missing = after(h->mistake, "Missing required mapping field: ");
    bool excessive = after(h->mistake, "Excessive entries") != NULL;
    unsigned skip = h->count && ((missing && h->frames[0].field[0]) || (excessive && !h->frames[0].field[0]));
    schema = follow(h, skip, schema, &path);
    const char *parent = path.len ? buf_cstr(&path) : NULL;
    if (unknown) {
        buf_printf(&message, "\"%s\" is not known%s%s", unknown, parent ? " in " : " here", parent ? parent : "");
        buf_printf(&path, "%s%s", parent ? "." : "", unknown);
    } else if (missing) {
        buf_printf(&message, "\"%s\" is missing%s%s", missing, parent ? " in " : "", parent ? parent : "");
    } else {
        buf_printf(&message, "%s%s%s", h->mistake, parent ? ", at " : "", parent ? parent : "");
    }
    if (!missing) add_choices(&message, schema);
    if (unknown || missing) yaml_place(places, buf_ok(&path) && path.len ? buf_cstr(&path) : "", &line, &column);
    diag_set(d, ERR_INVALID, "%.*s", SPAN_ARG(buf_span(&message)));
    diag_at(d, line, column, 0);
    buf_free(&message);
    buf_free(&path);
    return ERR_INVALID;
}

static cyaml_config_t configuration(struct heard *h) {
    return (cyaml_config_t){
        .log_fn = hear, .log_ctx = h, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR, .flags = CYAML_CFG_NO_ALIAS};
}

enum err yaml_load(struct span text, const cyaml_schema_value_t *schema, void **out, struct diag *d) {
    struct heard h = {0};
    cyaml_config_t config = configuration(&h);
    cyaml_data_t *data = NULL;
    struct yaml_places *places;
    struct arena a;
    *out = NULL;
    arena_init(&a, CHECK_MEMORY_MAX);
    enum err e = yaml_check(&a, text, &places, d); /* nothing is loaded that did not pass */
    if (!e) {
        cyaml_err_t code = cyaml_load_data((const uint8_t *)text.at, text.len, &config, schema, &data, NULL);
        if (code == CYAML_ERR_OOM)
            e = diag_set(d, ERR_NOMEM, "no memory for a YAML file");
        else if (code != CYAML_OK) {
            if (!h.mistake[0]) snprintf(h.mistake, sizeof h.mistake, "%s", cyaml_strerror(code));
            e = explain(&h, schema, places, d);
        }
    }
    arena_free(&a);
    *out = e ? NULL : data;
    return e;
}

void yaml_unload(const cyaml_schema_value_t *schema, void *data) {
    struct heard h = {0};
    cyaml_config_t config = configuration(&h);
    cyaml_free(&config, schema, data, 0);
}
