/* A thread that stays a few steps ahead of another: it fills slots, which the other empties in the same order. What a
 * slot is, the caller says; a slot belongs to one of the two at a time. */
#ifndef RENKEI_BASE_AHEAD_H
#define RENKEI_BASE_AHEAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { AHEAD_SLOTS = 3 /* one being filled, one waiting, one being emptied */ };

struct ahead {
    bool (*fill)(void *context, unsigned slot);
    void *context;
    pthread_t thread;
    pthread_mutex_t lock; /* of the rest */
    pthread_cond_t changed;
    uint64_t filled, emptied; /* how often; the slot of turn n is n % AHEAD_SLOTS */
    bool stop, held;          /* held: the caller has one */
};

/* Starts calling fill() in a thread of its own, until it returns false: that slot is the last. False: there is no
 * thread. The struct must not move until ahead_stop(). */
bool ahead_start(struct ahead *a, bool (*fill)(void *context, unsigned slot), void *context);
/* Gives back the slot of the last call and waits for the next. Not to be called after the last one. */
unsigned ahead_next(struct ahead *a);
/* Waits for the thread, which stops within one slot. */
void ahead_stop(struct ahead *a);

#endif
