#include "detect/mapping.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/yaml.h"
#include "detect/fields.h"
#include "stix/schema.h"

/* ---- the file as it stands ---- */

struct raw_field {
    char *field, *path;
};
struct raw_mapping {
    char *renkei, *format, *log, *separator, *timezone, *others, **columns;
    struct raw_field *fields;
    unsigned columns_count, fields_count;
};

#define TEXT(key, type, member, flags)                                                                                 \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, 1, CYAML_UNLIMITED)

static const cyaml_schema_field_t field_fields[] = {TEXT("field", struct raw_field, field, CYAML_FLAG_DEFAULT),
                                                    TEXT("path", struct raw_field, path, CYAML_FLAG_DEFAULT),
                                                    CYAML_FIELD_END};
static const cyaml_schema_value_t field_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_field, field_fields)};
static const cyaml_schema_value_t column_schema = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, CYAML_UNLIMITED)};
static const cyaml_schema_field_t mapping_fields[] = {
    TEXT("renkei", struct raw_mapping, renkei, CYAML_FLAG_DEFAULT),
    TEXT("format", struct raw_mapping, format, CYAML_FLAG_DEFAULT),
    TEXT("log", struct raw_mapping, log, CYAML_FLAG_OPTIONAL),
    TEXT("separator", struct raw_mapping, separator, CYAML_FLAG_OPTIONAL),
    TEXT("timezone", struct raw_mapping, timezone, CYAML_FLAG_OPTIONAL),
    TEXT("others", struct raw_mapping, others, CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_SEQUENCE("columns", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_mapping, columns,
                         &column_schema, 1, READER_COLUMNS_MAX),
    CYAML_FIELD_SEQUENCE("fields", CYAML_FLAG_POINTER, struct raw_mapping, fields, &field_schema, 1,
                         MAPPING_FIELDS_MAX),
    CYAML_FIELD_END};
static const cyaml_schema_value_t mapping_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_mapping, mapping_fields)};

/* ---- what it means ---- */

struct mapping {
    struct reader_settings settings;
    struct field_table table;
    const struct detect_reader *reader;
    struct arena arena;
};

struct reading {
    struct mapping *out;
    const struct raw_mapping *raw;
    struct yaml_places *places;
    const char *name;
    struct diag *diag;
};

static enum err refuse(struct reading *r, const char *path) {
    uint64_t line = 0, column = 0;
    yaml_place(r->places, path, &line, &column);
    diag_at(r->diag, line, column, 0);
    diag_where(r->diag, "%s", r->name);
    return ERR_INVALID;
}

/* "+09:00", "-0530", "UTC". */
bool reader_zone_parse(struct span text, int64_t *zone_us) {
    time_us there, here;
    char spelt[48];
    *zone_us = 0;
    if (span_is(text, "UTC") || span_is(text, "Z")) return true;
    if (text.len < 5 || text.len > 6 || (text.at[0] != '+' && text.at[0] != '-')) return false;
    snprintf(spelt, sizeof spelt, "2026-01-01T00:00:00%.*s", SPAN_ARG(text));
    if (!time_parse_rfc3339(span_cstr(spelt), &there) || !time_parse_rfc3339(SPAN("2026-01-01T00:00:00Z"), &here))
        return false;
    *zone_us = here - there;
    return true;
}

static enum err read_header(struct reading *r) {
    const struct raw_mapping *raw = r->raw;
    struct reader_settings *s = &r->out->settings;
    if (strcmp(raw->renkei, "mapping-v1") != 0) {
        diag_set(r->diag, ERR_INVALID, "\"%s\": this version reads mapping-v1", raw->renkei);
        return refuse(r, "renkei");
    }
    if (strcmp(raw->format, "csv") != 0 && strcmp(raw->format, "json") != 0) {
        diag_set(r->diag, ERR_INVALID, "\"%s\": the format is csv or json", raw->format);
        return refuse(r, "format");
    }
    r->out->reader = strcmp(raw->format, "csv") == 0 ? &detect_reader_csv : &detect_reader_ndjson;
    s->separator = ',';
    if (raw->separator && strcmp(raw->separator, "tab") == 0) {
        s->separator = '\t';
    } else if (raw->separator) {
        s->separator = raw->separator[0];
        if (strlen(raw->separator) != 1 || strchr("\"\n\r", s->separator)) {
            diag_set(r->diag, ERR_INVALID, "the separator is one character, or \"tab\"");
            return refuse(r, "separator");
        }
    }
    if (raw->timezone && !reader_zone_parse(span_cstr(raw->timezone), &s->zone_us)) {
        diag_set(r->diag, ERR_INVALID, "\"%s\": a time zone is UTC or an offset such as +09:00", raw->timezone);
        return refuse(r, "timezone");
    }
    if (raw->others && strcmp(raw->others, "ignore") != 0 && strcmp(raw->others, "shape") != 0) {
        diag_set(r->diag, ERR_INVALID, "\"%s\": other fields are ignored (ignore) or read by shape (shape)",
                 raw->others);
        return refuse(r, "others");
    }
    if (raw->log) s->log = arena_cstr(&r->out->arena, span_cstr(raw->log));
    return ERR_NONE;
}

/* "Source Address" as the tables have it: see fields.c. */
static char *table_name(struct arena *a, const char *name) {
    char *copy = arena_cstr(a, span_cstr(name));
    for (char *c = copy; copy && *c; c++) {
        if (*c == '.' || *c == '-') *c = '_';
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c | 0x20);
    }
    return copy;
}

/* The row of field_targets a path names; TO_PROPERTY when it is none of them. */
static enum field_target target_of(struct span path, struct span *key) {
    *key = span_of(NULL, 0);
    if (span_is(path, "ipv4-addr:value") || span_is(path, "ipv6-addr:value")) return TO_HOST;
    if (span_starts(path, SPAN("file:hashes."))) return TO_FILE_HASH;
    if (span_starts(path, SPAN("x509-certificate:hashes."))) return TO_CERTIFICATE_HASH;
    for (int i = 1; i < FIELD_TARGETS; i++)
        if (field_targets[i].path[0] && span_is(path, field_targets[i].path)) return (enum field_target)i;
    static const enum field_target keyed[] = {TO_HEADER, TO_MAIL_HEADER};
    for (size_t i = 0; i < sizeof keyed / sizeof *keyed; i++) {
        struct span head = span_cstr(field_targets[keyed[i]].path);
        if (!span_starts(path, head)) continue;
        *key = span_from(path, head.len);
        if (key->len > 2 && key->at[0] == '\'' && key->at[key->len - 1] == '\'')
            *key = span_of(key->at + 1, key->len - 2);
        return keyed[i];
    }
    *key = path;
    return TO_PROPERTY;
}

/* Whether type and first property are STIX's; other types are custom and anything goes. */
static const char *wrong_path(struct span path, char *message, size_t size) {
    struct span rest = path, type = span_cut(&rest, ':');
    if (!rest.at || rest.len == 0) return "a path is a type and a property, \"domain-name:value\"";
    const struct schema *schema = stix_schema(type);
    if (!schema || schema->kind != STIX_SCO) {
        snprintf(message, size, "\"%.*s\" is no cyber-observable of STIX 2.1", SPAN_ARG(span_first(type, 64)));
        return message;
    }
    size_t end = 0;
    while (end < rest.len && rest.at[end] != '.' && rest.at[end] != '[') end++;
    struct span name = span_first(rest, end);
    if (span_is(name, "extensions")) return NULL;
    for (const struct property *p = schema->properties; p->name; p++)
        if (span_is(name, p->name)) return NULL;
    snprintf(message, size, "%s has no property \"%.*s\"", schema->type, SPAN_ARG(span_first(name, 64)));
    return message;
}

static int compare_rows(const void *a, const void *b) {
    return strcmp(((const struct field_row *)a)->name, ((const struct field_row *)b)->name);
}

static enum err read_fields(struct reading *r) {
    const struct raw_mapping *raw = r->raw;
    struct arena *a = &r->out->arena;
    struct field_row *rows = arena_zalloc(a, raw->fields_count, sizeof *rows);
    char where[64], message[256];
    for (unsigned i = 0; rows && i < raw->fields_count; i++) {
        struct span path = span_cstr(raw->fields[i].path), key;
        bool time = span_is(path, "observed-data:first_observed");
        const char *wrong = time ? NULL : wrong_path(path, message, sizeof message);
        snprintf(where, sizeof where, "fields[%u].path", i);
        if (wrong) {
            diag_set(r->diag, ERR_INVALID, "%s", wrong);
            return refuse(r, where);
        }
        enum field_target target = target_of(path, &key);
        rows[i] = (struct field_row){.name = table_name(a, raw->fields[i].field),
                                     .target = (uint8_t)target,
                                     .key = key.len ? arena_cstr(a, key) : NULL};
        if (rows[i].name && strlen(rows[i].name) >= FIELD_NAME_MAX) {
            diag_set(r->diag, ERR_LIMIT, "a field's name has at most %d bytes", FIELD_NAME_MAX - 1);
            snprintf(where, sizeof where, "fields[%u].field", i);
            return refuse(r, where);
        }
    }
    if (a->overflow) return diag_set(r->diag, ERR_NOMEM, "no memory for the mapping");
    qsort(rows, raw->fields_count, sizeof *rows, compare_rows);
    for (unsigned i = 1; i < raw->fields_count; i++) {
        if (strcmp(rows[i].name, rows[i - 1].name) != 0) continue;
        diag_set(r->diag, ERR_INVALID, "the field \"%s\" is there twice", rows[i].name);
        return refuse(r, "fields");
    }
    r->out->table = (struct field_table){.rows = rows,
                                         .count = raw->fields_count,
                                         .fold = true,
                                         .by_shape = raw->others && !strcmp(raw->others, "shape")};
    r->out->settings.table = &r->out->table;
    return ERR_NONE;
}

static enum err read_columns(struct reading *r) {
    const struct raw_mapping *raw = r->raw;
    const char **names = arena_zalloc(&r->out->arena, raw->columns_count + 1, sizeof *names);
    if (raw->columns_count == 0 || !names) return ERR_NONE;
    for (unsigned i = 0; i < raw->columns_count; i++) names[i] = table_name(&r->out->arena, raw->columns[i]);
    r->out->settings.columns = names;
    r->out->settings.column_count = raw->columns_count;
    return r->out->arena.overflow ? diag_set(r->diag, ERR_NOMEM, "no memory for the mapping") : ERR_NONE;
}

enum err mapping_read(struct span yaml, const char *name, struct mapping **out, struct diag *d) {
    struct mapping *m = calloc(1, sizeof *m);
    struct arena places;
    void *raw = NULL;
    struct diag own = {0};
    struct reading r = {.out = m, .name = name, .diag = d ? d : &own};
    *out = NULL;
    if (!m) return diag_set(d, ERR_NOMEM, "no memory for the mapping");
    arena_init(&m->arena, 16 << 20);
    arena_init(&places, 64 << 20);
    enum err e = yaml_check(&places, yaml, &r.places, r.diag);
    if (!e) e = yaml_load(yaml, &mapping_schema, &raw, r.diag);
    if (e) diag_where(r.diag, "%s", name);
    r.raw = raw;
    if (!e) e = read_header(&r);
    if (!e) e = read_fields(&r);
    if (!e) e = read_columns(&r);
    yaml_unload(&mapping_schema, raw);
    arena_free(&places);
    if (e)
        mapping_free(&m);
    else
        *out = m;
    return e;
}

enum err mapping_open(const char *path, struct mapping **out, struct diag *d) {
    struct buf text = BUF_EMPTY;
    *out = NULL;
    enum err e = file_read(path, MAPPING_FILE_SIZE_MAX, &text, d);
    if (!e) e = mapping_read(buf_span(&text), path, out, d);
    buf_free(&text);
    return e;
}

void mapping_free(struct mapping **m) {
    if (!*m) return;
    arena_free(&(*m)->arena);
    free(*m);
    *m = NULL;
}

const struct reader_settings *mapping_settings(const struct mapping *m) {
    return &m->settings;
}
const struct detect_reader *mapping_reader(const struct mapping *m) {
    return m->reader;
}
