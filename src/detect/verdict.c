#include "detect/verdict.h"

#include <stdlib.h>

#include "detect/decay_seen.h"
#include "detect/holdings.h"
#include "detect/normalise.h"

enum { KEPT_MAX = 256 << 20, SCRATCH_MAX = 64 << 20 };

/* What is known of an indicator that has hit; zero: nothing yet. */
struct known {
    struct span names, title;
    struct warning warning; /* of its one value */
    time_us seen;
    bool has_names, has_warning, has_seen;
};
struct verdicts {
    const struct detect_index *index;
    struct store_reader *reader;
    struct verdict_settings settings;
    struct warninglists *lists;
    struct suppressions suppressions;
    struct map where;    /* indicator's number → index into known */
    struct known *known; /* owned */
    size_t count, size;
    struct arena kept, scratch;
};

enum err verdicts_new(const struct detect_index *index, struct store_reader *r, const struct verdict_settings *settings,
                      struct verdicts **out, struct diag *d) {
    struct verdicts *v = *out = calloc(1, sizeof *v);
    if (!v) return diag_set(d, ERR_NOMEM, "no memory for the verdicts");
    v->index = index;
    v->reader = r;
    v->settings = *settings;
    arena_init(&v->kept, KEPT_MAX);
    arena_init(&v->scratch, SCRATCH_MAX);
    map_init(&v->where);
    enum err e = warninglists_open(r, &v->lists, d);
    if (!e) e = suppressions_load(r, &v->kept, &v->suppressions, d);
    if (e) verdicts_free(out);
    return e;
}

void verdicts_free(struct verdicts **verdicts) {
    struct verdicts *v = *verdicts;
    if (!v) return;
    warninglists_close(&v->lists);
    map_free(&v->where);
    arena_free(&v->kept);
    arena_free(&v->scratch);
    free(v->known);
    free(v);
    *verdicts = NULL;
}

/* NULL when memory ran out. */
static struct known *known_of(struct verdicts *v, uint32_t indicator) {
    uint64_t at;
    struct span key = span_of(&indicator, sizeof indicator);
    if (map_get(&v->where, key, &at)) return &v->known[at];
    if (v->count == v->size) {
        size_t size = v->size ? v->size * 2 : 64;
        struct known *bigger = realloc(v->known, size * sizeof *bigger);
        if (!bigger) return NULL;
        v->known = bigger;
        v->size = size;
    }
    if (!map_set(&v->where, key, v->count, NULL)) return NULL;
    v->known[v->count] = (struct known){.seen = TIME_NONE};
    return &v->known[v->count++];
}

void verdict_names(struct verdicts *v, uint32_t number, struct detect_indicator *indicator) {
    struct known *known = known_of(v, number);
    struct diag ignored;
    indicator->names = indicator->title = (struct span){0};
    if (!known) return;
    if (!known->has_names) {
        if (detect_holdings_names(v->reader, indicator->id, &v->kept, &known->names, &ignored))
            known->names = (struct span){0};
        if (detect_holdings_title(v->reader, indicator->id, &v->kept, &known->title, &ignored))
            known->title = (struct span){0};
    }
    known->has_names = true;
    indicator->names = known->names;
    indicator->title = known->title;
}

/* The hit's value in the spelling rules and lists have theirs in. */
static struct span normal_value(struct verdicts *v, const struct detect_hit *hit) {
    struct address address;
    char text[ADDRESS_TEXT_SIZE];
    struct span value = hit->value;
    if (hit->kind == ATOM_ADDRESS)
        return address_parse(value, &address) ? arena_copy(&v->scratch, span_cstr(address_format(&address, text)))
                                              : value;
    return normalise_value(&v->scratch, (enum atom_kind)hit->kind, hit->value, &value) ? value : hit->value;
}

static enum err find_warning(struct verdicts *v, struct known *known, const struct detect_indicator *indicator,
                             enum atom_kind kind, struct span value, struct warning *out, struct diag *d) {
    struct pattern_warnings found;
    enum err e = ERR_NONE;
    *out = (struct warning){0};
    if (warninglists_count(v->lists) == 0) return ERR_NONE;
    if (!known->has_warning) {
        e = warninglists_judge(v->lists, &v->scratch, indicator->pattern, &found, d);
        if (!e && found.complete && found.warned == found.values) known->warning = found.first;
        known->has_warning = !e;
    }
    *out = known->warning;
    return e || out->list.len ? e : warninglists_find(v->lists, kind, value, 0, out, NULL, d);
}

static enum err find_decay(struct verdicts *v, struct known *known, const struct detect_indicator *indicator,
                           const struct detect_hit *hit, struct decayed *out, struct diag *d) {
    const struct verdict_settings *s = &v->settings;
    enum err e = ERR_NONE;
    if (s->model_count && !known->has_seen) {
        e = detect_last_seen(v->reader, indicator->id, &v->scratch, &known->seen, d);
        known->has_seen = !e;
    }
    *out = decay_judge(s->models, s->model_count, indicator->source, (enum atom_kind)hit->kind, indicator->confidence,
                       indicator->valid_from, known->seen, detect_judged_at(hit->time, s->mode, s->now));
    return e;
}

enum err verdict_of(struct verdicts *v, const struct detect_hit *hit, struct detect_indicator *indicator,
                    struct alert *alert, bool *sighting, struct diag *d) {
    const struct verdict_settings *s = &v->settings;
    const struct suppression *rule = NULL;
    struct decayed decayed;
    detect_index_get(v->index, hit->indicator, indicator);
    struct known *known = known_of(v, hit->indicator);
    if (!known) return diag_set(d, ERR_NOMEM, "no memory for the verdicts");
    *alert = (struct alert){.hit = hit, .indicator = indicator, .member = s->member, .now = s->now};
    alert->validity = detect_validity(indicator, hit->time, s->mode, s->now);
    arena_reset(&v->scratch);
    struct span value = normal_value(v, hit);
    enum err e = find_decay(v, known, indicator, hit, &decayed, d);
    if (!e) e = find_warning(v, known, indicator, (enum atom_kind)hit->kind, value, &alert->warning, d);
    if (e) return e;
    alert->confidence = decayed.confidence;
    if (alert->validity != VALIDITY_REVOKED)
        rule = suppressions_find(&v->suppressions, indicator->id, (enum atom_kind)hit->kind, value, s->member, s->now);
    if (rule)
        alert->validity = VALIDITY_SUPPRESSED;
    else if (alert->validity == VALIDITY_ALERT && decayed.gone)
        alert->validity = VALIDITY_DECAYED;
    else if (alert->validity == VALIDITY_ALERT && alert->warning.list.len && !s->warned_alert)
        alert->validity = VALIDITY_WARNED;
    *sighting = alert->validity == VALIDITY_ALERT || (rule && rule->keep_sightings);
    verdict_names(v, hit->indicator, indicator);
    return ERR_NONE;
}
