/* A pattern on the first line, an observation in JSON on each further one: it is decided within its budget, a binding
 * names observations that are there, and a stream that keeps everything says the same. */
#include <stdlib.h>

#include "pattern/evaluate.h"
#include "pattern/stream.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OBSERVATIONS_MAX = 32, OBJECTS_MAX = 32, STEPS = 200000, MEMORY = 64 << 20 };
#define WINDOW_US (INT64_C(4000) * 366 * 86400 * TIME_US_PER_S)

static void must(bool holds) {
    if (!holds) abort();
}

static bool read_observation(struct arena *a, struct span line, struct pattern_observation *out) {
    struct json_doc *doc = arena_zalloc(a, 1, sizeof *doc);
    int64_t number = 1;
    if (!doc || json_parse(a, line, doc, NULL)) return false;
    struct json_value root = json_root(doc), objects = json_get(root, "objects");
    struct pattern_object *made = arena_zalloc(a, OBJECTS_MAX, sizeof *made);
    struct json_iter it = json_iter(objects);
    if (!made || json_type(objects) != JSON_ARRAY) return false;
    while (out->object_count < OBJECTS_MAX && json_next(&it)) {
        struct pattern_object *object = &made[out->object_count++];
        object->id = json_text(json_get(it.value, "id"), a);
        object->type = json_text(json_get(it.value, "type"), a);
        object->value = it.value;
        object->root = !span_ends(object->id, SPAN("-"));
    }
    out->objects = made;
    (void)json_int(json_get(root, "number_observed"), &number);
    out->number_observed = number < 1 ? 1 : number > 1000 ? 1000 : (uint32_t)number;
    return time_parse_stix(json_text(json_get(root, "first_observed"), a), &out->first_observed) &&
           time_parse_stix(json_text(json_get(root, "last_observed"), a), &out->last_observed) &&
           out->first_observed <= out->last_observed;
}

static struct span lower(struct arena *a, struct span type, struct span property, struct span text) {
    (void)type;
    (void)property;
    struct span copy = arena_copy(a, text);
    if (!copy.at) return text;
    char *at = arena_cstr(a, text);
    for (size_t i = 0; at && i < text.len; i++)
        if (at[i] >= 'A' && at[i] <= 'Z') at[i] = (char)(at[i] | 0x20);
    return at ? span_of(at, text.len) : text;
}

static bool caseless(struct span type, struct span property) {
    return type.len > property.len;
}

/* Whether a stream on which all of it fits finds a binding; *known false when it could not say. */
static bool on_stream(struct arena *a, const struct pattern *pattern, const struct pattern_program *program,
                      const struct pattern_observation *observations, uint32_t count, bool *known) {
    const struct stream_settings settings = {WINDOW_US, WINDOW_US};
    const struct stream_plan *plan;
    struct stream *stream = NULL;
    struct stream_binding binding;
    bool found = false;
    *known = false;
    if (stream_plan_build(a, pattern, &settings, &plan, NULL) || stream_plan_is_stateless(plan)) return false;
    must(stream_new(plan, 0, &stream, NULL) == ERR_NONE);
    for (uint32_t i = 0; i < count; i++) {
        struct stream_event event = {.first = observations[i].first_observed,
                                     .last = observations[i].last_observed,
                                     .place_line = i,
                                     .instances = observations[i].number_observed};
        struct pattern_budget budget = {STEPS, false};
        for (uint32_t n = 0; n < pattern_program_observation_count(program); n++)
            if (pattern_program_holds(program, n, &observations[i], a, &budget, NULL))
                event.classes |= stream_plan_class(plan, n);
        if (budget.spent_up) goto out;
        found = stream_feed(stream, SPAN("scope"), &event, &binding) == STREAM_BINDING || found;
    }
    struct stream_stats stats = stream_stats(stream);
    *known = found || (!stats.exhausted && !stats.dropped && !stats.late);
out:
    stream_free(&stream);
    return found;
}

static void evaluate(struct arena *a, const struct pattern *pattern, const struct pattern_settings *settings,
                     const struct pattern_observation *observations, uint32_t count) {
    struct pattern_program *program;
    struct diag d = {0};
    struct pattern_budget budget = {STEPS, false};
    bool matched, known;
    uint32_t *binding, bound;
    enum err error = pattern_program_build(a, pattern, settings, &program, &d);
    must(!error || d.message[0] != '\0');
    if (error) return;
    error = pattern_program_match(program, observations, count, a, &budget, &matched, &binding, &bound, &d);
    must(!error || ((error == ERR_LIMIT || error == ERR_NOMEM) && d.message[0] != '\0'));
    if (!error) {
        must(matched || bound == 0);
        for (uint32_t i = 0; matched && i < bound; i++)
            must(binding[i] < count && (i == 0 || binding[i - 1] < binding[i]));
        bool found = on_stream(a, pattern, program, observations, count, &known);
        must(!known || found == matched);
    }
    pattern_program_free(&program);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    struct span rest = span_of(data, size), line;
    struct pattern_observation *observations;
    const struct pattern *pattern;
    const struct pattern_settings literal = {0}, folding = {lower, caseless};
    uint32_t count = 0;
    arena_init(&a, MEMORY);
    size_t end = span_find_char(rest, '\n');
    line = span_of(rest.at, end == SIZE_MAX ? rest.len : end);
    rest = end == SIZE_MAX ? span_of(rest.at, 0) : span_from(rest, end + 1);
    if (pattern_parse(&a, line, &pattern, NULL) || pattern_check(pattern, NULL)) goto out;
    observations = arena_zalloc(&a, OBSERVATIONS_MAX, sizeof *observations);
    while (observations && rest.len && count < OBSERVATIONS_MAX) {
        end = span_find_char(rest, '\n');
        line = span_of(rest.at, end == SIZE_MAX ? rest.len : end);
        rest = end == SIZE_MAX ? span_of(rest.at, 0) : span_from(rest, end + 1);
        if (read_observation(&a, line, &observations[count]))
            count++;
        else
            memset(&observations[count], 0, sizeof *observations);
    }
    if (observations) {
        evaluate(&a, pattern, &literal, observations, count);
        evaluate(&a, pattern, &folding, observations, count);
    }
out:
    arena_free(&a);
    return 0;
}
