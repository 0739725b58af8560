/* What src/pattern says of pairs of a pattern and observations: one JSON object a line in, one line out.
 *
 *   {"pattern": "[…]", "observations": [{"first_observed", "last_observed", "number_observed", "object_refs",
 * "objects"}]}
 *
 * answers "match" and the indices of the binding, "no match", "refused: …" (no pattern, or none that can be built) or
 * "trouble: …". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "pattern/evaluate.h"
#include "json/json.h"

enum { ARENA_BYTES_MAX = 256 << 20 /* far more than a pair of the oracle's needs */ };

static bool named(struct json_value refs, struct span id) {
    struct json_iter it = json_iter(refs);
    while (json_next(&it))
        if (json_is(it.value, id)) return true;
    return false;
}

static enum err read_observation(struct arena *a, struct json_value from, struct pattern_observation *out,
                                 struct diag *d) {
    int64_t number = 1;
    struct json_value objects = json_get(from, "objects");
    uint32_t count = json_count(objects);
    struct pattern_object *made = arena_alloc(a, sizeof *made * (count + 1));
    if (!made) return diag_set(d, ERR_NOMEM, "no memory for objects");
    for (uint32_t i = 0; i < count; i++) {
        struct json_value object = json_at(objects, i);
        made[i] = (struct pattern_object){.id = json_text(json_get(object, "id"), a),
                                          .type = json_text(json_get(object, "type"), a),
                                          .value = object};
        made[i].root = named(json_get(from, "object_refs"), made[i].id);
    }
    *out = (struct pattern_observation){.objects = made, .object_count = count};
    if (!json_int(json_get(from, "number_observed"), &number) || number < 1 || number > UINT32_MAX)
        return diag_set(d, ERR_INVALID, "number_observed is missing");
    out->number_observed = (uint32_t)number;
    if (!time_parse_stix(json_text(json_get(from, "first_observed"), a), &out->first_observed) ||
        !time_parse_stix(json_text(json_get(from, "last_observed"), a), &out->last_observed))
        return diag_set(d, ERR_INVALID, "first_observed or last_observed is no time");
    return ERR_NONE;
}

static enum err answer(struct arena *a, struct span text, const struct pattern_observation *observations,
                       uint32_t count, struct diag *d) {
    const struct pattern *pattern = NULL;
    struct pattern_program *program = NULL;
    const struct pattern_settings literal = {0};
    struct pattern_budget budget = {.steps = PATTERN_STEPS_DEFAULT};
    bool matched = false;
    uint32_t *binding = NULL, binding_count = 0;
    enum err e = pattern_parse(a, text, &pattern, d);
    if (!e) e = pattern_check(pattern, d);
    if (!e) e = pattern_program_build(a, pattern, &literal, &program, d);
    if (e) {
        printf("refused: %s\n", d->message);
        return ERR_NONE;
    }
    e = pattern_program_match(program, observations, count, a, &budget, &matched, &binding, &binding_count, d);
    if (!e) {
        fputs(matched ? "match" : "no match", stdout);
        for (uint32_t i = 0; matched && i < binding_count; i++) printf(" %" PRIu32, binding[i]);
        putchar('\n');
    }
    pattern_program_free(&program);
    return e;
}

static enum err answer_line(struct arena *a, struct span line, struct diag *d) {
    struct json_doc doc;
    enum err e = json_parse(a, line, &doc, d);
    if (e) return e;
    struct json_value list = json_get(json_root(&doc), "observations");
    uint32_t count = json_count(list);
    struct pattern_observation *observations = arena_alloc(a, sizeof *observations * (count + 1));
    if (!observations) return diag_set(d, ERR_NOMEM, "no memory for observations");
    for (uint32_t i = 0; !e && i < count; i++) e = read_observation(a, json_at(list, i), &observations[i], d);
    return e ? e : answer(a, json_text(json_get(json_root(&doc), "pattern"), a), observations, count, d);
}

int main(void) {
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    while ((length = getline(&line, &size, stdin)) > 0) {
        struct arena a;
        struct diag d = {0};
        arena_init(&a, ARENA_BYTES_MAX);
        if (answer_line(&a, (struct span){line, (size_t)length}, &d)) printf("trouble: %s\n", d.message);
        arena_free(&a);
        fflush(stdout);
    }
    free(line);
    return 0;
}
