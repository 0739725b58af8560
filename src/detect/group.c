#include "detect/group.h"

#include <stdlib.h>

enum { TEXT_MAX = 256 << 20 };

void alert_groups_init(struct alert_groups *g, time_us window) {
    *g = (struct alert_groups){.window = window};
    map_init(&g->where);
    arena_init(&g->text, TEXT_MAX);
}

void alert_groups_free(struct alert_groups *g) {
    map_free(&g->where);
    arena_free(&g->text);
    free(g->groups);
    *g = (struct alert_groups){0};
}

void alert_groups_clear(struct alert_groups *g) {
    map_clear(&g->where);
    arena_reset(&g->text);
    g->count = 0;
}

static bool write_key(struct buf *key, const struct alert *a) {
    const struct detect_hit *h = a->hit;
    buf_printf(key, "%d %u %d %zu ", (int)a->validity, h->indicator, h->dst_port, h->src.len);
    buf_add(key, h->src);
    buf_add(key, h->dst);
    buf_add_char(key, '\n');
    buf_add(key, h->value);
    return buf_ok(key);
}

/* A hit without a time belongs to whatever group there is. */
static bool within(const struct alert_groups *g, const struct alert_group *group, time_us time) {
    time_us apart;
    if (time == TIME_NONE || group->hit.time == TIME_NONE) return true;
    if (__builtin_sub_overflow(time, group->hit.time, &apart)) return false;
    return (apart < 0 ? -apart : apart) < g->window;
}

static void join(struct alert_group *group, const struct alert *a) {
    group->alert.count++;
    group->alert.ports_vary |= a->hit->src_port != group->hit.src_port;
}

static const struct detect_place *copy_places(struct alert_groups *g, const struct detect_hit *hit) {
    if (hit->place_count == 0) return NULL;
    struct detect_place *places = arena_alloc(&g->text, hit->place_count * sizeof *places);
    if (places) memcpy(places, hit->places, hit->place_count * sizeof *places);
    return places;
}

static bool start(struct alert_groups *g, const struct alert *a) {
    if (g->count == g->size) {
        size_t size = g->size ? g->size * 2 : 64;
        struct alert_group *bigger = realloc(g->groups, size * sizeof *bigger);
        if (!bigger) return false;
        g->groups = bigger;
        g->size = size;
    }
    struct alert_group *group = &g->groups[g->count++];
    *group = (struct alert_group){.alert = *a, .hit = *a->hit};
    group->alert.count = 1;
    group->alert.hit = NULL; /* groups move as they grow: whoever writes one sets it */
    group->alert.indicator = NULL;
    group->hit.value = arena_copy(&g->text, a->hit->value);
    group->hit.src = arena_copy(&g->text, a->hit->src);
    group->hit.dst = arena_copy(&g->text, a->hit->dst);
    group->hit.file = a->hit->file ? arena_cstr(&g->text, span_cstr(a->hit->file)) : NULL;
    group->hit.log = a->hit->log ? arena_cstr(&g->text, span_cstr(a->hit->log)) : NULL;
    group->hit.text = (struct span){0};
    group->hit.places = copy_places(g, a->hit);
    return !g->text.overflow;
}

bool alert_groups_add(struct alert_groups *g, const struct alert *a) {
    struct buf key = BUF_EMPTY;
    uint64_t at;
    bool ok = write_key(&key, a);
    if (ok && map_get(&g->where, buf_span(&key), &at) && within(g, &g->groups[at], a->hit->time))
        join(&g->groups[at], a);
    else
        ok = ok && map_set(&g->where, buf_span(&key), g->count, NULL) && start(g, a);
    buf_free(&key);
    return ok;
}
