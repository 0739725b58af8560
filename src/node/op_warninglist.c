/* Warning lists: added from files, listed, shown, removed, asked. */
#include <unistd.h>

#include "base/file.h"
#include "detect/warninglist_kept.h"
#include "node/op_all.h"

enum { READ_SIZE = 256 << 10, LIST_ARENA_MAX = 2000 << 20, SHOWN_DEFAULT = 20 };

static void write_header(struct json_writer *w, const struct warninglist_header *h) {
    json_member(w, "name", h->name);
    json_member_cstr(w, "type", warninglist_type_name(h->type));
    if (h->version.len) json_member(w, "version", h->version);
    json_member_number(w, "entries", (int64_t)h->entry_count);
    if (h->description.len) json_member(w, "description", h->description);
    json_key(w, "matching_attributes");
    json_begin_array(w);
    for (size_t i = 0; i < h->attribute_count; i++) json_string(w, h->attributes[i]);
    json_end_array(w);
}

/* ---- adding ---- */

static enum err read_file(int fd, const char *name, struct buf *out, struct diag *d) {
    struct input *in = NULL;
    size_t got = 1;
    int own = dup(fd);
    if (own < 0) return diag_set(d, ERR_IO, "no descriptor to read %s", name);
    enum err e = input_open_fd(own, name, &in, d);
    while (!e && got > 0) {
        char *at = buf_reserve(out, READ_SIZE);
        if (!at) e = diag_set(d, ERR_NOMEM, "no memory to read %s", name);
        if (!e) e = input_read(in, at, READ_SIZE, &got, d);
        if (!e && (out->len += got) > WARNINGLIST_SIZE_MAX)
            e = diag_set(d, ERR_LIMIT, "a warning list has at most %d MiB", WARNINGLIST_SIZE_MAX >> 20);
    }
    input_close(&in);
    return e;
}

static enum err add_one(struct op_call *call, int fd, const char *name, struct diag *d) {
    struct arena a;
    struct buf json = BUF_EMPTY, entries = BUF_EMPTY, out = BUF_EMPTY;
    struct warninglist_header h;
    struct store_tx *tx = NULL;
    size_t before = 0;
    arena_init(&a, LIST_ARENA_MAX);
    enum err e = read_file(fd, name, &json, d);
    if (!e) e = warninglist_read(&a, buf_span(&json), &h, &entries, d);
    if (!e) e = store_begin(call->realm->store, &tx, d);
    if (!e) e = warninglist_keep(tx, &h, buf_span(&entries), clock_now(call->realm->clock), &before, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    if (e && !d->where[0]) diag_where(d, "%s", name);
    if (!e) {
        struct json_writer w = json_writer(&out);
        json_begin_object(&w);
        json_member_cstr(&w, "file", name);
        write_header(&w, &h);
        json_member_number(&w, "entries_before", (int64_t)before);
        json_end_object(&w);
        op_emit(call, &out);
    }
    buf_free(&out);
    buf_free(&entries);
    buf_free(&json);
    arena_free(&a);
    return e;
}

/* {"files": names of the descriptors that come with the call}. Each list is kept by itself; the first that cannot be
 * read ends it. */
enum err op_warninglist_add(struct op_call *call, struct diag *d) {
    struct json_value names = json_get(call->args, "files");
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < call->fd_count; i++) {
        const char *name = arena_cstr(call->arena, json_text(json_at(names, (uint32_t)i), call->arena));
        e = name ? add_one(call, call->fds[i], name, d) : diag_set(d, ERR_NOMEM, "no memory for a name");
        op_progress(call, "adding warning lists", "lists", i + 1, call->fd_count);
    }
    return e;
}

/* ---- looking ---- */

enum err op_warninglist_list(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct warninglist_header *headers;
    struct buf out = BUF_EMPTY;
    size_t count = 0;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = warninglist_headers(r, call->arena, &headers, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        struct json_writer w = json_writer(&out);
        buf_clear(&out);
        json_begin_object(&w);
        write_header(&w, &headers[i]);
        json_end_object(&w);
        op_emit(call, &out);
    }
    store_reader_close(&r);
    buf_free(&out);
    return e;
}

/* A list by its name, or by a part of it that no other has; letters of either case. */
static enum err named(struct store_reader *r, struct span name, struct arena *a, struct warninglist_header *out,
                      struct diag *d) {
    struct warninglist_header *headers;
    size_t count, found = 0;
    enum err e = warninglist_headers(r, a, &headers, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        bool whole = span_equal(headers[i].name, name), part = false;
        for (size_t at = 0; !part && name.len && at + name.len <= headers[i].name.len; at++)
            part = span_equal_nocase(span_first(span_from(headers[i].name, at), name.len), name);
        if (whole) found = 0;
        if (whole || part) {
            *out = headers[i];
            found++;
        }
        if (whole) break;
    }
    if (e || found == 1) return e;
    return found ? diag_set(d, ERR_INVALID, "%zu warning lists have '%.*s' in their name: name one", found,
                            SPAN_ARG(span_first(name, 128)))
                 : diag_set(d, ERR_NOT_FOUND, "there is no warning list '%.*s'", SPAN_ARG(span_first(name, 128)));
}

/* {"name", "limit"}. */
enum err op_warninglist_show(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct warninglist_header h;
    struct buf entries = BUF_EMPTY, out = BUF_EMPTY;
    int64_t limit = op_number(call, "limit", SHOWN_DEFAULT);
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = named(r, op_text(call, "name"), call->arena, &h, d);
    if (!e) e = warninglist_entries(r, h.name, &entries, d);
    if (!e) {
        struct json_writer w = json_writer(&out);
        struct span rest = buf_span(&entries);
        json_begin_object(&w);
        write_header(&w, &h);
        json_key(&w, "list");
        json_begin_array(&w);
        for (int64_t i = 0; i < limit && rest.len; i++) json_string(&w, span_cut(&rest, '\n'));
        json_end_array(&w);
        json_end_object(&w);
        op_emit(call, &out);
    }
    store_reader_close(&r);
    buf_free(&entries);
    buf_free(&out);
    return e;
}

/* {"name"}. */
enum err op_warninglist_remove(struct op_call *call, struct diag *d) {
    struct store_tx *tx = NULL;
    struct warninglist_header h;
    struct buf out = BUF_EMPTY;
    enum err e = store_begin(call->realm->store, &tx, d);
    if (!e) e = named(store_tx_reader(tx), op_text(call, "name"), call->arena, &h, d);
    if (!e) e = warninglist_drop(tx, h.name, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    if (!e) {
        struct json_writer w = json_writer(&out);
        json_begin_object(&w);
        json_member(&w, "removed", h.name);
        json_end_object(&w);
        op_emit(call, &out);
    }
    buf_free(&out);
    return e;
}

static enum err check_one(struct op_call *call, struct warninglists *lists, struct span text, struct diag *d) {
    struct detect_value value;
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    if (!detect_value_read(call->arena, text, &value))
        return diag_set(d, ERR_INVALID, "'%.*s' is no address, domain, URL, hash or e-mail address",
                        SPAN_ARG(span_first(text, 128)));
    json_begin_object(&w);
    json_member(&w, "value", value.value);
    json_member_cstr(&w, "kind", atom_kind_name(value.kind));
    json_key(&w, "lists");
    json_begin_array(&w);
    enum err e = ERR_NONE;
    for (size_t next = 0; !e && next < warninglists_count(lists);) {
        struct warning warning;
        e = warninglists_find(lists, value.kind, value.value, next, &warning, &next, d);
        if (e || warning.list.len == 0) break;
        json_begin_object(&w);
        json_member(&w, "name", warning.list);
        json_member(&w, "entry", warning.entry);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    if (!e) op_emit(call, &out);
    buf_free(&out);
    return e;
}

/* {"values"}: the lists each value is on. */
enum err op_warninglist_check(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct warninglists *lists = NULL;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = warninglists_open(r, &lists, d);
    for (struct json_iter it = json_iter(json_get(call->args, "values")); !e && json_next(&it);)
        e = check_one(call, lists, json_text(it.value, call->arena), d);
    warninglists_close(&lists);
    store_reader_close(&r);
    return e;
}
