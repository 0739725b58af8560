#include "detect/index_layout.h"

enum { WORD = sizeof(uint32_t) };

bool index_pack_plan(const struct pattern_plan *plan, struct buf *plans, struct buf *values, uint32_t *out) {
    struct packed_plan head = {plan->node_count, plan->atom_count};
    if (plans->len / WORD >= UINT32_MAX - 1) return false;
    *out = (uint32_t)(plans->len / WORD) + 1;
    buf_add(plans, span_of(&head, sizeof head));
    for (uint32_t i = 0; i < plan->node_count; i++) {
        struct packed_node node = {plan->nodes[i].operation, plan->nodes[i].size, plan->nodes[i].atom};
        buf_add(plans, span_of(&node, sizeof node));
    }
    for (uint32_t i = 0; i < plan->atom_count; i++) {
        const struct pattern_atom *from = &plan->atoms[i];
        struct packed_atom atom = {.kind = from->kind,
                                   .root = from->root,
                                   .roles = from->roles,
                                   .port = from->port,
                                   .v4 = from->address.v4,
                                   .prefix = from->address.prefix,
                                   .value = (uint32_t)values->len,
                                   .len = (uint32_t)from->value.len};
        if (values->len > UINT32_MAX - from->value.len) return false;
        memcpy(atom.bytes, from->address.bytes, sizeof atom.bytes);
        buf_add(values, from->value);
        buf_add(plans, span_of(&atom, sizeof atom));
    }
    return buf_ok(plans) && buf_ok(values);
}

const struct pattern_plan *index_plan(const struct detect_index *x, uint32_t plan, struct arena *a) {
    const uint32_t *at = x->plans + plan - 1;
    const struct packed_plan *head = (const void *)at;
    const struct packed_node *packed_nodes = (const void *)(head + 1);
    const struct packed_atom *packed_atoms = (const void *)(packed_nodes + head->node_count);
    struct pattern_plan *out = arena_alloc(a, sizeof *out);
    struct plan_node *nodes = arena_alloc(a, head->node_count * sizeof *nodes);
    struct pattern_atom *atoms = arena_alloc(a, head->atom_count * sizeof *atoms);
    if (!out || !nodes || !atoms) return NULL;
    for (uint32_t i = 0; i < head->node_count; i++)
        nodes[i] = (struct plan_node){.operation = (enum plan_operation)packed_nodes[i].operation,
                                      .size = packed_nodes[i].size,
                                      .atom = packed_nodes[i].atom};
    for (uint32_t i = 0; i < head->atom_count; i++) {
        const struct packed_atom *p = &packed_atoms[i];
        atoms[i] = (struct pattern_atom){.kind = p->kind,
                                         .root = p->root,
                                         .roles = p->roles,
                                         .port = p->port,
                                         .address = {.prefix = p->prefix, .v4 = p->v4},
                                         .value = span_of(x->values + p->value, p->len)};
        memcpy(atoms[i].address.bytes, p->bytes, sizeof p->bytes);
    }
    *out = (struct pattern_plan){
        .nodes = nodes, .atoms = atoms, .node_count = head->node_count, .atom_count = head->atom_count};
    return out;
}
