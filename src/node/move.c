#include "node/move.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "node/config.h"
#include "node/socket.h"
#include "store/store.h"

enum { PATH_SIZE = 4096, CONFIG_SIZE_MAX = 4 << 20 };

struct move {
    char config_path[PATH_SIZE], file_path[PATH_SIZE];
    struct buf before; /* the configuration's text */
    struct store *old;
    struct store_tx *tx; /* keeps every other writer out of it */
    void (*progress)(void *context, uint64_t done);
    void *context;
};

static void heard(void *context, uint64_t done, uint64_t total) {
    struct move *m = context;
    if (m->progress) m->progress(m->context, done);
}

static enum err check_stopped(const char *home, struct diag *d) {
    struct diag ignored;
    bool reached = false;
    (void)!socket_call(home, "status", SPAN("{}"), NULL, NULL, 0, &(struct op_listener){0}, &reached, &ignored);
    return reached ? diag_set(d, ERR_BUSY, "renkei serve is running in %s: end it first", home) : ERR_NONE;
}

/* Part of what is copied: the record goes on. */
static enum err note(struct move *m, const char *to, struct diag *d) {
    char actor[32];
    snprintf(actor, sizeof actor, "uid:%u", (unsigned)getuid());
    struct store_audit entry = {.time = clock_now(clock_system()),
                                .actor = span_cstr(actor),
                                .operation = SPAN("store.copy"),
                                .detail = strcmp(to, "file") == 0 ? SPAN("to a file") : SPAN("to PostgreSQL"),
                                .outcome = SPAN("done")};
    enum err e = store_begin(m->old, &m->tx, d);
    if (!e) e = store_audit_add(m->tx, &entry, d);
    if (!e) e = store_commit(&m->tx, d);
    return e ? e : store_begin(m->old, &m->tx, d);
}

static enum err copy(struct move *m, const char *url, struct diag *d) {
    struct store_reader *r = NULL;
    enum err e = store_reader_open(m->old, &r, d);
    if (!e) e = store_reader_snapshot(r, d);
    if (!e) e = store_copy(r, url, heard, m, d);
    store_reader_close(&r);
    return e;
}

static enum err point_at(struct move *m, const char *url, struct diag *d) {
    struct buf text = BUF_EMPTY;
    enum err e = config_set_store(buf_span(&m->before), url, &text, d);
    if (!e) e = file_write(m->config_path, buf_span(&text), 0600, d);
    buf_free(&text);
    return e;
}

static enum err begin(struct move *m, const char *home, const char *to, struct diag *d) {
    struct config *c = NULL;
    struct buf text = BUF_EMPTY;
    bool file = strcmp(to, "file") == 0;
    if (snprintf(m->config_path, PATH_SIZE, "%s/renkei.yaml", home) >= PATH_SIZE ||
        snprintf(m->file_path, PATH_SIZE, "%s/realms/live/store.db", home) >= PATH_SIZE)
        return diag_set(d, ERR_LIMIT, "%s: the path is too long", home);
    enum err e = file_read(m->config_path, CONFIG_SIZE_MAX, &m->before, d);
    if (!e) e = config_read(buf_span(&m->before), &c, d);
    if (!e && file && !c->store) e = diag_set(d, ERR_EXISTS, "the store is in %s already", m->file_path);
    if (!e) e = config_set_store(buf_span(&m->before), file ? NULL : to, &text, d); /* refused before any work */
    if (!e) e = check_stopped(home, d);
    if (!e) e = store_open(c->store ? c->store : m->file_path, STORE_WRITE, &m->old, d);
    if (!e) e = note(m, to, d);
    if (!e) e = copy(m, file ? m->file_path : to, d);
    if (!e) e = point_at(m, file ? NULL : to, d);
    buf_free(&text);
    config_free(&c);
    return e;
}

static void move_free(struct move **m) {
    if ((*m)->tx) store_rollback(&(*m)->tx);
    store_close(&(*m)->old);
    buf_free(&(*m)->before);
    free(*m);
    *m = NULL;
}

enum err move_begin(const char *home, const char *to, void (*progress)(void *context, uint64_t done), void *context,
                    struct move **out, struct diag *d) {
    struct move *m = calloc(1, sizeof *m);
    *out = NULL;
    if (!m) return diag_set(d, ERR_NOMEM, "no memory to move a store");
    m->progress = progress;
    m->context = context;
    enum err e = begin(m, home, to, d);
    if (e)
        move_free(&m);
    else
        *out = m;
    return e;
}

enum err move_end(struct move **m, bool keep, struct diag *d) {
    enum err e = keep ? store_retire(&(*m)->tx, d) : file_write((*m)->config_path, buf_span(&(*m)->before), 0600, d);
    move_free(m);
    return e;
}
