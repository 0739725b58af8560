/* Several files followed at once: a thread a file, and one of them at a time at what becomes of its hits. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/match.h"

struct followed {
    struct following *all;
    unsigned number; /* the thread's, for the patterns */
    const char *path;
    pthread_t thread;
    bool started;
    struct scan_patterns patterns; /* those of the run, by this thread's number and in turn */
    struct scan_result result;
    enum err error;
    struct diag diag;
};

struct following {
    const struct scan_options *options; /* of a run over one file */
    volatile sig_atomic_t *stop;
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

static void *run(void *context) {
    struct followed *f = context;
    struct scan_options options = *f->all->options;
    struct input *in;
    options.threads = 1;
    options.on_hit = on_hit;
    options.on_progress = on_progress;
    options.context = f;
    if (options.patterns) {
        f->patterns = (struct scan_patterns){f, options.patterns->find ? find : NULL, on_event, on_note};
        options.patterns = &f->patterns;
    }
    f->error = input_open_follow(f->path, f->all->stop, &in, &f->diag);
    if (!f->error) {
        f->error = scan_input(in, &options, &f->result, &f->diag);
        input_close(&in);
    }
    /* One that fails ends them all: whoever watches must not believe that all are watched. */
    if (f->error || f->result.stopped) *f->all->stop = 1;
    return NULL;
}

enum err match_follow(struct matching *m, const struct telemetry_files *files, const struct scan_options *options,
                      volatile sig_atomic_t *stop, struct diag *d) {
    if (files->count > MATCH_FOLLOWED_MAX)
        return diag_set(d, ERR_LIMIT, "%zu files: --follow goes with %d at most", files->count, MATCH_FOLLOWED_MAX);
    struct following *all = calloc(1, sizeof *all);
    if (!all) return diag_set(d, ERR_NOMEM, "no memory to follow so many files");
    enum err e = ERR_NONE;
    all->options = options;
    all->stop = stop;
    pthread_mutex_init(&all->turn, NULL);
    for (; !e && all->count < files->count; all->count++) {
        struct followed *f = &all->files[all->count];
        f->all = all;
        f->number = all->count;
        f->path = files->paths[all->count];
        f->started = pthread_create(&f->thread, NULL, run, f) == 0;
        if (!f->started) e = diag_set(d, ERR_BUSY, "no thread can be started to follow %s", f->path);
    }
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
    pthread_mutex_destroy(&all->turn);
    free(all);
    return e;
}
