/* Reading: base/yaml.h narrows the file and gives positions, libcyaml loads it by the schema below as texts only, and
 * the checks of meaning turn texts into a struct agreement. */
#include <sodium.h>

#include "base/encode.h"
#include "policy/agreement.h"
#include "policy/rule_read.h"

/* ---- the file as it stands ---- */

struct raw_member {
    char *id, *name, *identity;
};
struct raw_party {
    char *id, *name, *key, *country;
    struct raw_member *members;
    unsigned members_count;
};
struct raw_sightings {
    char *returns, *name_member;
};
struct raw_return {
    char *returns;
};
struct raw_direction {
    char *from, *to, *no_tlp;
    struct raw_rule *rules, *onward;
    unsigned rules_count, onward_count;
    struct raw_sightings *sightings;
    struct raw_return *opinions, *requests;
};
struct raw_marking {
    char *id, *name;
};
struct raw_obligation {
    char *clause, *duty, *within, *every, *text, **parties;
    unsigned parties_count;
};
struct raw_agreement {
    char *renkei, *title, *predecessor, *effective, *ends, *review;
    struct raw_party *parties;
    struct raw_marking *markings;
    struct raw_purpose *purpose;
    struct raw_direction *release;
    struct raw_obligation *obligations;
    unsigned parties_count, markings_count, release_count, obligations_count;
};

static const cyaml_schema_field_t sightings_fields[] = {TEXT("return", struct raw_sightings, returns),
                                                        TEXT("name_member", struct raw_sightings, name_member),
                                                        CYAML_FIELD_END};
static const cyaml_schema_field_t return_fields[] = {TEXT("return", struct raw_return, returns), CYAML_FIELD_END};

static const cyaml_schema_field_t direction_fields[] = {
    TEXT("from", struct raw_direction, from),
    TEXT("to", struct raw_direction, to),
    TEXT("no_tlp", struct raw_direction, no_tlp),
    LIST_OR_NONE("rules", struct raw_direction, rules, &rule_schema, POLICY_RULES_MAX),
    LIST("onward", struct raw_direction, onward, &rule_schema, POLICY_RULES_MAX),
    PART("sightings", struct raw_direction, sightings, sightings_fields),
    PART("opinions", struct raw_direction, opinions, return_fields),
    PART("requests", struct raw_direction, requests, return_fields),
    CYAML_FIELD_END};
static const cyaml_schema_value_t direction_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_direction, direction_fields)};

static const cyaml_schema_field_t member_fields[] = {TEXT("id", struct raw_member, id),
                                                     TEXT("name", struct raw_member, name),
                                                     TEXT("identity", struct raw_member, identity), CYAML_FIELD_END};
static const cyaml_schema_value_t member_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_member, member_fields)};

static const cyaml_schema_field_t party_fields[] = {
    TEXT("id", struct raw_party, id),
    TEXT("name", struct raw_party, name),
    TEXT("key", struct raw_party, key),
    TEXT("country", struct raw_party, country),
    LIST("members", struct raw_party, members, &member_schema, AGREEMENT_MEMBERS_MAX),
    CYAML_FIELD_END};
static const cyaml_schema_value_t party_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_party, party_fields)};

static const cyaml_schema_field_t marking_fields[] = {TEXT("id", struct raw_marking, id),
                                                      TEXT("name", struct raw_marking, name), CYAML_FIELD_END};
static const cyaml_schema_value_t marking_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_marking, marking_fields)};

static const cyaml_schema_field_t obligation_fields[] = {
    TEXT("clause", struct raw_obligation, clause),
    TEXT("duty", struct raw_obligation, duty),
    TEXT("within", struct raw_obligation, within),
    TEXT("every", struct raw_obligation, every),
    TEXT("text", struct raw_obligation, text),
    LIST("parties", struct raw_obligation, parties, &reading_text_schema, AGREEMENT_PARTIES_MAX),
    CYAML_FIELD_END};
static const cyaml_schema_value_t obligation_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_obligation, obligation_fields)};

static const cyaml_schema_field_t agreement_fields[] = {
    TEXT("renkei", struct raw_agreement, renkei),
    TEXT("title", struct raw_agreement, title),
    TEXT("predecessor", struct raw_agreement, predecessor),
    TEXT("effective", struct raw_agreement, effective),
    TEXT("ends", struct raw_agreement, ends),
    TEXT("review", struct raw_agreement, review),
    LIST("parties", struct raw_agreement, parties, &party_schema, AGREEMENT_PARTIES_MAX),
    LIST("markings", struct raw_agreement, markings, &marking_schema, AGREEMENT_MARKINGS_MAX),
    PART("purpose", struct raw_agreement, purpose, purpose_fields),
    LIST("release", struct raw_agreement, release, &direction_schema,
         AGREEMENT_PARTIES_MAX *(AGREEMENT_PARTIES_MAX - 1)),
    LIST("obligations", struct raw_agreement, obligations, &obligation_schema, AGREEMENT_OBLIGATIONS_MAX),
    CYAML_FIELD_END};
static const cyaml_schema_value_t agreement_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_agreement, agreement_fields)};

struct agreement_reading {
    struct reading r;
    struct agreement *g;
};

/* ---- parties ---- */

static enum err country_read(struct reading *r, const struct path *where, const struct raw_party *raw,
                             struct agreement_party *out) {
    struct path at = path_of(where, ".country");
    if (!raw->country) return ERR_NONE;
    if (strlen(raw->country) != 3 || strspn(raw->country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        return fault(r, &at, "`country` is three capital letters (ISO 3166-1 alpha-3), for example JPN");
    out->country = arena_copy(r->a, span_cstr(raw->country));
    return out->country.at ? ERR_NONE : reading_no_memory(r);
}

static enum err member_read(struct reading *r, const struct path *where, const struct raw_member *raw,
                            struct agreement_member *out) {
    struct path id = path_of(where, ".id"), name = path_of(where, ".name"), identity = path_of(where, ".identity");
    if (!agreement_party_id_valid(span_cstr(raw->id)))
        return fault(r, &id, "a member's id is 2 to %d of A-Z, 0-9 and -, not beginning with -",
                     AGREEMENT_PARTY_ID_MAX);
    enum err e = reading_text(r, &id, raw->id, "a member's id", AGREEMENT_PARTY_ID_MAX, &out->id);
    if (!e) e = reading_text(r, &name, raw->name, "the member's `name`", POLICY_TEXT_MAX, &out->name);
    if (e || !raw->identity) return e;
    if (!span_starts(span_cstr(raw->identity), SPAN("identity--")))
        return fault(r, &identity, "`identity` is the id of a STIX identity: identity--UUID");
    return reading_text(r, &identity, raw->identity, "the member's `identity`", POLICY_TEXT_MAX, &out->identity);
}

static enum err members_read(struct reading *r, const struct path *where, const struct raw_party *raw,
                             struct agreement_party *out) {
    struct path top = path_of(where, ".members");
    struct agreement_member *members = arena_zalloc(r->a, raw->members_count, sizeof *members);
    if (raw->members_count && !members) return reading_no_memory(r);
    for (unsigned i = 0; i < raw->members_count; i++) {
        struct path at = path_of(&top, "[%u]", i);
        enum err e = member_read(r, &at, &raw->members[i], &members[i]);
        if (e) return e;
        for (unsigned k = 0; k < i; k++)
            if (span_equal(members[k].id, members[i].id))
                return fault(r, &at, "the member %.*s is listed twice", SPAN_ARG(members[i].id));
    }
    out->members = members;
    out->member_count = raw->members_count;
    return ERR_NONE;
}

static enum err party_read(struct reading *r, const struct path *where, const struct raw_party *raw,
                           struct agreement_party *out, const struct agreement_party *before, size_t count) {
    struct path at = path_of(where, ".id");
    struct span id = span_cstr(raw->id);
    if (!id.len) return fault(r, where, "this party has no `id`, for example JP-MOD");
    if (!agreement_party_id_valid(id))
        return fault(r, &at, "a party's id is 2 to %d of A-Z, 0-9 and -, not beginning with -", AGREEMENT_PARTY_ID_MAX);
    enum err e = reading_text(r, &at, raw->id, "a party's id", AGREEMENT_PARTY_ID_MAX, &out->id);
    if (!e)
        e = (at = path_of(where, ".name"),
             reading_text(r, &at, raw->name, "the party's `name`", POLICY_TEXT_MAX, &out->name));
    if (!e) e = (at = path_of(where, ".key"), reading_key(r, &at, raw->key, out->key));
    for (size_t i = 0; !e && i < count; i++) {
        if (span_equal(before[i].id, out->id))
            e = (at = path_of(where, ".id"), fault(r, &at, "the party %.*s is listed twice", SPAN_ARG(out->id)));
        else if (memcmp(before[i].key, out->key, AGREEMENT_KEY_SIZE) == 0)
            e = (at = path_of(where, ".key"),
                 fault(r, &at, "this is %.*s's key: every party has its own", SPAN_ARG(before[i].id)));
    }
    if (!e) e = country_read(r, where, raw, out);
    return e ? e : members_read(r, where, raw, out);
}

static enum err parties_read(struct agreement_reading *ar, const struct raw_agreement *raw) {
    struct reading *r = &ar->r;
    struct path top = path_of(NULL, "parties");
    if (raw->parties_count < 2)
        return fault(r, &top, raw->parties_count ? "an agreement has at least two parties" : "`parties` is missing");
    struct agreement_party *parties = arena_zalloc(r->a, raw->parties_count, sizeof *parties);
    if (!parties) return reading_no_memory(r);
    for (unsigned i = 0; i < raw->parties_count; i++) {
        struct path at = path_of(&top, "[%u]", i);
        enum err e = party_read(r, &at, &raw->parties[i], &parties[i], parties, i);
        if (e) return e;
    }
    ar->g->parties = parties;
    ar->g->party_count = raw->parties_count;
    struct span *ids = arena_zalloc(r->a, raw->parties_count, sizeof *ids);
    if (!ids) return reading_no_memory(r);
    for (unsigned i = 0; i < raw->parties_count; i++) ids[i] = parties[i].id;
    r->parties = ids;
    r->party_count = raw->parties_count;
    return ERR_NONE;
}

/* ---- markings that it recognises, obligations ---- */

static enum err markings_read(struct agreement_reading *ar, const struct raw_agreement *raw) {
    struct reading *r = &ar->r;
    struct path top = path_of(NULL, "markings");
    struct policy_named_marking *all = arena_zalloc(r->a, raw->markings_count, sizeof *all);
    if (raw->markings_count && !all) return reading_no_memory(r);
    for (unsigned i = 0; i < raw->markings_count; i++) {
        struct path at = path_of(&top, "[%u]", i), id = path_of(&at, ".id"), name = path_of(&at, ".name");
        enum stix_tlp level;
        enum err e = reading_text(r, &id, raw->markings[i].id, "the marking's `id`", POLICY_TEXT_MAX, &all[i].id);
        if (!e)
            e = reading_text(r, &name, raw->markings[i].name, "the marking's `name`", POLICY_TEXT_MAX, &all[i].name);
        if (e) return e;
        if (!span_starts(all[i].id, SPAN("marking-definition--")) || all[i].id.len != 20 + 36)
            return fault(r, &id, "a marking's id is marking-definition--UUID");
        if (stix_marking_builtin(all[i].id, &level))
            return fault(r, &id, "this is a TLP marking: rules name it by its level, under `tlp`");
        for (unsigned k = 0; k < i; k++)
            if (span_equal_nocase(all[k].id, all[i].id) || span_equal_nocase(all[k].name, all[i].name))
                return fault(r, &at, "this marking, or its name, is listed twice");
    }
    ar->g->markings = r->markings = all;
    ar->g->marking_count = r->marking_count = raw->markings_count;
    return ERR_NONE;
}

static const char *const duty_names[] = {
#define X(name, word) word,
    AGREEMENT_DUTIES(X)
#undef X
};

const char *agreement_duty_name(enum agreement_duty duty) {
    return (unsigned)duty < AGREEMENT_DUTY_COUNT ? duty_names[duty] : "";
}

static enum err obligation_read(struct reading *r, const struct path *where, const struct raw_obligation *raw,
                                struct agreement_obligation *out) {
    struct path duty = path_of(where, ".duty"), within = path_of(where, ".within"), every = path_of(where, ".every"),
                text = path_of(where, ".text"), parties = path_of(where, ".parties");
    enum err e = reading_clause(r, where, raw->clause, &out->clause);
    if (e) return e;
    for (out->duty = 0; out->duty < AGREEMENT_DUTY_COUNT; out->duty++)
        if (raw->duty && strcmp(raw->duty, duty_names[out->duty]) == 0) break;
    if (out->duty == AGREEMENT_DUTY_COUNT)
        return fault(r, &duty,
                     "`duty` is one of: report-sightings, confirm-withdrawals, confirm-erasures, answer-requests, "
                     "share, consult, exercise, train, review");
    e = reading_span(r, &within, raw->within, "within", &out->within);
    if (!e) e = reading_span(r, &every, raw->every, "every", &out->every);
    if (!e && raw->text) e = reading_text(r, &text, raw->text, "`text`", POLICY_WHEN_MAX, &out->text);
    if (!e && raw->parties_count)
        e = reading_parties(r, &parties, raw->parties, raw->parties_count, &out->parties, &out->party_count);
    return e;
}

static enum err obligations_read(struct agreement_reading *ar, const struct raw_agreement *raw) {
    struct reading *r = &ar->r;
    struct path top = path_of(NULL, "obligations");
    struct agreement_obligation *all = arena_zalloc(r->a, raw->obligations_count, sizeof *all);
    if (raw->obligations_count && !all) return reading_no_memory(r);
    for (unsigned i = 0; i < raw->obligations_count; i++) {
        struct path at = path_of(&top, "[%u]", i);
        enum err e = obligation_read(r, &at, &raw->obligations[i], &all[i]);
        if (e) return e;
    }
    ar->g->obligations = all;
    ar->g->obligation_count = raw->obligations_count;
    return ERR_NONE;
}

/* ---- directions ---- */

static enum err end_read(struct agreement_reading *ar, const struct path *where, const char *key, const char *raw,
                         struct span *out) {
    struct reading *r = &ar->r;
    struct path at = path_of(where, ".%s", key);
    if (!raw || !*raw) return fault(r, where, "this direction has no `%s`", key);
    const struct agreement_party *party = agreement_party(ar->g, span_cstr(raw));
    if (!party) return fault(r, &at, "\"%.40s\" is not listed under `parties`", raw);
    *out = party->id;
    return ERR_NONE;
}

static enum err no_tlp_read(struct reading *r, const struct path *where, const char *raw,
                            struct agreement_direction *out) {
    struct path at = path_of(where, ".no_tlp");
    if (!raw)
        return fault(r, where,
                     "this direction must say what an object without TLP counts as: no_tlp: withhold or a TLP level");
    out->no_tlp_withhold = strcmp(raw, "withhold") == 0;
    return out->no_tlp_withhold ? ERR_NONE : reading_tlp(r, &at, raw, ", or withhold", &out->no_tlp);
}

static enum err return_read(struct reading *r, const struct path *where, const char *key, const struct raw_return *raw,
                            struct agreement_direction *out, bool *returns, struct span *clause) {
    struct path top = path_of(where, ".%s", key), back = path_of(&top, ".return");
    *clause = arena_printf(r->a, "%s %.*s→%.*s", key, SPAN_ARG(out->from), SPAN_ARG(out->to));
    if (!clause->at) return reading_no_memory(r);
    if (!raw) return ERR_NONE;
    if (!raw->returns) return fault(r, &top, "`%s` needs return: true or return: false", key);
    return reading_truth(r, &back, raw->returns, "`return`", returns);
}

static enum err sightings_read(struct reading *r, const struct path *where, const struct raw_sightings *raw,
                               struct agreement_direction *out) {
    struct path named = path_of(where, ".sightings.name_member");
    struct raw_return returns = {raw ? raw->returns : NULL};
    enum err e =
        return_read(r, where, "sightings", raw ? &returns : NULL, out, &out->sightings_return, &out->sightings_clause);
    if (!e && raw && raw->name_member)
        e = reading_truth(r, &named, raw->name_member, "`name_member`", &out->sightings_name_member);
    if (!e && out->sightings_name_member && !out->sightings_return)
        e = fault(r, &named, "`name_member: true` means nothing while no sightings return");
    return e;
}

/* Whether the key stands in the file at all; an empty list leaves no other trace. */
static bool stated(struct reading *r, const struct path *where, const char *key) {
    struct path at = path_of(where, "%s", key);
    uint64_t line, column, above_line, above_column;
    yaml_place(r->places, at.text, &line, &column);
    yaml_place(r->places, where->text, &above_line, &above_column);
    return line != above_line || column != above_column;
}

static enum err direction_rules_read(struct reading *r, const struct path *where, const struct raw_direction *raw,
                                     struct agreement_direction *out) {
    struct path rules = path_of(where, ".rules"), onward = path_of(where, ".onward");
    if (!raw->rules_count && !stated(r, where, ".rules"))
        return fault(r, where, "this direction has no `rules`; leave it out if it releases nothing");
    if (!policy_words_begin(&r->words, r->a)) return reading_no_memory(r);
    enum err e = rules_read(r, &rules, raw->rules, raw->rules_count, RULE_OF_RELEASE, &out->rules);
    if (!e) e = rules_read(r, &onward, raw->onward, raw->onward_count, RULE_ONWARD, &out->onward);
    return !e && !policy_words_end(&r->words, &out->words) ? reading_no_memory(r) : e;
}

static enum err direction_read(struct agreement_reading *ar, const struct path *where, const struct raw_direction *raw,
                               struct agreement_direction *out) {
    struct reading *r = &ar->r;
    enum err e = end_read(ar, where, "from", raw->from, &out->from);
    if (!e) e = end_read(ar, where, "to", raw->to, &out->to);
    if (e) return e;
    struct path to = path_of(where, ".to");
    if (span_equal(out->from, out->to)) return fault(r, &to, "a direction leads from one party to another");
    if (agreement_direction(ar->g, out->from, out->to))
        return fault(r, where, "the direction from %.*s to %.*s is listed twice", SPAN_ARG(out->from),
                     SPAN_ARG(out->to));
    e = no_tlp_read(r, where, raw->no_tlp, out);
    if (!e) e = direction_rules_read(r, where, raw, out);
    if (!e) e = sightings_read(r, where, raw->sightings, out);
    if (!e) e = return_read(r, where, "opinions", raw->opinions, out, &out->opinions_return, &out->opinions_clause);
    if (!e) e = return_read(r, where, "requests", raw->requests, out, &out->requests_return, &out->requests_clause);
    return e;
}

static enum err directions_read(struct agreement_reading *ar, const struct raw_agreement *raw) {
    struct reading *r = &ar->r;
    struct path top = path_of(NULL, "release");
    if (!raw->release_count) return fault(r, &top, "`release` is missing: an agreement says what it releases");
    struct agreement_direction *directions = arena_zalloc(r->a, raw->release_count, sizeof *directions);
    if (!directions) return reading_no_memory(r);
    ar->g->directions = directions;
    for (unsigned i = 0; i < raw->release_count; i++) {
        struct path at = path_of(&top, "[%u]", i);
        enum err e = direction_read(ar, &at, &raw->release[i], &directions[i]);
        if (e) return e;
        ar->g->direction_count = i + 1;
    }
    return ERR_NONE;
}

/* ---- the whole ---- */

static enum err head_read(struct agreement_reading *ar, const struct raw_agreement *raw) {
    struct reading *r = &ar->r;
    struct path renkei = path_of(NULL, "renkei"), title = path_of(NULL, "title"),
                predecessor = path_of(NULL, "predecessor"), effective = path_of(NULL, "effective"),
                ends = path_of(NULL, "ends"), review = path_of(NULL, "review");
    if (!raw->renkei)
        return fault(r, &renkei, "the line \"renkei: agreement/v1\" is missing: it says which rules the file follows");
    if (strcmp(raw->renkei, "agreement/v1") != 0)
        return fault(r, &renkei, "this version of Renkei reads agreement/v1, not \"%.40s\"", raw->renkei);
    enum err e = reading_text(r, &title, raw->title, "`title`", POLICY_TEXT_MAX, &ar->g->title);
    if (e) return e;
    ar->g->has_predecessor = raw->predecessor != NULL;
    if (raw->predecessor && !hex_read(span_cstr(raw->predecessor), ar->g->predecessor.b, SHA256_SIZE))
        return fault(r, &predecessor, "`predecessor` must be the 64 hexadecimal digits of the version it amends");
    e = reading_time(r, &effective, raw->effective, "effective", false, &ar->g->effective);
    if (!e) e = reading_time(r, &ends, raw->ends, "ends", true, &ar->g->ends);
    if (!e && ar->g->ends <= ar->g->effective) e = fault(r, &ends, "`ends` must be later than `effective`");
    ar->g->review = TIME_NONE;
    if (!e && raw->review) e = reading_time(r, &review, raw->review, "review", false, &ar->g->review);
    if (!e && raw->review && (ar->g->review < ar->g->effective || ar->g->review > ar->g->ends))
        e = fault(r, &review, "`review` lies between `effective` and `ends`");
    return e;
}

static enum err read_checked(struct agreement_reading *ar, struct span text) {
    struct reading *r = &ar->r;
    void *loaded = NULL;
    enum err e = yaml_load(text, &agreement_schema, &loaded, r->d);
    if (e) return e;
    const struct raw_agreement *raw = loaded;
    struct path top = {""};
    if (!raw) e = fault(r, &top, "the file holds no agreement");
    if (!e) e = head_read(ar, raw);
    if (!e) e = parties_read(ar, raw);
    if (!e) e = markings_read(ar, raw);
    if (!e) e = purpose_read(r, &top, raw->purpose, &ar->g->purpose);
    if (!e) e = directions_read(ar, raw);
    if (!e) e = obligations_read(ar, raw);
    yaml_unload(&agreement_schema, loaded);
    return e;
}

enum err agreement_read(struct arena *a, struct span text, struct agreement **out, struct diag *d) {
    struct agreement_reading ar = {.r = {.a = a, .d = d}};
    struct yaml_places *places = NULL;
    *out = NULL;
    if (text.len > AGREEMENT_SIZE_MAX)
        return diag_set(d, ERR_LIMIT, "an agreement of %zu bytes: %d are allowed", text.len, AGREEMENT_SIZE_MAX);
    enum err e = yaml_check(a, text, &places, d);
    if (!e) e = reading_nul_refused(text, d);
    if (e) return e;
    ar.r.places = places;
    ar.g = arena_zalloc(a, 1, sizeof *ar.g);
    if (!ar.g) return reading_no_memory(&ar.r);
    ar.g->text = text;
    ar.g->hash = sha256_of(text);
    map_init(&ar.r.clauses);
    e = read_checked(&ar, text);
    map_free(&ar.r.clauses);
    if (!e) *out = ar.g;
    return e;
}
