/* What of a pattern can be evaluated on a log line: a boolean plan over atoms.
 *
 * Supported: one or more [ ] joined with OR; inside, = and IN (as a set of equalities) and ISSUBSET on addresses,
 * joined with AND and OR; the object paths of the table in compile.c. An address literal in CIDR notation under = is a
 * network, as under ISSUBSET. All else that is valid STIX is ERR_UNSUPPORTED with a message that names the construct.
 *
 * Semantics (STIX 2.1 §9.6): all that is joined with AND inside [ ] must hold on one root object. The evaluator
 * therefore asks "does this atom hold on that object?" and tries each object of an event. */
#ifndef RENKEI_PATTERN_PLAN_H
#define RENKEI_PATTERN_PLAN_H

#include "pattern/address.h"
#include "pattern/pattern.h"

enum atom_kind {
    ATOM_ADDRESS,
    ATOM_DOMAIN,
    ATOM_URL,
    ATOM_HASH,
    ATOM_EMAIL,
    ATOM_PATH, /* the target of an HTTP request as the client sent it */
    ATOM_FILE_NAME,
    ATOM_PORT,
    ATOM_PROTOCOL,
    ATOM_TYPE, /* of what the flow's end is: ipv4-addr, ipv6-addr, domain-name, in value */
    ATOM_KIND_COUNT
};
const char *atom_kind_name(enum atom_kind kind); /* "address", "domain", …; static */

/* The object an atom is a property of. */
enum atom_root {
    ROOT_ADDRESS,     /* ipv4-addr, ipv6-addr */
    ROOT_DOMAIN,      /* domain-name */
    ROOT_URL,         /* url */
    ROOT_FILE,        /* file */
    ROOT_ARTIFACT,    /* artifact */
    ROOT_CERTIFICATE, /* x509-certificate */
    ROOT_EMAIL,       /* email-addr */
    ROOT_MESSAGE,     /* email-message */
    ROOT_FLOW,        /* network-traffic */
    ROOT_COUNT
};
const char *atom_root_name(enum atom_root root); /* "ipv4-addr or ipv6-addr", "file", …; static */

/* Where on a flow or message the value stands; 0 = anywhere. */
enum atom_role {
    ROLE_SRC = 1,       /* the side that opened the connection */
    ROLE_DST = 2,       /* the other; also a host name that was asked for by HTTP or TLS */
    ROLE_HOST = 4,      /* the Host header of an HTTP request */
    ROLE_SENDER = 8,    /* of an e-mail */
    ROLE_RECIPIENT = 16 /* likewise */
};

struct pattern_atom {
    uint8_t kind;           /* enum atom_kind */
    uint8_t root;           /* enum atom_root */
    uint8_t roles;          /* enum atom_role, any of these; 0 = no matter */
    uint16_t port;          /* ATOM_PORT */
    struct address address; /* ATOM_ADDRESS */
    struct span value;      /* as the pattern says it, escapes undone; empty for addresses and ports */
};

/* What a value under =, IN, ISSUBSET or LIKE without wildcard is as an atom; false when the path is not of the table or
 * the literal none of its kind. */
bool pattern_atom_of(const struct pattern_test *test, const struct pattern_literal *literal, struct pattern_atom *out);
/* How often a value of the kind is seen by chance, from 1; 0: it cannot be looked up. */
unsigned pattern_atom_commonness(const struct pattern_atom *atom);

enum plan_operation { PLAN_ATOM, PLAN_ALL, PLAN_ANY, PLAN_OBSERVATION /* binds one root object; one child */ };
/* Preorder: a node's children follow it; `size` counts it and all below it. */
struct plan_node {
    enum plan_operation operation;
    uint32_t size;
    uint32_t atom; /* PLAN_ATOM: index into atoms */
};
struct pattern_plan {
    const struct plan_node *nodes;
    const struct pattern_atom *atoms;
    uint32_t node_count, atom_count;
};

/* Compiles a parsed pattern. The plan lives in the arena and borrows from the pattern's text. d's message names what
 * is not supported; ERR_INVALID for literals that can be nothing of their type (an address that is none). */
MUST_CHECK enum err pattern_compile(struct arena *a, const struct pattern *pattern, const struct pattern_plan **out,
                                    struct diag *d);

/* Facts to evaluate on: objects are numbered 0 … count-1. */
struct plan_facts {
    uint32_t object_count;
    /* Whether the atom holds on this object (an object of another root type: false). */
    bool (*holds)(const void *context, const struct pattern_atom *atom, uint32_t object);
    const void *context;
};
bool plan_evaluate(const struct pattern_plan *plan, const struct plan_facts *facts);

/* Atoms of which at least one must hold whenever the plan does: what to look for first. Chooses, of things joined with
 * AND, the rarest kind. Writes at most `size` atom indices to `out`; returns how many there are, 0 when nothing in the
 * plan can be looked up by value (only ports, protocols or types). */
uint32_t plan_anchors(const struct pattern_plan *plan, uint32_t *out, uint32_t size);

#endif
