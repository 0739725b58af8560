#include "detect/parents.h"

/* Cuts the first label off; false when that was the last. */
static bool to_parent(struct span *name) {
    size_t dot = span_find_char(*name, '.');
    if (dot == SIZE_MAX || dot + 1 >= name->len) return false;
    *name = span_from(*name, dot + 1);
    return true;
}

const struct detect_event *event_with_parents(const struct detect_event *event, struct arena *a) {
    size_t count = event->count;
    for (uint32_t i = 0; i < event->count; i++) {
        struct span name = event->observables[i].key;
        if (event->observables[i].kind != ATOM_DOMAIN) continue;
        while (to_parent(&name)) count++; /* a name has at most 127 labels, an event few thousand names */
    }
    if (count == event->count) return event;
    struct observable *items = arena_alloc(a, count * sizeof *items);
    struct detect_event *out = arena_alloc(a, sizeof *out);
    if (!items || !out) return NULL;
    memcpy(items, event->observables, event->count * sizeof *items);
    count = event->count;
    for (uint32_t i = 0; i < event->count; i++) {
        struct observable parent = event->observables[i];
        if (parent.kind != ATOM_DOMAIN) continue;
        while (to_parent(&parent.key)) items[count++] = parent;
    }
    *out = *event;
    out->observables = items;
    out->count = (uint32_t)count;
    return out;
}
