#include "detect/event.h"

#include "detect/normalise.h"

void event_begin(struct event_builder *b, struct arena *a) {
    *b = (struct event_builder){.arena = a, .url_port = -1};
    b->event = (struct detect_event){
        .time = TIME_NONE, .src_port = -1, .dst_port = -1, .object_count = EVENT_FIRST_FREE, .log = ""};
}

/* Room for one more observable; NULL when there is none. */
static struct observable *next_item(struct event_builder *b) {
    if (b->event.count == EVENT_OBSERVABLES_MAX) {
        b->event.cut = true;
        return NULL;
    }
    if (b->event.count == b->size) {
        uint32_t size = b->size ? b->size * 2 : 32;
        struct observable *items = arena_alloc(b->arena, size * sizeof *items);
        if (!items) return NULL;
        if (b->event.count) memcpy(items, b->items, b->event.count * sizeof *items);
        b->items = items;
        b->size = size;
    }
    return &b->items[b->event.count];
}

/* Which object of the event the observable belongs to. */
static uint16_t object_for(struct event_builder *b, enum atom_root root) {
    if (root == ROOT_FLOW) return EVENT_FLOW;
    if (root == ROOT_FILE && b->file) return b->file;
    uint16_t object = (uint16_t)b->event.object_count++;
    if (root == ROOT_FILE) b->file = object;
    return object;
}

static bool push(struct event_builder *b, struct observable o) {
    struct observable *item = next_item(b);
    if (!item) return false;
    o.object = object_for(b, o.root);
    *item = o;
    b->event.count++;
    return true;
}

static bool add_address(struct event_builder *b, unsigned roles, struct span text) {
    struct observable o = {.kind = ATOM_ADDRESS, .root = ROOT_ADDRESS, .roles = (uint8_t)roles, .raw = text};
    return address_parse(text, &o.address) && push(b, o);
}

static bool add_value(struct event_builder *b, enum atom_kind kind, enum atom_root root, unsigned roles,
                      struct span text) {
    struct observable o = {.kind = (uint8_t)kind, .root = (uint8_t)root, .roles = (uint8_t)roles, .raw = text};
    return normalise_value(b->arena, kind, text, &o.key) && push(b, o);
}

static bool add_url(struct event_builder *b, unsigned roles, struct span text) {
    struct url url;
    if (!normalise_url(b->arena, text, &url) || url.scheme.len == 0) return false;
    struct observable o = {.kind = ATOM_URL, .root = ROOT_URL, .roles = (uint8_t)roles, .raw = text, .key = url.whole};
    return push(b, o) && (event_add_host(b, roles, url.host) || true);
}

/* "A <a@x>, b@y": each address of an e-mail header. */
static bool add_emails(struct event_builder *b, unsigned roles, struct span text) {
    bool any = false;
    while (text.len > 0) {
        struct span one = span_cut(&text, ',');
        any |= add_value(b, ATOM_EMAIL, ROOT_EMAIL, roles, span_trim(one));
    }
    return any;
}

/* The name as logged and, of a path, its last part. */
static bool add_file_name(struct event_builder *b, struct span text) {
    if (!add_value(b, ATOM_FILE_NAME, ROOT_FILE, 0, text)) return false;
    size_t start = text.len;
    while (start > 0 && text.at[start - 1] != '/' && text.at[start - 1] != '\\') start--;
    if (start > 0 && start < text.len) add_value(b, ATOM_FILE_NAME, ROOT_FILE, 0, span_from(text, start));
    return true;
}

bool event_add(struct event_builder *b, enum atom_kind kind, enum atom_root root, unsigned roles, struct span text) {
    if (text.len == 0) return false;
    switch (kind) {
    case ATOM_ADDRESS:
        return add_address(b, roles, text);
    case ATOM_DOMAIN:
        return add_value(b, ATOM_DOMAIN, ROOT_DOMAIN, roles, text);
    case ATOM_URL:
        return add_url(b, roles, text);
    case ATOM_HASH:
        return add_value(b, ATOM_HASH, root, roles, text);
    case ATOM_EMAIL:
        return add_emails(b, roles, text);
    case ATOM_FILE_NAME:
        return add_file_name(b, text);
    case ATOM_PATH:
        return add_value(b, ATOM_PATH, ROOT_FLOW, roles, text);
    default:
        return false;
    }
}

bool event_add_host(struct event_builder *b, unsigned roles, struct span text) {
    struct span host;
    int32_t port;
    if (add_address(b, roles, text)) return true;
    if (split_host_port(text, &host, &port))
        return add_address(b, roles, host) || event_add(b, ATOM_DOMAIN, ROOT_DOMAIN, roles, host);
    return event_add(b, ATOM_DOMAIN, ROOT_DOMAIN, roles, text);
}

/* "198.51.100.7:443" in a text without field names: the first such is where from, the second where to; alone it may
 * be either. */
static bool add_endpoint(struct event_builder *b, unsigned roles, struct span text) {
    struct span host;
    struct address address;
    int32_t port;
    if (!split_host_port(text, &host, &port)) return false;
    bool is_address = address_parse(host, &address);
    if (!is_address && !looks_like_domain(host)) return false;
    if (roles == 0 && port >= 0) {
        bool first = b->event.src_port < 0;
        roles = first ? ROLE_SRC | ROLE_DST : ROLE_DST;
        if (first) b->event.src_port = port;
        b->event.dst_port = port;
        for (uint32_t i = 0; !first && i < b->event.count; i++)
            if (b->items[i].roles == (ROLE_SRC | ROLE_DST)) b->items[i].roles = ROLE_SRC;
    }
    return is_address ? add_address(b, roles, host) : event_add(b, ATOM_DOMAIN, ROOT_DOMAIN, roles, host);
}

bool event_add_by_shape(struct event_builder *b, unsigned roles, struct span text) {
    if (text.len < 3 || text.len > URL_LENGTH_MAX) return false;
    if (add_address(b, roles, text)) return true;
    if (span_find(span_first(text, 20), SPAN("://")) != SIZE_MAX) return add_url(b, roles, text);
    if (memchr(text.at, '@', text.len)) return add_emails(b, roles, text);
    if (event_add(b, ATOM_HASH, ROOT_COUNT, 0, text)) return true;
    if (looks_like_domain(text)) return event_add(b, ATOM_DOMAIN, ROOT_DOMAIN, roles, text);
    return add_endpoint(b, roles, text);
}

void event_add_fact(struct event_builder *b, uint8_t target, const char *key, struct span text, uint32_t first) {
    struct detect_event *e = &b->event;
    if (e->fact_count == EVENT_FACTS_MAX) {
        e->cut = true;
        return;
    }
    if (e->fact_count == b->facts_size) {
        uint32_t size = b->facts_size ? b->facts_size * 2 : 32;
        struct event_fact *facts = arena_alloc(b->arena, size * sizeof *facts);
        if (!facts) return;
        if (e->fact_count) memcpy(facts, b->facts, e->fact_count * sizeof *facts);
        b->facts = facts;
        b->facts_size = size;
    }
    b->facts[e->fact_count++] = (struct event_fact){target, key, text, first, e->count - first};
}

/* "ssl,http": Zeek joins the services it found. */
void event_add_protocol(struct event_builder *b, struct span text) {
    struct detect_event *e = &b->event;
    while (text.len > 0) {
        struct span one = span_cut(&text, ','), name;
        if (e->protocol_count == sizeof e->protocols / sizeof *e->protocols) return;
        if (normalise_value(b->arena, ATOM_PROTOCOL, one, &name)) e->protocols[e->protocol_count++] = name;
    }
}

void event_set_host(struct event_builder *b, struct span host) {
    b->host = host;
    event_add_host(b, ROLE_DST | ROLE_HOST, host);
}

void event_set_request(struct event_builder *b, struct span target) {
    if (target.len == 0) return;
    if (target.at[0] == '/') {
        b->path = target;
        event_add(b, ATOM_PATH, ROOT_FLOW, 0, target);
    } else if (!add_url(b, 0, target) && target.at[0] != '*') {
        event_add_host(b, ROLE_DST, target);
    }
}

static void join_url(struct event_builder *b, int32_t port) {
    struct url url;
    if (url_of_request(b->arena, b->host, port, b->path, &url))
        push(b, (struct observable){.kind = ATOM_URL, .root = ROOT_URL, .raw = url.whole, .key = url.whole});
}

/* A flow has a protocol at least (STIX 2.1 §6.12): that of its addresses is known where the log tells no other. */
static void set_protocol(struct event_builder *b) {
    struct detect_event *e = &b->event;
    for (uint32_t i = 0; i < e->count && e->protocol_count == 0; i++)
        if (b->items[i].kind == ATOM_ADDRESS && (b->items[i].roles & (ROLE_SRC | ROLE_DST)))
            e->protocols[e->protocol_count++] = b->items[i].address.v4 ? SPAN("ipv4") : SPAN("ipv6");
}

const struct detect_event *event_end(struct event_builder *b) {
    if (b->host.len && b->path.len) {
        if (b->url_port >= 0)
            join_url(b, b->url_port);
        else if (b->reversed)
            join_url(b, -1);
        else {
            join_url(b, b->event.dst_port);
            if (b->host_has_port && b->event.dst_port >= 0 && b->event.dst_port != 80) join_url(b, -1);
        }
    }
    set_protocol(b);
    if (b->arena->overflow) return NULL;
    struct detect_event *event = arena_alloc(b->arena, sizeof *event);
    if (!event) return NULL;
    b->event.observables = b->items;
    b->event.facts = b->facts;
    b->event.zone_us = b->zone_us;
    *event = b->event;
    return event;
}

static bool same_value(const struct observable *o, const struct pattern_atom *atom) {
    if (o->kind != atom->kind) return false;
    if (o->kind == ATOM_ADDRESS) return address_contains(&atom->address, &o->address);
    if (span_equal(o->key, atom->value)) return true;
    if (o->kind != ATOM_URL || !span_starts(atom->value, SPAN("//"))) return false;
    return span_ends(o->key, atom->value) && o->key.len > atom->value.len &&
           o->key.at[o->key.len - atom->value.len - 1] == ':'; /* an indicator without scheme */
}

/* What type of object the end of a flow is. */
static bool end_is(const struct observable *o, struct span type) {
    if (o->kind == ATOM_DOMAIN) return span_is(type, "domain-name");
    return o->kind == ATOM_ADDRESS && span_is(type, o->address.v4 ? "ipv4-addr" : "ipv6-addr");
}

static bool flow_holds(const struct event_flow *flow, const struct observable *observables,
                       const struct pattern_atom *atom) {
    if (atom->kind == ATOM_PORT)
        return (atom->roles & ROLE_SRC ? flow->src_port : flow->dst_port) == (int32_t)atom->port;
    if (atom->kind == ATOM_PROTOCOL) {
        for (uint32_t i = 0; i < flow->protocol_count; i++)
            if (span_equal(flow->protocols[i], atom->value)) return true;
        return false;
    }
    for (uint32_t i = flow->first; i < flow->first + flow->count; i++) {
        const struct observable *o = &observables[i];
        if (atom->roles && !(o->roles & atom->roles)) continue;
        if (atom->kind == ATOM_TYPE ? end_is(o, atom->value) : same_value(o, atom)) return true;
    }
    return false;
}

/* Whether the atom holds on this object as a flow: on the only one, or on one of several. */
static bool flow_atom_holds(const struct detect_event *e, const struct pattern_atom *atom, uint32_t object) {
    struct event_flow only = {e->src_port, e->dst_port, e->protocols, e->protocol_count, 0, e->count};
    uint32_t first = e->object_count - e->flow_count;
    if (!e->flow_count) return object == EVENT_FLOW && flow_holds(&only, e->observables, atom);
    return object >= first && flow_holds(&e->flows[object - first], e->observables, atom);
}

bool event_holds(const void *event, const struct pattern_atom *atom, uint32_t object) {
    const struct detect_event *e = event;
    if (atom->root == ROOT_FLOW) return flow_atom_holds(e, atom, object);
    for (uint32_t i = 0; i < e->count; i++) {
        const struct observable *o = &e->observables[i];
        if (atom->root == ROOT_MESSAGE) {
            if (object == EVENT_MESSAGE && (o->roles & atom->roles) && same_value(o, atom)) return true;
        } else if (o->object == object && observable_may_be(o, atom->root) && same_value(o, atom)) {
            return true;
        }
    }
    return false;
}
