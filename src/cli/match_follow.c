/* Several files followed at once: a thread a file, and one of them at a time at what becomes of its hits. The thread
 * that waits for them looks for new indicators. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/match.h"

enum { TICK_US = 200000, LOOK_EVERY_US = 3000000 /* a look is a few reads; a build is not soon repeated */ };

struct followed {
    struct following *all;
    struct scan_options options; /* this thread's */
    unsigned number;             /* the thread's, for the patterns */
    const char *path;
    pthread_t thread;
    bool started;
    struct scan_patterns patterns; /* those of the run, by this thread's number and in turn */
    struct scan_result result;
    enum err error;
    struct diag diag;
};

struct following {
    struct scan_options *options; /* of a run over one file */
    volatile sig_atomic_t *stop;
    pthread_rwlock_t in_use; /* read: a chunk is matched; written: the indicators are exchanged */
    pthread_mutex_t turn;
    struct followed files[MATCH_FOLLOWED_MAX];
    unsigned count;
};

static void find(void *context, unsigned thread, struct span chunk, void (*found)(void *sink, size_t offset),
                 void *sink) {
    struct followed *f = context;
    (void)thread;
    f->all->options->patterns->find(f->all->options->patterns->context, f->number, chunk, found, sink);
}

static bool on_event(void *context, unsigned thread, const struct detect_event *event, struct span line,
                     const uint32_t *watches, uint32_t count, bool found, struct scan_sink *sink) {
    struct followed *f = context;
    const struct scan_patterns *p = f->all->options->patterns;
    (void)thread;
    return p->on_event(p->context, f->number, event, line, watches, count, found, sink);
}

static bool on_note(void *context, const struct scan_note *note) {
    struct followed *f = context;
    const struct scan_patterns *p = f->all->options->patterns;
    pthread_mutex_lock(&f->all->turn);
    bool go_on = p->on_note(p->context, note);
    pthread_mutex_unlock(&f->all->turn);
    return go_on;
}

static bool on_hit(void *context, const struct detect_hit *hit) {
    struct followed *f = context;
    pthread_mutex_lock(&f->all->turn);
    bool go_on = f->all->options->on_hit(f->all->options->context, hit);
    pthread_mutex_unlock(&f->all->turn);
    return go_on;
}

static void on_progress(void *context, uint64_t raw_bytes, uint64_t raw_size) {
    struct followed *f = context;
    pthread_mutex_lock(&f->all->turn);
    f->all->options->on_progress(f->all->options->context, raw_bytes, raw_size);
    pthread_mutex_unlock(&f->all->turn);
}

static void take_indicators(struct followed *f) {
    const struct scan_patterns *p = f->all->options->patterns;
    f->options.index = f->all->options->index;
    if (p) f->patterns = (struct scan_patterns){f, p->find ? find : NULL, on_event, on_note};
    f->options.patterns = p ? &f->patterns : NULL;
}

static void on_chunk(void *context, bool begins) {
    struct followed *f = context;
    if (begins) {
        pthread_rwlock_rdlock(&f->all->in_use);
        take_indicators(f);
    } else {
        pthread_rwlock_unlock(&f->all->in_use);
    }
}

static void *run(void *context) {
    struct followed *f = context;
    struct input *in;
    f->options = *f->all->options;
    f->options.threads = 1;
    f->options.on_hit = on_hit;
    f->options.on_progress = on_progress;
    f->options.on_chunk = on_chunk;
    f->options.context = f;
    pthread_rwlock_rdlock(&f->all->in_use);
    take_indicators(f);
    pthread_rwlock_unlock(&f->all->in_use);
    f->error = input_open_follow(f->path, f->all->stop, &in, &f->diag);
    if (!f->error) {
        f->error = scan_input(in, &f->options, &f->result, &f->diag);
        input_close(&in);
    }
    /* One that fails ends them all: whoever watches must not believe that all are watched. */
    if (f->error || f->result.stopped) *f->all->stop = 1;
    return NULL;
}

/* Until *stop is set. Of a bundle that is being written the indicators stay as they are: its sightings come last. */
static enum err keep_indicators_new(struct matching *m, struct following *all, struct diag *d) {
    struct match_renewal renewal;
    int64_t looked = clock_monotonic_us();
    enum err e = match_renewal_open(m, &renewal, d);
    while (!e && !*all->stop) {
        usleep(TICK_US);
        if (m->options.format == MATCH_STIX || clock_monotonic_us() - looked < LOOK_EVERY_US) continue;
        looked = clock_monotonic_us();
        if (!match_renewal_look(m, &renewal)) continue;
        pthread_rwlock_wrlock(&all->in_use);
        e = match_renewal_put(m, &renewal, d);
        all->options->index = m->holdings.index;
        all->options->patterns = detect_patterns_hooks(m->patterns);
        pthread_rwlock_unlock(&all->in_use);
        if (m->cli->verbose)
            fprintf(stderr, "matching with %u indicators now\n", detect_index_count(m->holdings.index));
    }
    match_renewal_close(&renewal);
    return e;
}

enum err match_follow(struct matching *m, const struct telemetry_files *files, struct scan_options *options,
                      volatile sig_atomic_t *stop, struct diag *d) {
    pthread_rwlockattr_t fair;
    if (files->count > MATCH_FOLLOWED_MAX)
        return diag_set(d, ERR_LIMIT, "%zu files: --follow goes with %d at most", files->count, MATCH_FOLLOWED_MAX);
    struct following *all = calloc(1, sizeof *all);
    if (!all) return diag_set(d, ERR_NOMEM, "no memory to follow so many files");
    enum err e = ERR_NONE;
    all->options = options;
    all->stop = stop;
    pthread_mutex_init(&all->turn, NULL);
    pthread_rwlockattr_init(&fair);
    pthread_rwlockattr_setkind_np(&fair, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&all->in_use, &fair);
    pthread_rwlockattr_destroy(&fair);
    for (; !e && all->count < files->count; all->count++) {
        struct followed *f = &all->files[all->count];
        f->all = all;
        f->number = all->count;
        f->path = files->paths[all->count];
        f->started = pthread_create(&f->thread, NULL, run, f) == 0;
        if (!f->started) e = diag_set(d, ERR_BUSY, "no thread can be started to follow %s", f->path);
    }
    if (!e) e = keep_indicators_new(m, all, d);
    if (e) *stop = 1;
    for (unsigned i = 0; i < all->count; i++) {
        struct followed *f = &all->files[i];
        if (f->started) pthread_join(f->thread, NULL);
        match_count_file(m, f->path, &f->result);
        if (!e && f->error) {
            e = f->error;
            *d = f->diag;
        }
    }
    pthread_rwlock_destroy(&all->in_use);
    pthread_mutex_destroy(&all->turn);
    free(all);
    return e;
}
