#include "detect/sighting.h"

#include <stdlib.h>

#include "json/write.h"

enum { COUNT_MAX = 999999999 };

void sighting_set_init(struct sighting_set *set) {
    *set = (struct sighting_set){0};
    map_init(&set->where);
}

void sighting_set_free(struct sighting_set *set) {
    map_free(&set->where);
    free(set->sums);
    *set = (struct sighting_set){0};
}

/* Rounds down, also before 1970. */
static time_us hour_of(time_us t) {
    time_us into = t % SIGHTING_HOUR_US;
    return t - (into < 0 ? into + SIGHTING_HOUR_US : into);
}

static struct sighting_sum *sum_for(struct sighting_set *set, uint32_t indicator, uint32_t member, time_us hour) {
    char key[sizeof indicator + sizeof member + sizeof hour];
    uint64_t at;
    memcpy(key, &indicator, sizeof indicator);
    memcpy(key + sizeof indicator, &member, sizeof member);
    memcpy(key + sizeof indicator + sizeof member, &hour, sizeof hour);
    if (map_get(&set->where, span_of(key, sizeof key), &at)) return &set->sums[at];
    if (set->count == set->size) {
        size_t size = set->size ? set->size * 2 : 64;
        struct sighting_sum *bigger = realloc(set->sums, size * sizeof *bigger);
        if (!bigger) return NULL;
        set->sums = bigger;
        set->size = size;
    }
    if (!map_set(&set->where, span_of(key, sizeof key), set->count, NULL)) return NULL;
    set->sums[set->count] = (struct sighting_sum){.indicator = indicator, .member = member, .hour = hour};
    return &set->sums[set->count++];
}

bool sighting_set_add(struct sighting_set *set, uint32_t indicator, uint32_t member, time_us event_time, time_us now) {
    time_us at = event_time == TIME_NONE ? now : event_time;
    struct sighting_sum *sum = sum_for(set, indicator, member, hour_of(at));
    if (!sum) return false;
    if (sum->count == 0 || at < sum->first_seen) sum->first_seen = at;
    if (sum->count == 0 || at > sum->last_seen) sum->last_seen = at;
    sum->count++;
    return true;
}

static void write_refs(struct json_writer *w, const char *key, const struct span *refs, size_t count) {
    if (count == 0) return;
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) json_string(w, refs[i]);
    json_end_array(w);
}

static void write_text(struct json_writer *w, const char *key, struct span text) {
    if (text.len) json_member(w, key, text);
}

static void write_time(struct json_writer *w, const char *key, time_us t) {
    if (t != TIME_NONE) json_member_time(w, key, t);
}

void detect_sighting_write(struct buf *out, const struct sighting *s) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_member_cstr(&w, "type", "sighting");
    json_member_cstr(&w, "spec_version", "2.1");
    write_text(&w, "id", s->id);
    write_text(&w, "created_by_ref", s->created_by_ref);
    write_time(&w, "created", s->created);
    write_time(&w, "modified", s->modified);
    write_refs(&w, "object_marking_refs", s->object_marking_refs, s->object_marking_count);
    write_time(&w, "first_seen", s->first_seen);
    write_time(&w, "last_seen", s->last_seen);
    json_member_number(&w, "count", (int64_t)(s->count > COUNT_MAX ? COUNT_MAX : s->count));
    write_text(&w, "sighting_of_ref", s->sighting_of_ref);
    write_refs(&w, "observed_data_refs", s->observed_data_refs, s->observed_data_count);
    write_refs(&w, "where_sighted_refs", s->where_sighted_refs, s->where_sighted_count);
    json_end_object(&w);
}
