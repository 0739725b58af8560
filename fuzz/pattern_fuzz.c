/* Patterns of any bytes: an error with a message and a column inside the pattern, or a tree; what compiles evaluates.
 */
#include <stdlib.h>

#include "pattern/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

static bool holds(const void *context, const struct pattern_atom *atom, uint32_t object) {
    must(atom->kind < ATOM_KIND_COUNT && atom->root < ROOT_COUNT);
    return *(const uint32_t *)context == object && atom->value.len % 2 == 0;
}

static bool always(const void *context, const struct pattern_atom *atom, uint32_t object) {
    (void)context;
    (void)atom;
    (void)object;
    return true;
}

static bool never(const void *context, const struct pattern_atom *atom, uint32_t object) {
    return !always(context, atom, object);
}

static void evaluate(struct arena *a, const struct pattern_plan *plan) {
    uint32_t chosen = 1;
    struct plan_facts facts = {3, holds, &chosen}, all = {1, always, NULL}, none = {4, never, NULL};
    uint32_t *anchors = arena_alloc(a, (plan->atom_count + 1) * sizeof *anchors);
    plan_evaluate(plan, &facts);
    must(plan_evaluate(plan, &all));
    must(!plan_evaluate(plan, &none));
    must(plan->nodes[0].size == plan->node_count);
    must(anchors && plan_anchors(plan, anchors, plan->atom_count) <= plan->atom_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    struct diag d = {0};
    const struct pattern *pattern;
    const struct pattern_plan *plan;
    arena_init(&a, 64 << 20);
    enum err error = pattern_parse(&a, span_of(data, size), &pattern, &d);
    if (!error) {
        enum err checked = pattern_check(pattern, &d), compiled = pattern_compile(&a, pattern, &plan, &d);
        must(!checked || checked == ERR_INVALID);
        if (!compiled)
            evaluate(&a, plan);
        else
            must(d.message[0] != '\0');
    } else {
        must(d.message[0] != '\0' && (error != ERR_SYNTAX || (d.column >= 1 && d.offset <= size)));
    }
    arena_free(&a);
    return 0;
}
