/* New indicators while files are followed: built beside those that are matched with, and put in their place between two
 * chunks. What alerted before is written before; sightings so far are kept under the ids of their indicators. Patterns
 * of several observations begin anew. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/match.h"

static enum err index_folder(const struct matching *m, char *out, size_t size, struct diag *d) {
    int n = snprintf(out, size, "%s/realms/live/index", m->node->home);
    return n > 0 && (size_t)n < size ? ERR_NONE : diag_set(d, ERR_LIMIT, "the node's path is too long");
}

enum err match_renewal_open(struct matching *m, struct match_renewal *r, struct diag *d) {
    *r = (struct match_renewal){0};
    enum err e = store_reader_open(m->node->live.store, &r->reader, d);
    return e ? e : detect_holdings_state(r->reader, &r->state, d);
}

void match_renewal_close(struct match_renewal *r) {
    if (r->reader) store_reader_close(&r->reader);
    detect_patterns_free(&r->patterns);
    detect_holdings_free(&r->holdings);
}

bool match_renewal_look(struct matching *m, struct match_renewal *r) {
    struct sha256 state;
    char folder[4096];
    struct diag d;
    if (detect_holdings_state(r->reader, &state, &d) || sha256_equal(&state, &r->state)) return false;
    r->state = state; /* a build that fails is told once, and tried again when something else has come */
    enum err e = index_folder(m, folder, sizeof folder, &d);
    if (!e) e = detect_holdings_open(r->reader, folder, NULL, NULL, &r->holdings, &d);
    if (!e) e = match_new_patterns(m, r->holdings.index, &r->patterns, &d);
    if (!e) return true;
    fprintf(stderr, "the new indicators are not matched with yet: %s\n", d.message);
    detect_patterns_free(&r->patterns);
    detect_holdings_free(&r->holdings);
    return false;
}

enum err match_renewal_put(struct matching *m, struct match_renewal *r, struct diag *d) {
    match_flush(m);
    enum err e = match_set_sightings_aside(m, d);
    detect_patterns_free(&m->patterns);
    verdicts_free(&m->verdicts);
    arena_free(&m->config);
    detect_holdings_free(&m->holdings);
    m->holdings = r->holdings;
    m->patterns = r->patterns;
    r->holdings = (struct detect_holdings){0};
    r->patterns = NULL;
    m->now = clock_now(clock_system());
    return e ? e : match_prepare_verdicts(m, d);
}
