/* From the hits' sums to sightings of this node. */
#include <stdio.h>

#include "cli/match.h"

enum { SIGHTINGS_A_CALL = 5000 };

static void write_sums(const struct matching *m, size_t from, size_t to, struct buf *args) {
    struct json_writer w = json_writer(args);
    json_begin_object(&w);
    if (m->options.member) json_member_cstr(&w, "member", m->options.member);
    json_key(&w, "sightings");
    json_begin_array(&w);
    for (size_t i = from; i < to; i++) {
        const struct sighting_sum *s = &m->sums.sums[i];
        struct detect_indicator indicator;
        detect_index_get(m->holdings.index, s->indicator, &indicator);
        json_begin_object(&w);
        json_member(&w, "indicator", indicator.id);
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

enum err match_keep_sightings(struct matching *m, struct diag *d) {
    struct cli silent = *m->cli;
    enum err e = ERR_NONE;
    silent.json = false;
    for (size_t from = 0; !e && from < m->sums.count; from += SIGHTINGS_A_CALL) {
        struct buf args = BUF_EMPTY;
        size_t to = m->sums.count - from > SIGHTINGS_A_CALL ? from + SIGHTINGS_A_CALL : m->sums.count;
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
