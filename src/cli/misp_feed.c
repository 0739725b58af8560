#include "cli/misp_feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "json/json.h"

enum {
    MANIFEST_SIZE_MAX = 256 << 20, /* about a kilobyte an event: a quarter of a million events */
    MANIFEST_ARENA_MAX = 1 << 30,
    UUID_LEN = 36
};

static bool manifest_path(const char *folder, char *path, size_t size) {
    return snprintf(path, size, "%s/manifest.json", folder) < (int)size;
}

bool misp_feed_is(const char *folder) {
    char path[4096];
    return manifest_path(folder, path, sizeof path) && access(path, F_OK) == 0;
}

static bool is_uuid(struct span name) {
    for (size_t i = 0; i < name.len && name.len == UUID_LEN; i++) {
        char c = name.at[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? c != '-' : !((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f'))) return false;
    }
    return name.len == UUID_LEN;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum err take(const char *folder, const char *path, struct json_value manifest, struct arena *a,
                     struct misp_feed *out, struct diag *d) {
    if (json_type(manifest) != JSON_OBJECT)
        return diag_set(d, ERR_INVALID, "%s: a MISP feed's manifest is an object of events by UUID", path);
    out->files = calloc(json_count(manifest) + 1, sizeof *out->files);
    if (!out->files) return diag_set(d, ERR_NOMEM, "no memory for the files of a feed");
    for (struct json_iter it = json_iter(manifest); json_next(&it);) {
        struct span name = json_text(it.key, a);
        if (!is_uuid(name))
            return diag_set(d, ERR_INVALID, "%s: \"%.*s\" is no UUID of an event", path,
                            SPAN_ARG(span_first(name, 60)));
        if (asprintf(&out->files[out->count], "%s/%.*s.json", folder, SPAN_ARG(name)) < 0) {
            out->files[out->count] = NULL;
            return diag_set(d, ERR_NOMEM, "no memory for the files of a feed");
        }
        out->count++;
    }
    qsort(out->files, out->count, sizeof *out->files, by_name);
    return ERR_NONE;
}

enum err misp_feed_open(const char *folder, struct misp_feed *out, struct diag *d) {
    char path[4096];
    struct buf text = BUF_EMPTY;
    struct arena a;
    struct json_doc doc;
    *out = (struct misp_feed){0};
    if (!manifest_path(folder, path, sizeof path)) return diag_set(d, ERR_LIMIT, "%s is too long a name", folder);
    arena_init(&a, MANIFEST_ARENA_MAX);
    enum err e = file_read(path, MANIFEST_SIZE_MAX, &text, d);
    if (!e && (e = json_parse(&a, buf_span(&text), &doc, d))) diag_where(d, "%s", path);
    if (!e) e = take(folder, path, json_root(&doc), &a, out, d);
    if (e) misp_feed_close(out);
    arena_free(&a);
    buf_free(&text);
    return e;
}

void misp_feed_close(struct misp_feed *feed) {
    for (size_t i = 0; i < feed->count; i++) free(feed->files[i]);
    free(feed->files);
    *feed = (struct misp_feed){0};
}
