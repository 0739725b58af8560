#include "detect/observation.h"

#include "base/hash.h"
#include "detect/normalise.h"
#include "detect/observation_event.h"
#include "stix/id.h"
#include "json/write.h"

/* ---- values ---- */

/* The address in `Some One <some@where>`. */
static struct span bare_email(struct span text) {
    size_t open = span_find_char(text, '<');
    if (open != SIZE_MAX) {
        text = span_from(text, open + 1);
        size_t close = span_find_char(text, '>');
        if (close != SIZE_MAX) text = span_first(text, close);
    }
    if (span_equal_nocase(span_first(text, 7), SPAN("mailto:"))) text = span_from(text, 7);
    return span_trim(text);
}

struct span observed_text(struct observing *o, const struct observable *observable) {
    char text[ADDRESS_TEXT_SIZE];
    switch (observable->kind) {
    case ATOM_ADDRESS:
        if (!o->folded) return observable->raw;
        return arena_copy(o->draft.arena, span_cstr(address_format(&observable->address, text)));
    case ATOM_HASH:
        return o->folded || memchr(observable->raw.at, ':', observable->raw.len) ? observable->key : observable->raw;
    case ATOM_EMAIL:
        return o->folded ? observable->key : bare_email(observable->raw);
    default:
        return o->folded ? observable->key : observable->raw;
    }
}

const char *observed_hash_name(const struct observable *observable) {
    switch (observable->key.len) {
    case 32:
        return "MD5";
    case 40:
        return "SHA-1";
    case 64:
        return "SHA-256";
    default:
        return "SHA-512";
    }
}

static void set_hash(struct observing *o, struct draft_object *object, const struct observable *observable) {
    struct span keys[] = {SPAN("hashes"), span_cstr(observed_hash_name(observable))};
    draft_set(&o->draft, object, keys, 2, DRAFT_TEXT, false, observed_text(o, observable));
}

/* "Some One" <some@where>: the name is worth keeping. */
static void set_display_name(struct observing *o, struct draft_object *object, const struct observable *observable) {
    size_t open = observable->raw.len ? span_find_char(observable->raw, '<') : SIZE_MAX;
    if (open == SIZE_MAX) return;
    struct span name = span_trim(span_first(observable->raw, open));
    if (name.len > 1 && name.at[0] == '"' && name.at[name.len - 1] == '"') name = span_of(name.at + 1, name.len - 2);
    draft_text(&o->draft, object, "display_name", name);
}

/* A digest without a field's name may be of anything: with folding it is looked up as all of it. */
static void lone_hash(struct observing *o, const struct observable *observable) {
    static const char *const types[] = {"file", "x509-certificate", "artifact"};
    for (size_t i = 0; i < (o->folded ? 3 : 1); i++)
        set_hash(o, draft_object(&o->draft, types[i], RANK_FILE), observable);
}

static struct draft_object *value_object(struct observing *o, const struct observable *observable) {
    struct span text = observed_text(o, observable);
    bool v4 = o->folded ? observable->address.v4 : span_find_char(text, ':') == SIZE_MAX;
    struct draft_object *object = NULL;
    switch (observable->kind) {
    case ATOM_ADDRESS:
        return draft_value(&o->draft, v4 ? "ipv4-addr" : "ipv6-addr", text);
    case ATOM_DOMAIN:
        return draft_value(&o->draft, "domain-name", text);
    case ATOM_URL:
        return draft_value(&o->draft, "url", text);
    case ATOM_EMAIL:
        object = draft_value(&o->draft, "email-addr", text);
        set_display_name(o, object, observable);
        return object;
    case ATOM_HASH:
        if (observable->root == ROOT_COUNT) lone_hash(o, observable);
        return NULL;
    default:
        return NULL; /* part of a file or request */
    }
}

static void make_values(struct observing *o) {
    const struct detect_event *e = o->event;
    o->values = arena_zalloc(o->draft.arena, e->count ? e->count : 1, sizeof(struct draft_object *));
    if (!o->values) return;
    for (uint32_t i = 0; i < e->count; i++) o->values[i] = value_object(o, &e->observables[i]);
}

/* ---- facts ---- */

void observe_property(struct observing *o, struct draft_object *object, const struct event_fact *fact) {
    const struct field_target_row *target = &field_targets[fact->target];
    enum { EXACT_INTEGER_BITS = 53 }; /* §2.10 */
    uint64_t number;
    time_us time;
    switch (target->value) {
    case VALUE_TEXT:
        draft_text(&o->draft, object, target->property,
                   o->folded
                       ? observation_fold(o->draft.arena, span_of(NULL, 0), span_cstr(target->property), fact->text)
                       : fact->text);
        return;
    case VALUE_INTEGER:
        if (span_u64(fact->text, &number) && number >> EXACT_INTEGER_BITS == 0)
            draft_raw(&o->draft, object, target->property,
                      arena_printf(o->draft.arena, "%llu", (unsigned long long)number));
        return;
    case VALUE_TIME:
        if (field_time(fact->text, o->event->zone_us, &time)) draft_time(&o->draft, object, target->property, time);
        return;
    }
}

/* "00-0C-29-AA-BB-CC" as §6.10 wants it; others are left out. */
static void mac(struct observing *o, struct span text) {
    enum { MAC_LENGTH = 17 };
    static const char hex[] = "0123456789abcdef";
    char *out = text.len == MAC_LENGTH ? arena_alloc(o->draft.arena, MAC_LENGTH) : NULL;
    if (!out) return;
    for (size_t i = 0; i < MAC_LENGTH; i++) {
        char c = text.at[i] >= 'A' && text.at[i] <= 'F' ? (char)(text.at[i] | 0x20) : text.at[i];
        bool colon = i % 3 == 2;
        if (colon ? c != ':' && c != '-' : !memchr(hex, c, 16)) return;
        out[i] = colon ? ':' : c;
    }
    draft_value(&o->draft, "mac-addr", span_of(out, MAC_LENGTH));
}

static void resolve(struct observing *o, struct draft_object *name, const struct event_fact *fact) {
    if (!name) return;
    for (uint32_t i = fact->first; i < fact->first + fact->count; i++)
        draft_ref(&o->draft, name, "resolves_to_refs", o->values[i], true);
}

static void value_fact(struct observing *o, const struct event_fact *fact) {
    switch (fact->target) {
    case TO_QUERY:
        o->query = fact->count ? o->values[fact->first] : NULL;
        if (o->query && strcmp(o->query->type, "domain-name") != 0) o->query = NULL;
        if (!o->first_query) o->first_query = o->query;
        return;
    case TO_ANSWER:
        resolve(o, o->query, fact);
        return;
    case TO_GROUPED:
        resolve(o, o->first_query, fact);
        return;
    case TO_MAC:
        mac(o, fact->text);
        return;
    default:
        return; /* the value is there already */
    }
}

static void take_fact(struct observing *o, const struct event_fact *fact) {
    if (fact->target == TO_PROPERTY) {
        observe_path(o, span_cstr(fact->key), fact->text);
        return;
    }
    switch (field_targets[fact->target].object) {
    case TARGET_NONE:
        return;
    case TARGET_VALUE:
        value_fact(o, fact);
        return;
    case TARGET_FLOW:
    case TARGET_REQUEST:
        observe_flow_fact(o, fact);
        return;
    case TARGET_FILE:
        observe_file_fact(o, fact);
        return;
    case TARGET_CERTIFICATE:
        observe_certificate_fact(o, fact);
        return;
    case TARGET_MESSAGE:
        observe_message_fact(o, fact);
        return;
    case TARGET_ACCOUNT:
        observe_account_fact(o, fact);
        return;
    case TARGET_SOFTWARE:
        observe_software_fact(o, fact);
        return;
    }
}

static void observe(struct observing *o) {
    make_values(o);
    if (!o->values) return;
    for (uint32_t i = 0; i < o->event->fact_count; i++) take_fact(o, &o->event->facts[i]);
    observe_finish_file(o);
    observe_finish_flow(o);
    observe_finish_message(o);
    observe_finish_account(o);
}

enum err event_observation(const struct detect_event *event, bool folded, struct arena *a,
                           struct pattern_observation *out, struct diag *d) {
    if (event->given && folded) return observation_fold_given(event->given, a, out, d);
    if (event->given) {
        *out = *event->given;
        return ERR_NONE;
    }
    struct observing o = {.event = event, .folded = folded, .start = TIME_NONE, .end = TIME_NONE};
    struct pattern_object *objects = NULL;
    draft_begin(&o.draft, a, folded, event->count);
    *out = (struct pattern_observation){.number_observed = 1};
    observe(&o);
    if (!draft_write(&o.draft, &objects, &out->object_count))
        return diag_set(d, ERR_NOMEM, "out of memory for observed-data");
    out->objects = objects;
    out->first_observed = out->last_observed = event->time;
    if (o.start != TIME_NONE && o.end != TIME_NONE && o.start <= o.end) {
        out->first_observed = o.start;
        out->last_observed = o.end;
    }
    return ERR_NONE;
}

/* ---- as STIX ---- */

/* A UUIDv4's spelling of what makes the observation: nobody else makes the same by accident. */
static void observed_data_id(const struct observed_by *by, const struct pattern_observation *seen,
                             char id[STIX_ID_SIZE]) {
    struct sha256 of_objects = sha256_of(seen->object_count ? seen->objects[0].value.doc->source : span_of(NULL, 0));
    struct span parts[] = {by->identity,
                           SPAN("\n"),
                           by->key,
                           SPAN("\n"),
                           span_of(of_objects.b, sizeof of_objects.b),
                           span_of(&seen->first_observed, sizeof seen->first_observed)};
    struct sha256 hash = sha256_of_parts(parts, sizeof parts / sizeof *parts);
    stix_id_from_hmac(&hash, SPAN("observed-data"), id);
}

static void write_observed_data(const struct pattern_observation *seen, const struct observed_by *by, struct buf *out) {
    char id[STIX_ID_SIZE];
    time_us first = seen->first_observed == TIME_NONE ? by->otherwise : seen->first_observed;
    time_us last = seen->last_observed == TIME_NONE ? first : seen->last_observed;
    struct json_writer w = json_writer(out);
    observed_data_id(by, seen, id);
    json_begin_object(&w);
    json_member_cstr(&w, "type", "observed-data");
    json_member_cstr(&w, "spec_version", "2.1");
    json_member_cstr(&w, "id", id);
    if (by->identity.len) json_member(&w, "created_by_ref", by->identity);
    json_member_time(&w, "created", last);
    json_member_time(&w, "modified", last);
    json_member_time(&w, "first_observed", first);
    json_member_time(&w, "last_observed", last);
    json_member_number(&w, "number_observed", seen->number_observed);
    json_key(&w, "object_refs");
    json_begin_array(&w);
    for (uint32_t i = 0; i < seen->object_count; i++) json_string(&w, seen->objects[i].id);
    json_end_array(&w);
    json_end_object(&w);
    buf_add_char(out, '\n');
}

enum err event_write_observed_data(const struct detect_event *event, const struct observed_by *by, struct arena *a,
                                   struct buf *out, uint32_t *objects, struct diag *d) {
    struct pattern_observation seen;
    *objects = 0;
    if (event->given) return ERR_NONE; /* is observed-data already */
    enum err error = event_observation(event, false, a, &seen, d);
    if (error || seen.object_count == 0) return error;
    for (uint32_t i = 0; i < seen.object_count; i++) {
        buf_add(out, json_raw(seen.objects[i].value));
        buf_add_char(out, '\n');
    }
    write_observed_data(&seen, by, out);
    *objects = seen.object_count;
    return buf_ok(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "out of memory for observed-data");
}
