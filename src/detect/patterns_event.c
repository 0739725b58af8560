/* Patterns on events: by the threads what one observation tells, at delivery what needs several. */
#include <stdlib.h>

#include "detect/observation.h"
#include "detect/patterns_layout.h"

/* --- a thread's memory --- */

static bool fill_thread(const struct detect_patterns *set, struct pattern_thread *t) {
    struct diag d;
    arena_init(&t->arena, EVENT_ARENA_MAX);
    t->seen = calloc(set->watch_count + 1, sizeof *t->seen);
    t->candidates = malloc((set->watch_count + 1) * sizeof *t->candidates);
    if (!t->seen || !t->candidates) return false;
    if (set->words && regexes_memory_new(set->words, &t->words, &d)) return false;
    return !set->values || regexes_memory_new(set->values, &t->values, &d) == ERR_NONE;
}

/* Each thread asks for its own only. */
static struct pattern_thread *thread_of(struct detect_patterns *set, unsigned thread) {
    struct pattern_thread *t = set->threads[thread];
    if (t) return t;
    t = calloc(1, sizeof *t);
    if (t && !fill_thread(set, t)) {
        arena_free(&t->arena);
        regexes_memory_free(&t->words);
        regexes_memory_free(&t->values);
        free(t->seen);
        free(t->candidates);
        free(t);
        t = NULL;
    }
    set->threads[thread] = t;
    return t;
}

/* --- texts in the raw chunk --- */

struct marking {
    struct span chunk;
    size_t line_end; /* of the line marked last */
    void (*found)(void *sink, size_t offset);
    void *sink;
};

static void mark(struct marking *m, size_t at) {
    m->found(m->sink, at);
    const char *end = memchr(m->chunk.at + at, '\n', m->chunk.len - at);
    m->line_end = end ? (size_t)(end - m->chunk.at) : m->chunk.len;
}

static bool on_word(void *context, uint32_t number, size_t end) {
    struct marking *m = context;
    (void)number;
    /* Matches come in the order of their ends; many may be in one line. */
    if (end > 0 && (m->line_end == SIZE_MAX || end - 1 > m->line_end)) mark(m, end - 1);
    return true;
}

void patterns_find(void *context, unsigned thread, struct span chunk, void (*found)(void *sink, size_t offset),
                   void *sink) {
    struct detect_patterns *set = context;
    struct pattern_thread *t = thread_of(set, thread);
    struct marking m = {.chunk = chunk, .line_end = SIZE_MAX, .found = found, .sink = sink};
    if (t && !set->all_lines && !regexes_are_blind(set->words) && regexes_always_count(set->words) == 0) {
        regexes_find(set->words, t->words, chunk, on_word, &m);
        return;
    }
    for (size_t at = 0; at < chunk.len; at = m.line_end + 1) mark(&m, at); /* every line */
}

/* --- candidates --- */

struct candidates {
    const struct detect_patterns *set;
    struct pattern_thread *thread;
};

static void add_candidate(const struct detect_patterns *set, struct pattern_thread *t, uint32_t watch) {
    if (watch >= set->watch_count || t->seen[watch] == t->event) return;
    t->seen[watch] = t->event;
    t->candidates[t->candidate_count++] = watch;
}

static bool on_expression(void *context, uint32_t number, size_t end) {
    const struct candidates *c = context;
    (void)end;
    add_candidate(c->set, c->thread, number);
    return c->thread->candidate_count < c->set->watch_count;
}

/* Every text of the observation through the expressions. */
static void sieve_values(struct candidates *c, const struct pattern_observation *observation) {
    const struct json_doc *last = NULL;
    for (uint32_t i = 0; i < observation->object_count; i++) {
        struct json_value object = observation->objects[i].value;
        if (!object.doc) continue;
        uint32_t from = object.index, to = object.doc->nodes[from].next;
        if (object.doc == last && from == 0) continue;
        last = object.doc;
        for (uint32_t n = from; n < to; n++) {
            struct json_value value = {object.doc, n};
            if (json_type(value) != JSON_STRING) continue;
            regexes_find(c->set->values, c->thread->values, json_text(value, &c->thread->arena), on_expression, c);
        }
    }
}

static int compare_watches(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* --- evaluation --- */

/* What is told of the event beside the pattern's own. */
struct told {
    struct span log, src, dst, scope;
};

static struct span side(const struct detect_event *e, unsigned role, struct arena *a) {
    struct span name = {0};
    for (uint32_t i = 0; i < e->count; i++) {
        const struct observable *o = &e->observables[i];
        if (!(o->roles & role)) continue;
        if (o->kind == ATOM_ADDRESS) {
            char text[ADDRESS_TEXT_SIZE];
            return arena_copy(a, span_cstr(address_format(&o->address, text)));
        }
        if (!name.len) name = o->raw;
    }
    return name;
}

static struct span folder_of(struct span path) {
    size_t slash = path.len;
    while (slash > 0 && path.at[slash - 1] != '/') slash--;
    return span_first(path, slash);
}

/* What to show of the object the [ ] holds on, and as what. */
static struct span shown_value(const struct pattern_object *object, struct arena *a, uint8_t *kind) {
    static const struct {
        const char *type;
        enum atom_kind kind;
    } kinds[] = {{"ipv4-addr", ATOM_ADDRESS}, {"ipv6-addr", ATOM_ADDRESS}, {"domain-name", ATOM_DOMAIN},
                 {"url", ATOM_URL},           {"file", ATOM_FILE_NAME},    {"email-addr", ATOM_EMAIL}};
    static const char *const keys[] = {"value", "name",          "subject",      "user_id", "account_login",
                                       "path",  "serial_number", "command_line", "key",     "display_name"};
    struct json_value request = json_get(json_get(object->value, "extensions"), "http-request-ext");
    struct span requested = json_text(json_get(request, "request_value"), a);
    *kind = requested.len ? (uint8_t)ATOM_PATH : ATOM_KIND_COUNT;
    if (requested.len) return requested;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (span_is(object->type, kinds[i].type)) *kind = (uint8_t)kinds[i].kind;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct span text = json_text(json_get(object->value, keys[i]), a);
        if (text.len) return text;
    }
    *kind = ATOM_KIND_COUNT;
    return object->type;
}

static uint16_t length16(struct span text) {
    return text.len > UINT16_MAX ? UINT16_MAX : (uint16_t)text.len;
}

static bool leave_note(struct scan_sink *sink, uint32_t pattern, struct pattern_note *note, const struct told *told,
                       struct span value, struct arena *a) {
    const struct span texts[] = {told->log, value, told->src, told->dst, told->scope};
    size_t size = sizeof *note;
    note->log = length16(told->log);
    note->value = length16(value);
    note->src = length16(told->src);
    note->dst = length16(told->dst);
    note->scope = length16(told->scope);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) size += length16(texts[i]);
    char *data = arena_alloc(a, size);
    if (!data) return false;
    size_t at = sizeof *note;
    memcpy(data, note, sizeof *note);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].len) memcpy(data + at, texts[i].at, length16(texts[i]));
        at += length16(texts[i]);
    }
    return scan_note(sink, pattern, span_of(data, size));
}

/* One pattern on the event: those of its [ ] that are candidates. */
static bool evaluate(struct detect_patterns *set, struct pattern_thread *t, const struct full_pattern *p,
                     const uint32_t *watches, uint32_t count, const struct detect_event *event,
                     const struct pattern_observation *observation, const struct told *told, struct scan_sink *sink) {
    struct pattern_note note = {.first = observation->first_observed,
                                .last = observation->last_observed,
                                .instances = observation->number_observed,
                                .src_port = event->src_port,
                                .dst_port = event->dst_port};
    struct span value = {0};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = watches[i] - p->first_watch, object = 0;
        struct pattern_budget budget = {.steps = DETECT_PATTERN_STEPS};
        bool alone = !p->stream && !stream_plan_holds_alone(p->plan, number, note.first, note.last);
        if (alone) continue; /* START … STOP */
        t->evaluations++;
        bool holds = pattern_program_holds(p->program, number, observation, &t->arena, &budget, &object);
        note.slow |= DETECT_PATTERN_STEPS - budget.steps > DETECT_PATTERN_STEPS_SLOW;
        note.exhausted |= budget.spent_up;
        if (!holds) continue;
        if (!note.holds) value = shown_value(&observation->objects[object], &t->arena, &note.kind);
        note.holds = true;
        if (!p->stream) break;
        note.classes |= stream_plan_class(p->plan, number);
    }
    if (!note.holds && !note.slow && !note.exhausted) return true;
    return leave_note(sink, (uint32_t)(p - set->patterns), &note, told, value, &t->arena);
}

/* The candidates, those of one pattern at a time. */
static bool evaluate_all(struct detect_patterns *set, struct pattern_thread *t, const struct detect_event *event,
                         const struct pattern_observation *observation, struct scan_sink *sink) {
    struct told told = {
        .log = span_cstr(event->log), .src = side(event, ROLE_SRC, &t->arena), .dst = side(event, ROLE_DST, &t->arena)};
    if (set->settings.scope == DETECT_SCOPE_HOST) told.scope = told.src;
    for (uint32_t i = 0, next; i < t->candidate_count; i = next) {
        const struct full_pattern *p = &set->patterns[set->pattern_of[t->candidates[i]]];
        uint32_t end = p->first_watch + p->watch_count;
        for (next = i + 1; next < t->candidate_count && t->candidates[next] < end;) next++;
        if (atomic_load_explicit(&p->quarantined, memory_order_relaxed)) continue;
        if (!evaluate(set, t, p, t->candidates + i, next - i, event, observation, &told, sink)) return false;
    }
    return true;
}

static void next_event(struct pattern_thread *t, uint32_t watch_count) {
    if (++t->event == 0) { /* numbers have come round: none is seen */
        memset(t->seen, 0, watch_count * sizeof *t->seen);
        t->event = 1;
    }
    t->candidate_count = 0;
    if (t->arena.used > EVENT_ARENA_KEPT) arena_free(&t->arena);
    t->arena.cap = EVENT_ARENA_MAX;
    arena_reset(&t->arena);
}

/* Objects that no network log has are in STIX, in what a mapping makes, and in logs of hosts. */
static bool may_have_others(const struct detect_patterns *set, const struct detect_event *event) {
    struct span log = span_cstr(event->log);
    return set->settings.mapped || span_starts(log, SPAN("stix")) || span_is(log, "json");
}

bool patterns_on_event(void *context, unsigned thread, const struct detect_event *event, struct span line,
                       const uint32_t *watches, uint32_t count, bool found, struct scan_sink *sink) {
    struct detect_patterns *set = context;
    struct pattern_thread *t = thread_of(set, thread);
    struct pattern_observation observation;
    struct diag d;
    (void)line;
    if (!t) return false;
    next_event(t, set->watch_count);
    for (uint32_t i = 0; i < count; i++) {
        found |= watches[i] == WATCH_VALUES;
        add_candidate(set, t, watches[i]);
    }
    if (may_have_others(set, event)) {
        for (uint32_t i = 0; i < set->elsewhere_count; i++) add_candidate(set, t, set->elsewhere[i]);
        found |= set->elsewhere_values;
    }
    if (t->candidate_count == 0 && !(found && set->values)) return true;
    if (event_observation(event, true, &t->arena, &observation, &d)) return false;
    struct candidates c = {set, t};
    if (found && set->values) sieve_values(&c, &observation);
    if (t->candidate_count == 0) return !t->arena.overflow;
    qsort(t->candidates, t->candidate_count, sizeof *t->candidates, compare_watches);
    return evaluate_all(set, t, event, &observation, sink) && !t->arena.overflow;
}

/* --- delivery --- */

static bool quarantine(struct detect_patterns *set, struct full_pattern *p, const char *why) {
    p->why = why;
    set->quarantined++;
    atomic_store_explicit(&p->quarantined, true, memory_order_relaxed);
    return true;
}

/* The file's number; UINT32_MAX when memory ran out. */
static uint32_t file_number(struct detect_patterns *set, const char *name) {
    uint64_t number;
    struct span key = span_cstr(name);
    if (map_get(&set->files, key, &number)) return (uint32_t)number;
    uint32_t count = (uint32_t)set->files.count;
    if (count == set->file_size) {
        uint32_t size = count ? count * 2 : 16;
        struct span *bigger = realloc(set->file_names, size * sizeof *bigger);
        if (!bigger) return UINT32_MAX;
        set->file_names = bigger;
        set->file_size = size;
    }
    const char *copy = arena_cstr(&set->arena, key);
    if (!copy || !map_set(&set->files, key, count, NULL)) return UINT32_MAX;
    set->file_names[count] = span_of(copy, key.len);
    return count;
}

static struct detect_hit hit_of(const struct full_pattern *p, const struct pattern_note *note,
                                const struct scan_note *from, struct arena *a) {
    const char *at = from->data.at + sizeof *note;
    struct detect_hit hit = {.indicator = p->indicator,
                             .time = from->time,
                             .line = from->line,
                             .file = from->file,
                             .log = arena_cstr(a, span_of(at, note->log)),
                             .kind = note->kind,
                             .value = span_of(at + note->log, note->value),
                             .src_port = note->src_port,
                             .dst_port = note->dst_port,
                             .text = from->text};
    at += note->log + note->value;
    hit.src = span_of(at, note->src);
    hit.dst = span_of(at + note->src, note->dst);
    if (!hit.log) hit.log = "";
    return hit;
}

static struct span scope_of(const struct detect_patterns *set, const struct pattern_note *note,
                            const struct scan_note *from) {
    if (set->settings.scope == DETECT_SCOPE_MEMBER) return SPAN("");
    if (set->settings.scope == DETECT_SCOPE_SENSOR) return folder_of(span_cstr(from->file));
    return span_of(from->data.at + sizeof *note + note->log + note->value + note->src + note->dst, note->scope);
}

static uint32_t name_places(struct detect_patterns *set, const struct stream_binding *binding) {
    for (uint32_t i = 0; i < binding->count; i++) {
        const struct stream_event *e = &binding->events[i];
        set->places[i] = (struct detect_place){set->file_names[e->place_file].at, e->place_line, e->first};
    }
    return binding->count;
}

static bool feed(struct detect_patterns *set, struct full_pattern *p, const struct pattern_note *note,
                 const struct scan_note *from, struct detect_hit *hit) {
    struct stream_binding binding;
    if (note->first == TIME_NONE) {
        set->timeless++;
        return true;
    }
    struct stream_event e = {.first = note->first,
                             .last = note->last == TIME_NONE ? note->first : note->last,
                             .classes = note->classes,
                             .place_file = file_number(set, from->file),
                             .place_line = from->line,
                             .instances = note->instances};
    if (e.place_file == UINT32_MAX) return false;
    switch (stream_feed(p->stream, scope_of(set, note, from), &e, &binding)) {
    case STREAM_BINDING:
        hit->places = set->places;
        hit->place_count = name_places(set, &binding);
        return set->settings.on_hit(set->settings.context, hit);
    case STREAM_EXHAUSTED:
        if (++p->exhausted < DETECT_PATTERN_EXHAUSTED_MAX) return true;
        return quarantine(set, p, "its observations can be combined in too many ways");
    case STREAM_NO_MEMORY:
        return false;
    default:
        return true;
    }
}

bool patterns_on_note(void *context, const struct scan_note *from) {
    struct detect_patterns *set = context;
    struct full_pattern *p = &set->patterns[from->watch];
    struct pattern_note note;
    memcpy(&note, from->data.at, sizeof note);
    if (p->why) return true;
    p->exhausted += note.exhausted;
    p->slow += note.slow;
    if (p->exhausted >= DETECT_PATTERN_EXHAUSTED_MAX)
        return quarantine(set, p, "it takes more steps than one event may");
    if (p->slow >= DETECT_PATTERN_SLOW_MAX) return quarantine(set, p, "it is slow on too many events");
    if (!note.holds) return true;
    struct arena a; /* of one log's name */
    arena_init(&a, 4096);
    struct detect_hit hit = hit_of(p, &note, from, &a);
    bool go_on = p->stream ? feed(set, p, &note, from, &hit) : set->settings.on_hit(set->settings.context, &hit);
    arena_free(&a);
    return go_on;
}
