#include "detect/scan.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "detect/chunk.h"
#include "detect/parents.h"
#include "detect/sieve.h"

enum { LINE_ARENA_CAP = 512 << 20, CHUNK_ARENA_KEPT = 1 << 20 };

/* What the threads share. `turn` and everything below it belongs to `deliver`. */
struct scan {
    const struct scan_options *options;
    struct chunk_source source;
    const char *name;
    uint64_t raw_size;
    pthread_mutex_t deliver;
    pthread_cond_t turned;
    uint64_t turn; /* number of the chunk whose results are next */
    struct scan_result *result;
    struct worker *workers;
};

/* Where marks of the chunk are collected. */
struct marks {
    size_t *at; /* owned; ends with SIZE_MAX once sorted */
    size_t count, size;
    bool out_of_memory;
};

struct scan_sink {
    struct arena *kept;
    struct scan_note *notes; /* owned */
    size_t count, size;
    const char *file;
    uint64_t line; /* of the event under way */
    time_us time;
    struct span text;
};

/* What one thread finds in one chunk, kept until its turn. Line numbers count from the chunk's first line, 0. */
struct findings {
    struct detect_hit *hits; /* owned; spans in the chunk or in `arena` */
    size_t hit_count, hit_size;
    struct scan_unreadable shown[SCAN_UNREADABLE_SHOWN];
    unsigned shown_count;
    uint64_t unreadable, parsed;
    bool out_of_memory;
};

struct worker {
    struct scan *scan;
    struct chunk chunk;
    struct findings found;
    struct sieve sieve;
    struct arena line, kept, scratch; /* of the line; of the chunk's hits; of the probe */
    unsigned number;
    struct marks marks;
    struct scan_sink sink;
    uint32_t *watches;            /* SCAN_WATCHES_PER_LINE_MAX, owned */
    struct detect_match *matches; /* SCAN_MATCHES_PER_LINE_MAX, owned */
    const struct detect_reader *reader;
};

static void note_unreadable(struct findings *f, uint64_t number, const char *message) {
    f->unreadable++;
    if (f->shown_count == SCAN_UNREADABLE_SHOWN) return;
    struct scan_unreadable *u = &f->shown[f->shown_count++];
    u->line = number;
    snprintf(u->message, sizeof u->message, "%s", message);
}

/* The first address, else the first name, on a side of the flow. */
static struct span side(const struct detect_event *e, unsigned role, struct arena *a) {
    const struct observable *name = NULL;
    for (uint32_t i = 0; i < e->count; i++) {
        const struct observable *o = &e->observables[i];
        if (!(o->roles & role)) continue;
        if (o->kind == ATOM_ADDRESS) {
            char text[ADDRESS_TEXT_SIZE];
            return arena_copy(a, span_cstr(address_format(&o->address, text)));
        }
        if (!name) name = o;
    }
    return name ? arena_copy(a, name->raw) : span_of(NULL, 0);
}

static bool add_hit(struct worker *w, const struct detect_hit *hit) {
    struct findings *f = &w->found;
    if (f->hit_count == f->hit_size) {
        size_t size = f->hit_size ? f->hit_size * 2 : 64;
        struct detect_hit *bigger = realloc(f->hits, size * sizeof *bigger);
        if (!bigger) return false;
        f->hits = bigger;
        f->hit_size = size;
    }
    f->hits[f->hit_count++] = *hit;
    return true;
}

static void record(struct worker *w, const struct detect_event *event, const struct detect_match *match,
                   struct span line, uint64_t number) {
    struct detect_hit hit = {
        .indicator = match->indicator,
        .time = event->time,
        .line = number,
        .file = w->scan->name,
        .log = arena_cstr(&w->kept, span_cstr(event->log)),
        .kind = ATOM_KIND_COUNT,
        .src = side(event, ROLE_SRC, &w->kept),
        .dst = side(event, ROLE_DST, &w->kept),
        .src_port = event->src_port,
        .dst_port = event->dst_port,
        .text = line,
    };
    if (match->observable != UINT32_MAX) {
        const struct observable *o = &event->observables[match->observable];
        hit.kind = o->kind;
        hit.roles = o->roles;
        hit.value = arena_copy(&w->kept, o->raw);
    }
    if (w->kept.overflow || !add_hit(w, &hit)) w->found.out_of_memory = true;
}

bool scan_note(struct scan_sink *sink, uint32_t watch, struct span data) {
    if (sink->count == sink->size) {
        size_t size = sink->size ? sink->size * 2 : 64;
        struct scan_note *bigger = realloc(sink->notes, size * sizeof *bigger);
        if (!bigger) return false;
        sink->notes = bigger;
        sink->size = size;
    }
    struct span copy = arena_copy(sink->kept, data);
    sink->notes[sink->count++] = (struct scan_note){
        .watch = watch, .line = sink->line, .file = sink->file, .time = sink->time, .data = copy, .text = sink->text};
    return !sink->kept->overflow;
}

/* Hands the event to the patterns beside the index. */
static void tell_patterns(struct worker *w, const struct detect_event *event, struct span line, uint64_t number) {
    const struct scan_patterns *p = w->scan->options->patterns;
    bool found = w->marks.at && w->sieve.marked;
    uint32_t count =
        detect_index_watches(w->scan->options->index, event, &w->line, w->watches, SCAN_WATCHES_PER_LINE_MAX);
    if (count > SCAN_WATCHES_PER_LINE_MAX) count = SCAN_WATCHES_PER_LINE_MAX;
    if (count == 0 && !found) return;
    w->sink.line = number;
    w->sink.time = event->time;
    w->sink.text = line;
    if (!p->on_event(p->context, w->number, event, line, w->watches, count, found, &w->sink))
        w->found.out_of_memory = true;
}

static void on_line(void *context, struct span line, uint64_t number, bool suspect) {
    struct worker *w = context;
    const struct detect_event *event;
    struct diag d = {0};
    (void)suspect; /* the reader says whether it is broken */
    arena_reset(&w->line);
    w->found.parsed++;
    enum err error = w->reader->read(line, &w->chunk.header, &w->line, &event, &d);
    if (error) {
        note_unreadable(&w->found, number, d.message);
        return;
    }
    if (event && w->scan->options->subdomains && !(event = event_with_parents(event, &w->line)))
        w->found.out_of_memory = true;
    if (!event) return;
    uint32_t count =
        detect_index_match(w->scan->options->index, event, &w->line, w->matches, SCAN_MATCHES_PER_LINE_MAX);
    if (count > SCAN_MATCHES_PER_LINE_MAX) count = SCAN_MATCHES_PER_LINE_MAX;
    for (uint32_t i = 0; i < count; i++) record(w, event, &w->matches[i], line, number);
    if (w->scan->options->patterns) tell_patterns(w, event, line, number);
}

static void add_mark(void *context, size_t offset) {
    struct marks *m = context;
    if (m->count + 1 >= m->size) {
        size_t size = m->size ? m->size * 2 : 256, *bigger = realloc(m->at, size * sizeof *bigger);
        if (!bigger) {
            m->out_of_memory = true;
            return;
        }
        m->at = bigger;
        m->size = size;
    }
    m->at[m->count++] = offset;
}

static int compare_marks(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

static void find_marks(struct worker *w, struct span text) {
    const struct scan_patterns *p = w->scan->options->patterns;
    w->sink.count = 0;
    w->sieve.marks = NULL;
    if (!p || !p->find) return;
    w->marks.count = 0;
    p->find(p->context, w->number, text, add_mark, &w->marks);
    if (w->marks.out_of_memory) w->found.out_of_memory = true;
    if (w->marks.count == 0) return;
    qsort(w->marks.at, w->marks.count, sizeof *w->marks.at, compare_marks);
    w->marks.at[w->marks.count] = SIZE_MAX; /* add_mark() leaves room */
    w->sieve.marks = w->marks.at;
}

/* Whether every line of the chunk is to be parsed: for indicators that name nothing, or a watched log. */
static bool parses_everything(const struct worker *w) {
    const struct detect_index *index = w->scan->options->index;
    char log[sizeof w->chunk.header.path + 8];
    if (detect_index_prefilter(index)->everything || w->reader->parse_all) return true;
    if (!w->scan->options->patterns) return false;
    if (w->reader->shape != READER_TABLE) return detect_index_watches_log(index, SPAN(""));
    snprintf(log, sizeof log, "zeek.%s", w->chunk.header.path);
    return detect_index_watches_log(index, span_cstr(log));
}

static void use_header(struct worker *w) {
    w->sieve.separators[0] = w->chunk.header.separator;
    w->sieve.separators[1] = w->chunk.header.set_separator;
    w->sieve.columns = w->chunk.header.column_count;
}

static void on_comment(struct sieve *sieve, struct span line) {
    struct worker *w = sieve->context;
    reader_header_line(&w->chunk.header, line);
    use_header(w);
    sieve->probe.everything = parses_everything(w);
}

static void scan_chunk(struct worker *w) {
    struct span text = span_of(w->chunk.at, w->chunk.len);
    struct findings *f = &w->found;
    f->hit_count = f->shown_count = 0;
    f->unreadable = f->parsed = 0;
    w->sieve.lines = 0;
    w->reader = w->scan->source.reader;
    if (w->kept.used > CHUNK_ARENA_KEPT || w->kept.overflow) arena_free(&w->kept);
    arena_reset(&w->kept);
    if (w->chunk.oversize) {
        note_unreadable(f, 0, "the line is longer than 16 MiB");
        w->sieve.lines = 1;
        w->sink.count = 0;
        return;
    }
    find_marks(w, text);
    w->sieve.probe.everything = parses_everything(w);
    switch (w->reader->shape) {
    case READER_JSON_LINES:
        sieve_json(&w->sieve, text);
        break;
    case READER_TABLE:
        use_header(w);
        sieve_table(&w->sieve, text);
        break;
    case READER_TEXT:
        sieve_text(&w->sieve, text);
        break;
    }
}

static bool tell_hit(struct scan *s, struct detect_hit *hit) {
    hit->line += s->result->lines + 1;
    s->result->hits++;
    return s->options->on_hit(s->options->context, hit);
}

static bool tell_note(struct scan *s, struct scan_note *note) {
    const struct scan_patterns *p = s->options->patterns;
    note->line += s->result->lines + 1;
    return p->on_note(p->context, note);
}

/* Hits and notes in the order of their lines, of one line the hits first. */
static bool tell_all(struct worker *w) {
    struct findings *f = &w->found;
    struct scan_sink *sink = &w->sink;
    for (size_t i = 0, n = 0; i < f->hit_count || n < sink->count;) {
        bool note = i == f->hit_count || (n < sink->count && sink->notes[n].line < f->hits[i].line);
        if (!(note ? tell_note(w->scan, &sink->notes[n++]) : tell_hit(w->scan, &f->hits[i++]))) return false;
    }
    return true;
}

/* Adds the chunk's findings to the result, in its turn. The lock is held. */
static bool deliver_findings(struct worker *w) {
    struct scan *s = w->scan;
    struct scan_result *r = s->result;
    struct findings *f = &w->found;
    bool go_on = tell_all(w);
    for (unsigned i = 0; i < f->shown_count && r->shown_count < SCAN_UNREADABLE_SHOWN; i++) {
        r->shown[r->shown_count] = f->shown[i];
        r->shown[r->shown_count++].line += r->lines + 1;
    }
    r->unreadable += f->unreadable;
    r->parsed_lines += f->parsed;
    r->lines += w->sieve.lines;
    r->bytes += w->chunk.len;
    if (s->options->on_progress) s->options->on_progress(s->options->context, w->chunk.raw_bytes, s->raw_size);
    return go_on;
}

static void deliver(struct worker *w) {
    struct scan *s = w->scan;
    pthread_mutex_lock(&s->deliver);
    while (s->turn != w->chunk.number) pthread_cond_wait(&s->turned, &s->deliver);
    if (!s->result->stopped && !deliver_findings(w)) s->result->stopped = true;
    bool stop = s->result->stopped;
    s->turn++;
    pthread_cond_broadcast(&s->turned);
    pthread_mutex_unlock(&s->deliver);
    if (stop) chunk_source_stop(&s->source);
}

static void *work(void *context) {
    struct worker *w = context;
    const struct scan_options *o = w->scan->options;
    while (chunk_next(&w->scan->source, &w->chunk)) {
        if (o->on_chunk) o->on_chunk(o->context, true);
        w->sieve.probe.filter = detect_index_prefilter(o->index);
        scan_chunk(w);
        deliver(w);
        if (o->on_chunk) o->on_chunk(o->context, false);
    }
    return NULL;
}

static void worker_free(struct worker *w) {
    chunk_free(&w->chunk);
    free(w->found.hits);
    free(w->matches);
    free(w->watches);
    free(w->marks.at);
    free(w->sink.notes);
    arena_free(&w->line);
    arena_free(&w->kept);
    arena_free(&w->scratch);
}

static bool worker_init(struct worker *w, struct scan *s) {
    w->scan = s;
    arena_init(&w->line, LINE_ARENA_CAP);
    arena_init(&w->kept, LINE_ARENA_CAP);
    arena_init(&w->scratch, LINE_ARENA_CAP);
    w->sieve = (struct sieve){.on_line = on_line, .on_comment = on_comment, .context = w};
    w->sieve.probe.filter = detect_index_prefilter(s->options->index);
    w->sieve.probe.scratch = &w->scratch;
    w->sieve.probe.subdomains = s->options->subdomains;
    sieve_choose(&w->sieve, s->options->processor);
    w->matches = malloc(SCAN_MATCHES_PER_LINE_MAX * sizeof *w->matches);
    w->number = (unsigned)(w - s->workers);
    w->sink = (struct scan_sink){.kept = &w->kept, .file = s->name};
    w->watches = malloc(SCAN_WATCHES_PER_LINE_MAX * sizeof *w->watches);
    return w->matches && w->watches;
}

/* The calling thread works too; what threads cannot be started is done by those that could. */
static bool run(struct scan *s, struct worker *workers, unsigned count) {
    pthread_t threads[SCAN_THREADS_MAX];
    unsigned started = 0;
    bool memory = true;
    for (unsigned i = 0; i < count; i++) memory &= worker_init(&workers[i], s);
    if (memory) {
        for (unsigned i = 1; i < count; i++)
            if (pthread_create(&threads[started], NULL, work, &workers[i]) == 0)
                started++;
            else
                break;
        work(&workers[0]);
    }
    for (unsigned i = 0; i < started; i++) pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < count; i++) memory &= !workers[i].found.out_of_memory;
    for (unsigned i = 0; i < count; i++) worker_free(&workers[i]);
    return memory;
}

enum err scan_input(struct input *in, const struct scan_options *options, struct scan_result *result, struct diag *d) {
    unsigned count = options->threads == 0 ? 1 : options->threads;
    if (count > SCAN_THREADS_MAX) count = SCAN_THREADS_MAX;
    *result = (struct scan_result){0};
    struct worker *workers = calloc(count, sizeof *workers);
    if (!workers) return diag_set(d, ERR_NOMEM, "out of memory for scanning");
    struct scan s = {.options = options,
                     .name = input_name(in),
                     .raw_size = input_raw_size(in),
                     .result = result,
                     .workers = workers};
    chunk_source_init(&s.source, in, options->reader, options->settings,
                      options->chunk_size ? options->chunk_size : SCAN_CHUNK_SIZE);
    pthread_mutex_init(&s.deliver, NULL);
    pthread_cond_init(&s.turned, NULL);
    bool memory = run(&s, workers, count);
    enum err error = s.source.error;
    if (error && d)
        *d = s.source.diag;
    else if (!memory)
        error = diag_set(d, ERR_NOMEM, "out of memory for scanning");
    result->reader = s.source.reader;
    pthread_cond_destroy(&s.turned);
    pthread_mutex_destroy(&s.deliver);
    chunk_source_free(&s.source);
    free(workers);
    return error;
}

enum err scan_path(const char *path, const struct scan_options *options, struct scan_result *result, struct diag *d) {
    struct input *in;
    *result = (struct scan_result){0};
    enum err error = input_open(path, &in, d);
    if (error) return error;
    error = scan_input(in, options, result, d);
    input_close(&in);
    return error;
}
