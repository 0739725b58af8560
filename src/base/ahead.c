#include "base/ahead.h"

static bool wait_for_room(struct ahead *a) {
    pthread_mutex_lock(&a->lock);
    while (!a->stop && a->filled - a->emptied == AHEAD_SLOTS) pthread_cond_wait(&a->changed, &a->lock);
    bool go_on = !a->stop;
    pthread_mutex_unlock(&a->lock);
    return go_on;
}

static void *run(void *context) {
    struct ahead *a = context;
    for (bool more = true; more && wait_for_room(a);) {
        more = a->fill(a->context, (unsigned)(a->filled % AHEAD_SLOTS));
        pthread_mutex_lock(&a->lock);
        a->filled++;
        pthread_cond_signal(&a->changed);
        pthread_mutex_unlock(&a->lock);
    }
    return NULL;
}

bool ahead_start(struct ahead *a, bool (*fill)(void *context, unsigned slot), void *context) {
    *a = (struct ahead){.fill = fill, .context = context};
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    if (pthread_create(&a->thread, NULL, run, a) == 0) return true;
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    return false;
}

unsigned ahead_next(struct ahead *a) {
    pthread_mutex_lock(&a->lock);
    if (a->held) a->emptied++;
    a->held = true;
    pthread_cond_signal(&a->changed);
    while (a->filled == a->emptied) pthread_cond_wait(&a->changed, &a->lock);
    unsigned slot = (unsigned)(a->emptied % AHEAD_SLOTS);
    pthread_mutex_unlock(&a->lock);
    return slot;
}

void ahead_stop(struct ahead *a) {
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
}
