#include "detect/observation_list.h"

#include <stdio.h>
#include <stdlib.h>

#include "detect/chunk.h"
#include "detect/observation.h"

void observation_list_init(struct observation_list *list, time_us otherwise) {
    *list = (struct observation_list){.otherwise = otherwise};
    arena_init(&list->arena, OBSERVATION_LIST_BYTES_MAX);
}

void observation_list_free(struct observation_list *list) {
    arena_free(&list->arena);
    free(list->at);
    free(list->lines);
    list->at = NULL;
    list->lines = NULL;
}

static void note(struct observation_list *list, uint64_t line, const char *message) {
    list->unreadable++;
    if (list->shown_count == SCAN_UNREADABLE_SHOWN) return;
    struct scan_unreadable *u = &list->shown[list->shown_count++];
    u->line = line;
    snprintf(u->message, sizeof u->message, "%s", message);
}

static enum err grow(struct observation_list *list, struct diag *d) {
    if (list->count < list->size) return ERR_NONE;
    if (list->count == OBSERVATION_LIST_MAX)
        return diag_set(d, ERR_LIMIT, "more than %d observations: give fewer files", OBSERVATION_LIST_MAX);
    uint32_t size = list->size ? list->size * 2 : 256;
    struct pattern_observation *at = realloc(list->at, size * sizeof *at);
    if (at) list->at = at;
    uint64_t *lines = realloc(list->lines, size * sizeof *lines);
    if (lines) list->lines = lines;
    if (!at || !lines) return diag_set(d, ERR_NOMEM, "no memory for observations");
    list->size = size;
    return ERR_NONE;
}

/* ERR_NONE also for what cannot be read. The line is copied: what is read borrows from it. */
static enum err add_line(struct observation_list *list, const struct chunk *c, const struct detect_reader *reader,
                         struct span line, uint64_t number, struct diag *d) {
    const struct detect_event *event = NULL;
    struct pattern_observation seen;
    struct diag own = {0};
    enum err e = ERR_NONE;
    struct span kept = arena_copy(&list->arena, line);
    if (kept.len == line.len && reader->read(kept, &c->header, &list->arena, &event, &own)) {
        note(list, number, own.message);
    } else if (event && !(e = grow(list, d)) && !(e = event_observation(event, false, &list->arena, &seen, d)) &&
               seen.object_count) {
        if (seen.first_observed == TIME_NONE) seen.first_observed = list->otherwise;
        if (seen.last_observed == TIME_NONE) seen.last_observed = seen.first_observed;
        if (seen.number_observed == 0) seen.number_observed = 1;
        list->lines[list->count] = number;
        list->at[list->count++] = seen;
    }
    if (list->arena.overflow) return diag_set(d, ERR_LIMIT, "more observations than memory allows: give fewer files");
    return e;
}

static enum err add_chunk(struct observation_list *list, struct chunk *c, const struct detect_reader *reader,
                          uint64_t *number, struct diag *d) {
    enum err e = ERR_NONE;
    if (c->oversize) {
        note(list, ++*number, "the line is longer than 16 MiB");
        return ERR_NONE;
    }
    for (struct span rest = span_of(c->at, c->len); rest.len > 0 && !e;) {
        struct span line = span_cut(&rest, '\n');
        ++*number;
        if (reader->shape == READER_TABLE && line.len && line.at[0] == '#')
            reader_header_line(&c->header, line);
        else
            e = add_line(list, c, reader, line, *number, d);
    }
    return e;
}

enum err observation_list_add(struct observation_list *list, struct input *in, const struct detect_reader *reader,
                              const struct reader_settings *settings, struct diag *d) {
    struct chunk_source source;
    struct chunk chunk = {0};
    uint64_t number = 0;
    enum err e = ERR_NONE;
    chunk_source_init(&source, in, reader, settings, SCAN_CHUNK_SIZE);
    while (!e && chunk_next(&source, &chunk)) e = add_chunk(list, &chunk, source.reader, &number, d);
    if (!e && source.error) {
        e = source.error;
        if (d) *d = source.diag;
    }
    list->read += number;
    chunk_free(&chunk);
    chunk_source_free(&source);
    return e;
}
