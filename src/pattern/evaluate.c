#include "pattern/plan.h"

/* Depth is bounded by the parser's PATTERN_DEPTH_MAX. */
static bool holds_at(const struct pattern_plan *plan, uint32_t at, const struct plan_facts *facts, uint32_t object) {
    const struct plan_node *node = &plan->nodes[at];
    uint32_t end = at + node->size;
    switch (node->operation) {
    case PLAN_ATOM:
        return facts->holds(facts->context, &plan->atoms[node->atom], object);
    case PLAN_ALL:
        for (uint32_t child = at + 1; child < end; child += plan->nodes[child].size)
            if (!holds_at(plan, child, facts, object)) return false;
        return true;
    case PLAN_ANY:
        for (uint32_t child = at + 1; child < end; child += plan->nodes[child].size)
            if (holds_at(plan, child, facts, object)) return true;
        return false;
    case PLAN_OBSERVATION:
        for (uint32_t o = 0; o < facts->object_count; o++)
            if (holds_at(plan, at + 1, facts, o)) return true;
        return false;
    }
    return false;
}

bool plan_evaluate(const struct pattern_plan *plan, const struct plan_facts *facts) {
    return plan->node_count > 0 && holds_at(plan, 0, facts, 0);
}

unsigned pattern_atom_commonness(const struct pattern_atom *atom) {
    switch (atom->kind) {
    case ATOM_HASH:
        return 1;
    case ATOM_URL:
        return 2;
    case ATOM_EMAIL:
        return 3;
    case ATOM_DOMAIN:
        return 4;
    case ATOM_ADDRESS:
        return address_is_single(&atom->address) ? 5 : 8;
    case ATOM_PATH:
        return 6;
    case ATOM_FILE_NAME:
        return 7;
    default:
        return 0;
    }
}

struct anchors {
    unsigned worst; /* commonness of the most common among them; 0 = this part cannot be anchored */
    uint32_t count;
};

static struct anchors weigh(const struct pattern_plan *plan, uint32_t at) {
    const struct plan_node *node = &plan->nodes[at];
    if (node->operation == PLAN_ATOM) {
        unsigned common = pattern_atom_commonness(&plan->atoms[node->atom]);
        return (struct anchors){.worst = common, .count = common ? 1 : 0};
    }
    struct anchors total = {0};
    for (uint32_t child = at + 1; child < at + node->size; child += plan->nodes[child].size) {
        struct anchors one = weigh(plan, child);
        if (node->operation == PLAN_ALL) {
            bool better = one.count && (!total.count || one.worst < total.worst ||
                                        (one.worst == total.worst && one.count < total.count));
            if (better) total = one;
        } else {
            if (!one.count) return (struct anchors){0}; /* an alternative that cannot be looked up */
            if (one.worst > total.worst) total.worst = one.worst;
            total.count += one.count;
        }
    }
    return total;
}

static void collect(const struct pattern_plan *plan, uint32_t at, uint32_t *out, uint32_t size, uint32_t *count) {
    const struct plan_node *node = &plan->nodes[at];
    if (node->operation == PLAN_ATOM) {
        if (*count < size) out[*count] = node->atom;
        ++*count;
        return;
    }
    uint32_t best = UINT32_MAX;
    struct anchors of_best = {0};
    for (uint32_t child = at + 1; child < at + node->size; child += plan->nodes[child].size) {
        if (node->operation != PLAN_ALL) {
            collect(plan, child, out, size, count);
            continue;
        }
        struct anchors one = weigh(plan, child);
        bool better = one.count && (best == UINT32_MAX || one.worst < of_best.worst ||
                                    (one.worst == of_best.worst && one.count < of_best.count));
        if (!better) continue;
        best = child;
        of_best = one;
    }
    if (best != UINT32_MAX) collect(plan, best, out, size, count);
}

uint32_t plan_anchors(const struct pattern_plan *plan, uint32_t *out, uint32_t size) {
    uint32_t count = 0;
    if (plan->node_count > 0 && weigh(plan, 0).count > 0) collect(plan, 0, out, size, &count);
    return count;
}
