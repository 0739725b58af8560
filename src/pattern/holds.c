/* One [ ] on one observation: object paths (STIX 2.1 §9.7) and what AND and OR join inside (§9.4). */
#include "pattern/program.h"

/* References followed on one path: more than any relation of observables, and an end to circles. */
enum { REFERENCES_MAX = 64 };

/* Where on its path an evaluation stands. */
struct place {
    const struct pattern_step *steps; /* still to take */
    struct json_value value;
    bool reference;    /* value is an identifier (…_ref), or a list of them (…_refs) */
    unsigned followed; /* references so far */
};

static const struct pattern_object *find_object(const struct evaluation *e, struct json_value id) {
    const struct pattern_observation *o = e->observation;
    for (uint32_t i = 0; i < o->object_count; i++) {
        if (!budget_take(e->budget, 1)) return NULL;
        if (json_is(id, o->objects[i].id)) return &o->objects[i];
    }
    return NULL;
}

static struct json_value member(const struct evaluation *e, struct json_value object, struct span key) {
    struct json_iter it = json_iter(object);
    while (json_next(&it) && budget_take(e->budget, 1))
        if (json_is(it.key, key)) return it.value;
    return JSON_MISSING;
}

/* .key: of an object, or of what a reference names. */
static bool take_key(const struct evaluation *e, struct place *at) {
    if (json_type(at->value) == JSON_STRING && at->reference) {
        const struct pattern_object *object = at->followed++ < REFERENCES_MAX ? find_object(e, at->value) : NULL;
        if (!object) return false;
        at->value = object->value;
    }
    if (json_type(at->value) != JSON_OBJECT) return false;
    struct span key = at->steps->key;
    at->value = member(e, at->value, key);
    at->reference = span_ends(key, SPAN("_ref")) || span_ends(key, SPAN("_refs"));
    return json_exists(at->value);
}

static bool take_index(struct place *at) {
    int64_t index = at->steps->index;
    if (json_type(at->value) != JSON_ARRAY || index < 0 || index > UINT32_MAX) return false;
    at->value = json_at(at->value, (uint32_t)index);
    return json_exists(at->value);
}

static bool path_holds(const struct evaluation *e, const struct program_test *test, struct place at);

static bool any_element(const struct evaluation *e, const struct program_test *test, struct place at) {
    struct json_iter it = json_iter(at.value);
    if (json_type(at.value) != JSON_ARRAY) return test->header && compare_holds(e, test, at.value);
    at.steps = at.steps->next;
    while (json_next(&it) && budget_take(e->budget, 1)) {
        at.value = it.value;
        if (path_holds(e, test, at)) return true;
    }
    return false;
}

/* Goes the rest of the path and tests what stands at its end. Deeper calls only at [*], whose depth JSON's own bounds,
 * and REFERENCES_MAX. */
static bool path_holds(const struct evaluation *e, const struct program_test *test, struct place at) {
    for (; at.steps; at.steps = at.steps->next) {
        if (!budget_take(e->budget, 1)) return false;
        if (at.steps->kind == PATTERN_STEP_ANY) return any_element(e, test, at);
        if (at.steps->kind == PATTERN_STEP_KEY ? !take_key(e, &at) : !take_index(&at)) return false;
    }
    if (test->header && json_type(at.value) == JSON_ARRAY && test->compare != PATTERN_EXISTS) {
        static const struct pattern_step any = {.kind = PATTERN_STEP_ANY};
        at.steps = &any;
        return any_element(e, test, at);
    }
    return compare_holds(e, test, at.value);
}

static bool test_holds(const struct evaluation *e, const struct program_test *test,
                       const struct pattern_object *object) {
    if (!budget_take(e->budget, 1)) return false;
    bool fits = span_equal(object->type, test->type) ||
                (test->any_address && (span_is(object->type, "ipv4-addr") || span_is(object->type, "ipv6-addr")));
    if (!fits) return false;
    bool holds = path_holds(e, test, (struct place){.steps = test->steps, .value = object->value});
    if (test->compare == PATTERN_EXISTS && test->negated) return !holds && !e->budget->spent_up;
    return holds;
}

static bool node_holds_on(const struct evaluation *e, const struct program_node *node,
                          const struct pattern_object *object) {
    if (node->kind == PATTERN_TEST) return test_holds(e, node->test, object);
    bool any = node->kind == PATTERN_ANY;
    for (const struct program_node *child = node->first; child && !e->budget->spent_up; child = child->next)
        if (node_holds_on(e, child, object) == any) return any && !e->budget->spent_up;
    return !any && !e->budget->spent_up;
}

bool node_holds(const struct evaluation *e, const struct program_node *node, uint32_t *object) {
    const struct pattern_observation *o = e->observation;
    for (uint32_t i = 0; i < o->object_count && !e->budget->spent_up; i++) {
        if (!o->objects[i].root || !node_holds_on(e, node, &o->objects[i])) continue;
        if (object) *object = i;
        return true;
    }
    return false;
}

bool pattern_program_holds(const struct pattern_program *program, uint32_t observation_number,
                           const struct pattern_observation *observation, struct arena *a,
                           struct pattern_budget *budget, uint32_t *object) {
    struct evaluation e = {program, observation, a, budget};
    if (observation_number >= program->observation_count) return false;
    return node_holds(&e, program->observations[observation_number], object);
}
