#include "taxii/envelope.h"

#include "json/json.h"

struct reader {
    struct span text;
    size_t at;
    struct arena *arena;
    struct diag *diag;
    size_t room; /* of the list of objects */
};

static enum err wrong(const struct reader *r, const char *what) {
    enum err e = diag_set(r->diag, ERR_SYNTAX, "not an envelope or bundle: %s", what);
    diag_at(r->diag, 0, 0, r->at);
    return e;
}

static void skip_blanks(struct reader *r) {
    while (r->at < r->text.len && r->text.at[r->at] && strchr(" \t\n\r", r->text.at[r->at])) r->at++;
}

static bool take(struct reader *r, char c) {
    skip_blanks(r);
    if (r->at >= r->text.len || r->text.at[r->at] != c) return false;
    r->at++;
    return true;
}

/* Stands behind an opening quote; goes behind the closing one. */
static bool skip_string(struct reader *r) {
    while (r->at < r->text.len) {
        char c = r->text.at[r->at++];
        if (c == '"') return true;
        if (c == '\\') r->at++;
    }
    return false;
}

/* Goes behind one value of whatever kind: brackets are counted, strings skipped. */
static enum err skip_value(struct reader *r, struct span *out) {
    skip_blanks(r);
    size_t start = r->at, depth = 0;
    while (r->at < r->text.len) {
        char c = r->text.at[r->at];
        if ((c == ',' || c == '}' || c == ']') && depth == 0) break;
        r->at++;
        if (c == '"' && !skip_string(r)) return wrong(r, "a string without end");
        if (c == '{' || c == '[') depth++;
        if ((c == '}' || c == ']') && --depth == 0) break;
        if (c == '"' && depth == 0) break;
    }
    if (depth > 0 || r->at > r->text.len) return wrong(r, "cut short");
    *out = span_trim(span_of(r->text.at + start, r->at - start));
    return out->len ? ERR_NONE : wrong(r, "a value is missing");
}

static enum err add_object(struct reader *r, struct envelope *out, struct span object) {
    if (out->count == r->room) {
        size_t room = r->room ? r->room * 2 : 128;
        struct span *more = arena_zalloc(r->arena, room, sizeof *more);
        if (!more) return diag_set(r->diag, ERR_NOMEM, "more objects than there is memory for");
        if (out->count) memcpy(more, out->objects, out->count * sizeof *more);
        out->objects = more;
        r->room = room;
    }
    out->objects[out->count++] = object;
    return ERR_NONE;
}

static enum err read_objects(struct reader *r, struct envelope *out) {
    if (out->has_objects) return wrong(r, "\"objects\" twice");
    if (!take(r, '[')) return wrong(r, "\"objects\" is not a list");
    out->has_objects = true;
    if (take(r, ']')) return ERR_NONE;
    for (;;) {
        struct span object;
        enum err e = skip_value(r, &object);
        if (!e) e = add_object(r, out, object);
        if (e) return e;
        if (take(r, ']')) return ERR_NONE;
        if (!take(r, ',')) return wrong(r, "a comma or the end of \"objects\" is missing");
    }
}

static enum err read_next(struct reader *r, struct span raw, struct envelope *out) {
    struct json_doc doc;
    if (raw.len > ENVELOPE_NEXT_MAX)
        return diag_set(r->diag, ERR_LIMIT, "\"next\" has more than %d bytes", ENVELOPE_NEXT_MAX);
    enum err e = json_parse(r->arena, raw, &doc, r->diag);
    if (e) return e;
    if (json_type(json_root(&doc)) == JSON_NULL) return ERR_NONE;
    /* A number is no string, but servers exist that count pages: taken as it stands. */
    if (json_type(json_root(&doc)) == JSON_NUMBER) {
        out->next = raw;
        return ERR_NONE;
    }
    if (json_type(json_root(&doc)) != JSON_STRING) return wrong(r, "\"next\" is not a string");
    out->next = json_text(json_root(&doc), r->arena);
    return r->arena->overflow ? diag_set(r->diag, ERR_NOMEM, "no memory for a cursor") : ERR_NONE;
}

static enum err read_member(struct reader *r, struct envelope *out) {
    struct span value;
    if (!take(r, '"')) return wrong(r, "a member's name is missing");
    size_t start = r->at;
    if (!skip_string(r)) return wrong(r, "a string without end");
    struct span name = span_of(r->text.at + start, r->at - start - 1);
    if (!take(r, ':')) return wrong(r, "a colon is missing");
    if (span_is(name, "objects")) return read_objects(r, out);
    enum err e = skip_value(r, &value);
    if (e) return e;
    if (span_is(name, "next")) return read_next(r, value, out);
    if (span_is(name, "more")) {
        out->more = span_is(value, "true");
        if (!out->more && !span_is(value, "false")) return wrong(r, "\"more\" is neither true nor false");
    }
    return ERR_NONE;
}

enum err envelope_read(struct arena *a, struct span text, struct envelope *out, struct diag *d) {
    struct reader r = {.text = text, .arena = a, .diag = d};
    *out = (struct envelope){0};
    if (!take(&r, '{')) return wrong(&r, "no object");
    if (!take(&r, '}')) {
        do {
            enum err e = read_member(&r, out);
            if (e) return e;
        } while (take(&r, ','));
        if (!take(&r, '}')) return wrong(&r, "a comma or the end is missing");
    }
    skip_blanks(&r);
    return r.at == text.len ? ERR_NONE : wrong(&r, "something follows its end");
}
