/* The flow of an event and the HTTP request in it. */
#include <stdlib.h>

#include "detect/observation.h"
#include "detect/observation_event.h"

enum { OTHER_ENDS_MAX = 8 }; /* a flow is there once more for each, up to so many */

static struct draft_object *flow(struct observing *o) {
    if (!o->flow) o->flow = draft_object(&o->draft, "network-traffic", RANK_FLOW);
    return o->flow;
}

/* A header is a list of strings: it may be sent several times (§6.12.3). The same value twice is one of two fields that
 * tell of one header. */
static void header(struct observing *o, struct span name, struct span value) {
    struct span keys[] = {SPAN("extensions"), SPAN("http-request-ext"), SPAN("request_header"), name};
    if (name.len == 0 || !flow(o)) return;
    for (const struct draft_property *p = o->flow->first; p; p = p->next)
        if (p->depth == 4 && span_equal(p->keys[2], keys[2]) && span_equal(p->keys[3], name) &&
            span_equal(p->text, value))
            return;
    draft_set(&o->draft, flow(o), keys, 4, DRAFT_TEXT, true, value);
}

/* The host a client asked for; folded without its port, as indicators name it. */
static struct span host_text(struct observing *o, const struct event_fact *fact) {
    if (!o->folded || fact->count == 0) return fact->text;
    return observed_text(o, &o->event->observables[fact->first]);
}

/* "1.1" as §6.12.3 spells it, "HTTP/1.1". */
static struct span http_version(struct observing *o, struct span text) {
    bool bare = text.len > 0 && text.at[0] >= '0' && text.at[0] <= '9';
    if (bare) text = arena_printf(o->draft.arena, "HTTP/%.*s", SPAN_ARG(text));
    return text;
}

/* Seconds as a number of JSON, which may have any digits ("0.0015780925750732422") and an exponent ("9.5e-07"). */
static void duration(struct observing *o, struct span text) {
    const double seconds_max = 1e10; /* three centuries */
    char copy[64], *end;
    if (o->event->time == TIME_NONE || text.len == 0 || text.len >= sizeof copy) return;
    if (text.at[0] < '0' || text.at[0] > '9' || span_find_char(text, 'x') != SIZE_MAX) return;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    double seconds = strtod(copy, &end);
    if (*end || !(seconds >= 0 && seconds <= seconds_max)) return;
    if (__builtin_add_overflow(o->event->time, (time_us)(seconds * TIME_US_PER_S + 0.5), &o->end)) o->end = TIME_NONE;
}

void observe_flow_fact(struct observing *o, const struct event_fact *fact) {
    time_us time;
    switch (fact->target) {
    case TO_START:
        if (field_time(fact->text, o->event->zone_us, &time) && o->start == TIME_NONE) o->start = time;
        return;
    case TO_END:
        if (field_time(fact->text, o->event->zone_us, &time) && o->end == TIME_NONE) o->end = time;
        return;
    case TO_DURATION:
        duration(o, fact->text);
        return;
    case TO_HTTP_HOST:
        header(o, SPAN("Host"), host_text(o, fact));
        return;
    case TO_REFERRER:
        header(o, SPAN("Referer"), fact->text);
        return;
    case TO_HEADER:
        header(o, span_cstr(fact->key), fact->text);
        return;
    case TO_HEADER_NAME:
        o->header = fact->text;
        return;
    case TO_HEADER_VALUE:
        header(o, o->header, fact->text);
        o->header = span_of(NULL, 0);
        return;
    case TO_METHOD:
        o->method = o->folded
                        ? observation_fold(o->draft.arena, SPAN("network-traffic"), SPAN("request_method"), fact->text)
                        : fact->text;
        return;
    case TO_REQUEST:
        o->request = fact->text;
        return;
    case TO_VERSION:
        o->version = http_version(o, fact->text);
        if (o->folded)
            o->version = observation_fold(o->draft.arena, SPAN("network-traffic"), SPAN("request_version"), o->version);
        return;
    case TO_BODY_LENGTH: {
        struct span keys[] = {SPAN("extensions"), SPAN("http-request-ext"), SPAN("message_body_length")};
        uint64_t length;
        if (span_u64(fact->text, &length) && length < UINT64_C(1) << 53)
            draft_set(&o->draft, flow(o), keys, 3, DRAFT_RAW, false,
                      arena_printf(o->draft.arena, "%llu", (unsigned long long)length));
        return;
    }
    default:
        if (field_targets[fact->target].property) observe_property(o, flow(o), fact);
    }
}

/* ---- the ends ---- */

/* How surely an observable is the flow's end: an address in a field for it, before an address a client named, before a
 * name in a field for it. */
static int end_worth(const struct detect_event *e, uint32_t i, const uint8_t *targets, unsigned role) {
    const struct observable *v = &e->observables[i];
    if (!(v->roles & role)) return 0;
    bool field = targets[i] == TO_SRC || targets[i] == TO_DST || targets[i] == TO_SRC_SHAPE ||
                 targets[i] == TO_DST_SHAPE || targets[i] == TO_NOTHING;
    if (v->kind == ATOM_ADDRESS) return field ? 4 : 2;
    return v->kind == ATOM_DOMAIN && field ? 3 : 0;
}

static struct draft_object *find_end(struct observing *o, const uint8_t *targets, unsigned role,
                                     const struct draft_object *but) {
    const struct detect_event *e = o->event;
    struct draft_object *best = NULL;
    int most = 0;
    for (uint32_t i = 0; i < e->count; i++) {
        int worth = end_worth(e, i, targets, role);
        if (worth <= most || !o->values[i] || (but && o->values[i] == but && e->observables[i].roles != role)) continue;
        most = worth;
        best = o->values[i];
    }
    return best;
}

/* Which target each observable came by. */
static uint8_t *targets_of(struct observing *o) {
    uint8_t *targets = arena_zalloc(o->draft.arena, o->event->count ? o->event->count : 1, 1);
    for (uint32_t i = 0; targets && i < o->event->fact_count; i++) {
        const struct event_fact *f = &o->event->facts[i];
        for (uint32_t k = f->first; k < f->first + f->count; k++) targets[k] = f->target;
    }
    return targets;
}

static void set_request(struct observing *o) {
    static const struct span extension = SPAN("http-request-ext");
    struct span keys[] = {SPAN("extensions"), extension, SPAN("request_method")};
    bool any = o->method.len || o->request.len || o->version.len;
    for (const struct draft_property *p = o->flow ? o->flow->first : NULL; p && !any; p = p->next)
        any = p->depth > 2 && span_equal(p->keys[1], extension);
    if (!any) return;
    /* Both are required (§6.12.3.1): what the sensor did not see is the empty text. */
    draft_required(&o->draft, flow(o), keys, 3, o->method);
    keys[2] = SPAN("request_value");
    draft_required(&o->draft, flow(o), keys, 3, o->request);
    keys[2] = SPAN("request_version");
    draft_set(&o->draft, flow(o), keys, 3, DRAFT_TEXT, false, o->version);
}

static void set_port(struct observing *o, const char *key, int32_t port) {
    if (port >= 0) draft_raw(&o->draft, o->flow, key, arena_printf(o->draft.arena, "%d", port));
}

/* Zeek has the type and code of ICMP where others have ports. */
static bool set_icmp(struct observing *o) {
    struct span keys[] = {SPAN("extensions"), SPAN("icmp-ext"), SPAN("icmp_type_hex")};
    const struct detect_event *e = o->event;
    if (strncmp(e->log, "zeek.", 5) != 0 || e->protocol_count == 0 || !span_is(e->protocols[0], "icmp")) return false;
    if (e->src_port < 0 || e->src_port > 255 || e->dst_port < 0 || e->dst_port > 255) return true;
    draft_set(&o->draft, o->flow, keys, 3, DRAFT_TEXT, false, arena_printf(o->draft.arena, "%02x", e->src_port));
    keys[2] = SPAN("icmp_code_hex");
    draft_set(&o->draft, o->flow, keys, 3, DRAFT_TEXT, false, arena_printf(o->draft.arena, "%02x", e->dst_port));
    return true;
}

static void set_protocols(struct observing *o) {
    static const struct span key = SPAN("protocols");
    const struct detect_event *e = o->event;
    for (unsigned i = 0; i < e->protocol_count; i++)
        draft_set(&o->draft, o->flow, &key, 1, DRAFT_TEXT, true, e->protocols[i]);
    if (e->protocol_count == 0) /* between names: at least one is required */
        draft_set(&o->draft, o->flow, &key, 1, DRAFT_TEXT, true, SPAN("ipv4"));
}

static void set_times(struct observing *o) {
    if (span_is(span_cstr(o->event->log), "zeek.conn") && o->start == TIME_NONE) o->start = o->event->time;
    if (o->start != TIME_NONE && o->end != TIME_NONE && o->end < o->start) o->end = TIME_NONE;
    draft_time(&o->draft, o->flow, "start", o->start);
    draft_time(&o->draft, o->flow, "end", o->end);
    if (o->end != TIME_NONE) draft_raw(&o->draft, o->flow, "is_active", SPAN("false")); /* required then (§6.12) */
}

/* Folded: the flow once more for each other name or address of a role, so that looking for it by any of them hits. */
static void other_ends(struct observing *o, const char *key, unsigned role, const struct draft_object *chosen) {
    const struct detect_event *e = o->event;
    const struct draft_object *seen[OTHER_ENDS_MAX];
    unsigned count = 0;
    for (uint32_t i = 0; i < e->count && count < OTHER_ENDS_MAX; i++) {
        struct draft_object *end = o->values[i];
        bool wanted = end && end != chosen && (e->observables[i].roles & role) &&
                      (e->observables[i].kind == ATOM_ADDRESS || e->observables[i].kind == ATOM_DOMAIN);
        for (unsigned k = 0; k < count; k++) wanted &= seen[k] != end;
        if (!wanted) continue;
        seen[count++] = end;
        struct draft_object *copy = draft_object(&o->draft, "network-traffic", RANK_FLOW);
        draft_ref(&o->draft, copy, key, end, false);
        for (const struct draft_property *p = o->flow->first; p && copy; p = p->next) {
            if (p->kind == DRAFT_REF)
                draft_ref(&o->draft, copy, p->keys[0].at, p->ref, p->list);
            else if (p->text.len == 0)
                draft_required(&o->draft, copy, p->keys, p->depth, p->text);
            else
                draft_set(&o->draft, copy, p->keys, p->depth, (enum draft_kind)p->kind, p->list, p->text);
        }
    }
}

void observe_finish_flow(struct observing *o) {
    const struct detect_event *e = o->event;
    uint8_t *targets = targets_of(o);
    if (!targets) return;
    struct draft_object *src = find_end(o, targets, ROLE_SRC, NULL), *dst = find_end(o, targets, ROLE_DST, src);
    set_request(o);
    if (!src && !dst) {
        if (o->flow) o->flow->left_out = true;
        return;
    }
    if (!flow(o)) return;
    o->flow->left_out = false;
    set_times(o);
    draft_ref(&o->draft, o->flow, "src_ref", src, false);
    draft_ref(&o->draft, o->flow, "dst_ref", dst, false);
    if (!set_icmp(o)) {
        set_port(o, "src_port", e->src_port);
        set_port(o, "dst_port", e->dst_port);
    }
    set_protocols(o);
    if (!o->folded) return;
    other_ends(o, "src_ref", ROLE_SRC, src);
    other_ends(o, "dst_ref", ROLE_DST, dst);
}
