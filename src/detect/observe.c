#include "detect/observe.h"

#include <stdio.h>

#include "detect/chunk.h"
#include "detect/observation.h"

enum { LINE_ARENA_CAP = 512 << 20 };

struct observe_run {
    const struct observe_options *options;
    struct map *written;
    struct observe_result *result;
    struct arena line;
    struct buf objects;
    bool stopped;
};

static void note(struct observe_result *r, const char *message) {
    r->unreadable++;
    if (r->shown_count == SCAN_UNREADABLE_SHOWN) return;
    struct scan_unreadable *u = &r->shown[r->shown_count++];
    u->line = r->lines;
    snprintf(u->message, sizeof u->message, "%s", message);
}

static enum err tell(struct observe_run *run, struct diag *d) {
    for (struct span rest = buf_span(&run->objects); rest.len > 0 && !run->stopped;) {
        struct span object = span_cut(&rest, '\n');
        struct sha256 hash = sha256_of(object);
        bool known;
        if (run->written->count >= OBSERVE_REMEMBERED) map_clear(run->written);
        if (!map_set(run->written, span_of(hash.b, sizeof hash.b), 1, &known))
            return diag_set(d, ERR_NOMEM, "no memory for observed-data");
        if (known) continue;
        run->result->objects++;
        if (!run->options->on_object(run->options->context, object)) run->stopped = true;
    }
    return ERR_NONE;
}

/* ERR_NONE also for what cannot be read. */
static enum err observe_line(struct observe_run *run, const struct chunk *c, const struct detect_reader *reader,
                             struct span line, struct diag *d) {
    const struct detect_event *event = NULL;
    struct diag own = {0};
    uint32_t objects = 0;
    arena_reset(&run->line);
    if (reader->read(line, &c->header, &run->line, &event, &own)) {
        note(run->result, own.message);
        return ERR_NONE;
    }
    if (!event) return ERR_NONE;
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)run->result->lines);
    struct observed_by by = {run->options->identity, span_cstr(number), run->options->otherwise};
    buf_clear(&run->objects);
    enum err e = event_write_observed_data(event, &by, &run->line, &run->objects, &objects, d);
    if (!e && objects) {
        run->result->observed++;
        e = tell(run, d);
    }
    return e;
}

static enum err observe_chunk(struct observe_run *run, struct chunk *c, const struct detect_reader *reader,
                              struct diag *d) {
    enum err e = ERR_NONE;
    if (c->oversize) {
        run->result->lines++;
        note(run->result, "the line is longer than 16 MiB");
        return ERR_NONE;
    }
    for (struct span rest = span_of(c->at, c->len); rest.len > 0 && !e && !run->stopped;) {
        struct span line = span_cut(&rest, '\n');
        run->result->lines++;
        if (reader->shape == READER_TABLE && line.len && line.at[0] == '#')
            reader_header_line(&c->header, line);
        else
            e = observe_line(run, c, reader, line, d);
    }
    return e;
}

enum err observe_input(struct input *in, const struct observe_options *options, struct map *written,
                       struct observe_result *result, struct diag *d) {
    struct observe_run run = {.options = options, .written = written, .result = result, .objects = BUF_EMPTY};
    struct chunk_source source;
    struct chunk chunk = {0};
    enum err e = ERR_NONE;
    *result = (struct observe_result){0};
    arena_init(&run.line, LINE_ARENA_CAP);
    chunk_source_init(&source, in, options->reader, options->settings, SCAN_CHUNK_SIZE);
    while (!e && !run.stopped && chunk_next(&source, &chunk)) e = observe_chunk(&run, &chunk, source.reader, d);
    if (!e && source.error && !run.stopped) {
        e = source.error;
        if (d) *d = source.diag;
    }
    chunk_free(&chunk);
    chunk_source_free(&source);
    arena_free(&run.line);
    buf_free(&run.objects);
    return e;
}
