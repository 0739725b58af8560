/* From the hits' sums to sightings of this node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/match.h"

enum { SIGHTINGS_A_CALL = 5000 };

static void write_sums(const struct matching *m, size_t from, size_t to, struct buf *args) {
    struct json_writer w = json_writer(args);
    json_begin_object(&w);
    if (m->options.member) json_member_cstr(&w, "member", m->options.member);
    json_key(&w, "sightings");
    json_begin_array(&w);
    for (size_t i = from; i < to; i++) {
        const struct match_sighting *s = &m->aside[i];
        json_begin_object(&w);
        json_member_cstr(&w, "indicator", s->id);
        json_member_time(&w, "hour", s->hour);
        json_member_time(&w, "first_seen", s->first_seen);
        json_member_time(&w, "last_seen", s->last_seen);
        json_member_number(&w, "count", (int64_t)s->count);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
}

static void take_kept(void *context, struct json_value r, struct arena *a) {
    struct matching *m = context;
    m->kept += (uint64_t)cli_number(r, "sightings");
    m->kept_new += (uint64_t)cli_number(r, "added");
    m->kept_released += (uint64_t)cli_number(r, "released");
}

/* Adds a sum to what stands aside of the same indicator and hour. */
static bool set_aside(struct matching *m, const struct sighting_sum *s) {
    struct detect_indicator indicator;
    char key[DETECT_ID_SIZE + 32];
    uint64_t at;
    detect_index_get(m->holdings.index, s->indicator, &indicator);
    int n = snprintf(key, sizeof key, "%.*s %lld", SPAN_ARG(span_first(indicator.id, DETECT_ID_SIZE - 1)),
                     (long long)s->hour);
    if (n <= 0 || (size_t)n >= sizeof key) return false;
    if (map_get(&m->aside_by, span_of(key, (size_t)n), &at)) {
        struct match_sighting *known = &m->aside[at];
        if (s->first_seen < known->first_seen) known->first_seen = s->first_seen;
        if (s->last_seen > known->last_seen) known->last_seen = s->last_seen;
        known->count += s->count;
        return true;
    }
    if (m->aside_count == m->aside_size) {
        size_t size = m->aside_size ? m->aside_size * 2 : 256;
        struct match_sighting *bigger = realloc(m->aside, size * sizeof *bigger);
        if (!bigger) return false;
        m->aside = bigger;
        m->aside_size = size;
    }
    struct match_sighting *made = &m->aside[m->aside_count];
    *made = (struct match_sighting){
        .hour = s->hour, .first_seen = s->first_seen, .last_seen = s->last_seen, .count = s->count};
    memcpy(made->id, indicator.id.at, span_first(indicator.id, DETECT_ID_SIZE - 1).len);
    return map_set(&m->aside_by, span_of(key, (size_t)n), m->aside_count++, NULL);
}

enum err match_set_sightings_aside(struct matching *m, struct diag *d) {
    bool memory = true;
    for (size_t i = 0; m->options.sightings && memory && i < m->sums.count; i++)
        memory = set_aside(m, &m->sums.sums[i]);
    sighting_set_free(&m->sums);
    sighting_set_init(&m->sums);
    return memory ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for the sightings");
}

enum err match_keep_sightings(struct matching *m, struct diag *d) {
    struct cli silent = *m->cli;
    silent.json = false;
    enum err e = match_set_sightings_aside(m, d);
    for (size_t from = 0; !e && from < m->aside_count; from += SIGHTINGS_A_CALL) {
        struct buf args = BUF_EMPTY;
        size_t to = m->aside_count - from > SIGHTINGS_A_CALL ? from + SIGHTINGS_A_CALL : m->aside_count;
        write_sums(m, from, to, &args);
        e = buf_ok(&args) ? cli_call(&silent, "sighting.add", buf_span(&args), NULL, 0, take_kept, m, d)
                          : diag_set(d, ERR_NOMEM, "no memory for the sightings");
        buf_free(&args);
    }
    if (m->kept)
        fprintf(stderr, "%llu sightings kept (%llu new), %llu released to the parties the indicators came from\n",
                (unsigned long long)m->kept, (unsigned long long)m->kept_new, (unsigned long long)m->kept_released);
    if (e) diag_prefix(d, "the alerts above are complete, but not all of their sightings were kept");
    return e;
}
