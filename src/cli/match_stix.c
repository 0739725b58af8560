/* --format stix: a bundle of what was seen, and the sightings that say so. The sightings are those this node keeps: the
 * same ids, an indicator and an hour each. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/match.h"
#include "node/sighting_id.h"

enum { REFS_PER_SIGHTING_MAX = 100 }; /* the others are counted, and stand in the bundle */

static struct span secret_of(const struct match_bundle *b) {
    return span_of(b->context.secret, sizeof b->context.secret);
}

void match_bundle_begin(struct matching *m) {
    struct match_bundle *b = &m->bundle;
    char id[STIX_ID_SIZE], seed[64];
    b->first = true;
    map_init(&b->written);
    map_init(&b->refs_of);
    b->view = node_view(m->node);
    node_share_context(m->node, &m->node->live, b->view, &b->context);
    if (m->options.member) sighting_member_id(secret_of(b), span_cstr(m->options.member), b->where);
    snprintf(seed, sizeof seed, "bundle\n%lld", (long long)m->now);
    struct sha256 mac = hmac_sha256(secret_of(b), span_cstr(seed));
    stix_id_from_hmac(&mac, SPAN("bundle"), id);
    buf_printf(&m->out, "{\"type\":\"bundle\",\"id\":\"%s\",\"objects\":[\n", id);
}

static struct span key_of(char key[sizeof(uint32_t) + sizeof(time_us)], uint32_t indicator, time_us hour) {
    memcpy(key, &indicator, sizeof indicator);
    memcpy(key + sizeof indicator, &hour, sizeof hour);
    return span_of(key, sizeof indicator + sizeof hour);
}

static bool keep_ref(struct match_bundle *b, uint32_t indicator, time_us hour, const char *id) {
    char key[sizeof(uint32_t) + sizeof(time_us)];
    uint64_t newest = 0;
    if (b->ref_count == b->ref_size) {
        size_t size = b->ref_size ? b->ref_size * 2 : 64;
        struct match_ref *bigger = realloc(b->refs, size * sizeof *bigger);
        if (!bigger) return false;
        b->refs = bigger;
        b->ref_size = size;
    }
    struct span k = key_of(key, indicator, hour);
    (void)map_get(&b->refs_of, k, &newest);
    struct match_ref *ref = &b->refs[b->ref_count++];
    ref->next = newest;
    memcpy(ref->id, id, sizeof ref->id);
    return map_set(&b->refs_of, k, b->ref_count, NULL);
}

enum err match_bundle_add(struct matching *m, const struct alert *alert, struct diag *d) {
    struct match_bundle *b = &m->bundle;
    char id[STIX_ID_SIZE];
    struct alert_stix how = {.secret = secret_of(b),
                             .created_by = b->context.identity,
                             .first = &b->first,
                             .written = &b->written,
                             .observed_id = id};
    enum err e = alert_write_stix(&m->out, alert, &how, d);
    if (e || !id[0]) return e;
    time_us at = alert->hit->time == TIME_NONE ? m->now : alert->hit->time, into = at % SIGHTING_HOUR_US;
    time_us hour = at - (into < 0 ? into + SIGHTING_HOUR_US : into);
    return keep_ref(b, alert->hit->indicator, hour, id) ? ERR_NONE
                                                        : diag_set(d, ERR_NOMEM, "no memory for the sightings");
}

static void write_sighting(struct matching *m, const struct sighting_sum *sum) {
    struct match_bundle *b = &m->bundle;
    char key[sizeof(uint32_t) + sizeof(time_us)], id[STIX_ID_SIZE];
    struct span where = m->options.member ? span_cstr(b->where) : b->context.identity, refs[REFS_PER_SIGHTING_MAX];
    struct detect_indicator indicator;
    uint64_t at = 0;
    time_us now = m->now - m->now % 1000;
    detect_index_get(m->holdings.index, sum->indicator, &indicator);
    sighting_id(secret_of(b), indicator.id, span_cstr(m->options.member ? m->options.member : ""), sum->hour, id);
    struct sighting s = {.id = span_cstr(id),
                         .created_by_ref = b->context.identity,
                         .sighting_of_ref = indicator.id,
                         .created = now,
                         .modified = now,
                         .first_seen = sum->first_seen,
                         .last_seen = sum->last_seen,
                         .count = sum->count,
                         .observed_data_refs = refs,
                         .where_sighted_refs = &where,
                         .where_sighted_count = 1};
    (void)map_get(&b->refs_of, key_of(key, sum->indicator, sum->hour), &at);
    for (; at && s.observed_data_count < REFS_PER_SIGHTING_MAX; at = b->refs[at - 1].next)
        refs[s.observed_data_count++] = span_cstr(b->refs[at - 1].id);
    if (!b->first) buf_add_cstr(&m->out, ",\n");
    b->first = false;
    detect_sighting_write(&m->out, &s);
}

void match_bundle_end(struct matching *m) {
    for (size_t i = 0; i < m->sums.count; i++) write_sighting(m, &m->sums.sums[i]);
    buf_add_cstr(&m->out, "\n]}\n");
}

void match_bundle_free(struct matching *m) {
    struct match_bundle *b = &m->bundle;
    if (b->view) node_view_release(m->node, &b->view);
    map_free(&b->written);
    map_free(&b->refs_of);
    free(b->refs);
    *b = (struct match_bundle){0};
}
