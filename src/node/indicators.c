#include "node/indicators.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

struct node_indicators {
    struct node *node;
    char *folder; /* owned; of the index's file */
    pthread_mutex_t lock;
    struct indicator_set *current;
};

enum err node_indicators_new(struct node *node, struct node_indicators **out, struct diag *d) {
    struct node_indicators *x = calloc(1, sizeof *x);
    *out = NULL;
    if (!x || asprintf(&x->folder, "%s/realms/%s/index", node->home, node->live.name) < 0) {
        free(x);
        return diag_set(d, ERR_NOMEM, "no memory for the indicators");
    }
    x->node = node;
    pthread_mutex_init(&x->lock, NULL);
    *out = x;
    return ERR_NONE;
}

/* The lock is held. */
static void drop(struct indicator_set *set) {
    if (!set || --set->references > 0) return;
    detect_holdings_free(&set->holdings);
    free(set);
}

void node_indicators_free(struct node_indicators **indicators) {
    struct node_indicators *x = *indicators;
    if (!x) return;
    drop(x->current);
    pthread_mutex_destroy(&x->lock);
    free(x->folder);
    free(x);
    *indicators = NULL;
}

static void put_in_place(struct node_indicators *x, struct indicator_set *set) {
    pthread_mutex_lock(&x->lock);
    struct indicator_set *before = x->current;
    x->current = set;
    drop(before);
    pthread_mutex_unlock(&x->lock);
}

enum err node_indicators_renew(struct node_indicators *x, bool *renewed, struct diag *d) {
    struct store_reader *reader = NULL;
    struct sha256 state;
    *renewed = false;
    struct indicator_set *set = calloc(1, sizeof *set);
    if (!set) return diag_set(d, ERR_NOMEM, "no memory for the indicators");
    enum err e = store_reader_open(x->node->live.store, &reader, d);
    if (!e) e = detect_holdings_state(reader, &state, d);
    bool due = !e && !(x->current && sha256_equal(&x->current->state, &state));
    /* The store may have moved on since: then this set is of a later state than it says, and is renewed once more. */
    if (due) e = detect_holdings_open(reader, x->folder, NULL, NULL, &set->holdings, d);
    if (reader) store_reader_close(&reader);
    if (e || !due) {
        free(set);
        return e;
    }
    set->state = state;
    set->references = 1;
    put_in_place(x, set);
    *renewed = true;
    return ERR_NONE;
}

struct indicator_set *node_indicators_take(struct node_indicators *x) {
    pthread_mutex_lock(&x->lock);
    struct indicator_set *set = x->current;
    if (set) set->references++;
    pthread_mutex_unlock(&x->lock);
    return set;
}

void node_indicators_give_back(struct node_indicators *x, struct indicator_set **set) {
    pthread_mutex_lock(&x->lock);
    drop(*set);
    pthread_mutex_unlock(&x->lock);
    *set = NULL;
}
