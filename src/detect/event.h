/* Events: what one line of telemetry says, in the terms of patterns.
 *
 * An event is a set of observables grouped into objects, the way STIX would have written the line as observed-data:
 * object 0 is the flow, object 1 the e-mail message, and every address, domain, URL, file, certificate and e-mail
 * address is an object of its own (the hashes and the name of one file share one). Values are normalised as
 * normalise.h says, so that comparing is comparing bytes.
 *
 * Not for two threads at a time; lives in the arena it was made with, borrows from the line. */
#ifndef RENKEI_DETECT_EVENT_H
#define RENKEI_DETECT_EVENT_H

#include "base/time.h"
#include "pattern/plan.h"

enum { EVENT_FLOW = 0, EVENT_MESSAGE = 1, EVENT_FIRST_FREE = 2 };
enum { EVENT_OBSERVABLES_MAX = 4096 }; /* a DNS answer or certificate with more is cut; the event says so */

struct observable {
    uint8_t kind;    /* enum atom_kind */
    uint8_t root;    /* enum atom_root of the object it belongs to; ROOT_COUNT = not known, may be any */
    uint8_t roles;   /* enum atom_role, all that apply */
    uint16_t object; /* which object of the event */
    struct span raw; /* as the line has it, JSON escapes undone */
    struct span key; /* normalised; addresses: see address */
    struct address address;
};
/* Whether an observable can be a property of such an object. A file seen on the wire is its artifact as well. */
static inline bool observable_may_be(const struct observable *o, enum atom_root root) {
    return o->root == root || o->root == ROOT_COUNT || (o->root == ROOT_FILE && root == ROOT_ARTIFACT);
}

/* What one field of the line said, whether or not it gave observables: what observed-data is made of
 * (observation.h). Borrowed from the line. */
struct event_fact {
    uint8_t target;        /* enum field_target (fields.h) */
    const char *key;       /* as in the field's row; NULL without */
    struct span text;      /* as the line has it, escapes undone */
    uint32_t first, count; /* the observables it gave */
};
enum { EVENT_FACTS_MAX = 4096 }; /* as for observables */

/* One of the flows of a line that may have several. */
struct event_flow {
    int32_t src_port, dst_port; /* -1 = not known */
    const struct span *protocols;
    uint32_t protocol_count;
    uint32_t first, count; /* its observables */
};

struct pattern_observation;

struct detect_event {
    time_us time;               /* TIME_NONE if the line does not say */
    const char *log;            /* "zeek.dns", "eve.tls", "text": static or in the arena */
    int32_t src_port, dst_port; /* -1 = not known */
    struct span protocols[4];   /* lower case: "tcp", "dns"; of a flow of which nothing is said "ipv4" or "ipv6" */
    unsigned protocol_count;
    const struct observable *observables;
    uint32_t count;
    uint32_t object_count;
    const struct pattern_observation *given; /* the line is STIX: this is what it says; else NULL */
    const struct event_flow *flows;          /* of STIX: the last objects; others have one, EVENT_FLOW */
    uint32_t flow_count;
    const struct event_fact *facts;
    uint32_t fact_count;
    int64_t zone_us; /* east of UTC: of times in the line that do not say */
    bool cut;        /* EVENT_OBSERVABLES_MAX or EVENT_FACTS_MAX was reached */
};

/* Builds one event. All of it lives in the arena. */
struct event_builder {
    struct arena *arena;
    struct detect_event event;
    struct observable *items;
    uint32_t size;
    struct event_fact *facts;
    uint32_t facts_size;
    int64_t zone_us;        /* of times without one */
    uint16_t file;          /* the object the line's file hashes and name share; 0 = none yet */
    struct span host, path; /* of an HTTP request, joined to a URL at the end */
    int32_t url_port;       /* the port in the request's Host header; -1 = not known */
    bool reversed;          /* the flow's source is the server: its destination port is no URL's */
    bool host_has_port;     /* the host as logged keeps its port: a host without one had none */
};

void event_begin(struct event_builder *b, struct arena *a);
/* Adds what `text` says if it is a value of that kind after normalisation; returns whether it was. A URL also adds its
 * host, a file name its last part, an e-mail header all its addresses. root matters for hashes (ROOT_COUNT: not known).
 */
bool event_add(struct event_builder *b, enum atom_kind kind, enum atom_root root, unsigned roles, struct span text);
/* Adds text as whatever it looks like: address, host:port, URL, e-mail address, hash, domain. */
bool event_add_by_shape(struct event_builder *b, unsigned roles, struct span text);
/* A host as HTTP, TLS and DNS name it: an address or a domain, with or without a port. */
bool event_add_host(struct event_builder *b, unsigned roles, struct span text);
/* Notes what a field said, whose observables are those from number `first` on. */
void event_add_fact(struct event_builder *b, uint8_t target, const char *key, struct span text, uint32_t first);
/* The host of an HTTP request. */
void event_set_host(struct event_builder *b, struct span host);
void event_add_protocol(struct event_builder *b, struct span text);
/* The target of an HTTP request: a path, an absolute URL (to a proxy), or host:port (CONNECT). */
void event_set_request(struct event_builder *b, struct span target);
/* Joins host and path to a URL: with the Host header's port where it is known, else with the flow's, and, when the log
 * keeps ports in hosts and this one had none, without. Call once, last. NULL when the arena overflowed. */
const struct detect_event *event_end(struct event_builder *b);

/* Whether the atom (its value normalised) holds on one object of the event: the `holds` of struct plan_facts, context
 * being the event. */
bool event_holds(const void *event, const struct pattern_atom *atom, uint32_t object);

#endif
