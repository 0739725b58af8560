#include "node/warned.h"

enum { SCRATCH_MAX = 64 << 20, KEPT_MAX = 1 << 20 };

enum err warned_open(struct warned *w, struct store *store, struct diag *d) {
    *w = (struct warned){0};
    arena_init(&w->scratch, SCRATCH_MAX);
    arena_init(&w->kept, KEPT_MAX);
    enum err e = store_reader_open(store, &w->reader, d);
    if (!e) e = warninglists_open(w->reader, &w->lists, d);
    if (!e && warninglists_count(w->lists) == 0) warninglists_close(&w->lists);
    return e;
}

void warned_close(struct warned *w) {
    warninglists_close(&w->lists);
    store_reader_close(&w->reader);
    arena_free(&w->scratch);
    arena_free(&w->kept);
    buf_free(&w->pattern);
}

enum err warned_look_pattern(struct warned *w, struct span pattern, struct diag *d) {
    struct pattern_warnings found;
    if (!w->lists) return ERR_NONE;
    arena_reset(&w->scratch);
    enum err e = warninglists_judge(w->lists, &w->scratch, pattern, &found, d);
    if (e || found.warned == 0) return e;
    if (w->count < WARNED_SHOWN) {
        w->shown[w->count].value = arena_copy(&w->kept, found.first_value);
        w->shown[w->count].list = found.first.list; /* lives as long as the lists */
    }
    w->count++;
    return ERR_NONE;
}

enum err warned_look_value(struct warned *w, enum list_kind kind, struct span value, struct diag *d) {
    if (!w->lists) return ERR_NONE;
    buf_clear(&w->pattern);
    list_pattern(&w->pattern, kind, value);
    return warned_look_pattern(w, buf_span(&w->pattern), d);
}

void warned_tell(struct warned *w, struct op_call *call, const char *file) {
    struct buf out = BUF_EMPTY;
    struct json_writer json = json_writer(&out);
    if (w->count == 0) return;
    json_begin_object(&json);
    json_member_cstr(&json, "file", file);
    json_member_number(&json, "warned", (int64_t)w->count);
    json_key(&json, "first");
    json_begin_array(&json);
    for (size_t i = 0; i < w->count && i < WARNED_SHOWN; i++) {
        json_begin_object(&json);
        json_member(&json, "value", w->shown[i].value);
        json_member(&json, "list", w->shown[i].list);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_end_object(&json);
    op_emit(call, &out);
    buf_free(&out);
    arena_reset(&w->kept);
    w->count = 0;
}
