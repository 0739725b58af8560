/* Reading: base/yaml.h narrows the file and gives positions, libcyaml loads it by the schema below as texts only, and
 * the checks of meaning turn texts into a struct agreement. Texts only, because then every mistake in a value is found
 * here and can be told with its line and with what would be right. */
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/encode.h"
#include "base/map.h"
#include "base/yaml.h"
#include "policy/agreement.h"
#include "stix/marking.h"
#include "stix/schema.h"

enum { PATH_SIZE = 96 };

/* ---- the file as it stands
 * --------------------------------------------------------------------------------------------- */

struct raw_labels {
    char **any, **none;
    unsigned any_count, none_count;
};
struct raw_confidence {
    char *min, *absent;
};
struct raw_rule {
    char *clause, *outcome;
    char **types, **tlp;
    unsigned types_count, tlp_count;
    struct raw_labels *labels;
    struct raw_confidence *confidence;
};
struct raw_sightings {
    char *returns, *name_member;
};
struct raw_direction {
    char *from, *to, *no_tlp;
    struct raw_rule *rules;
    unsigned rules_count;
    struct raw_sightings *sightings;
};
struct raw_party {
    char *id, *name, *key;
};
struct raw_agreement {
    char *renkei, *title, *predecessor, *effective, *ends;
    struct raw_party *parties;
    struct raw_direction *release;
    unsigned parties_count, release_count;
};

/* An empty list would read as "no condition" although it says "nothing": at least one item. */
#define TEXT(key, type, member)                                                                                        \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 0, CYAML_UNLIMITED)
#define LIST(key, type, member, entry, max)                                                                            \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, entry, 1, max)
#define PART(key, type, member, fields)                                                                                \
    CYAML_FIELD_MAPPING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, fields)

static const cyaml_schema_value_t text_schema = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};

static const cyaml_schema_field_t labels_fields[] = {
    LIST("any", struct raw_labels, any, &text_schema, AGREEMENT_ITEMS_MAX),
    LIST("none", struct raw_labels, none, &text_schema, AGREEMENT_ITEMS_MAX), CYAML_FIELD_END};

static const cyaml_schema_field_t confidence_fields[] = {
    TEXT("min", struct raw_confidence, min), TEXT("absent", struct raw_confidence, absent), CYAML_FIELD_END};

static const cyaml_schema_field_t rule_fields[] = {
    TEXT("clause", struct raw_rule, clause),
    TEXT("outcome", struct raw_rule, outcome),
    LIST("types", struct raw_rule, types, &text_schema, AGREEMENT_ITEMS_MAX),
    LIST("tlp", struct raw_rule, tlp, &text_schema, AGREEMENT_ITEMS_MAX),
    PART("labels", struct raw_rule, labels, labels_fields),
    PART("confidence", struct raw_rule, confidence, confidence_fields),
    CYAML_FIELD_END};
static const cyaml_schema_value_t rule_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_rule, rule_fields)};

static const cyaml_schema_field_t sightings_fields[] = {TEXT("return", struct raw_sightings, returns),
                                                        TEXT("name_member", struct raw_sightings, name_member),
                                                        CYAML_FIELD_END};

static const cyaml_schema_field_t direction_fields[] = {
    TEXT("from", struct raw_direction, from),
    TEXT("to", struct raw_direction, to),
    TEXT("no_tlp", struct raw_direction, no_tlp),
    LIST("rules", struct raw_direction, rules, &rule_schema, AGREEMENT_RULES_MAX),
    PART("sightings", struct raw_direction, sightings, sightings_fields),
    CYAML_FIELD_END};
static const cyaml_schema_value_t direction_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_direction, direction_fields)};

static const cyaml_schema_field_t party_fields[] = {TEXT("id", struct raw_party, id),
                                                    TEXT("name", struct raw_party, name),
                                                    TEXT("key", struct raw_party, key), CYAML_FIELD_END};
static const cyaml_schema_value_t party_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_party, party_fields)};

static const cyaml_schema_field_t agreement_fields[] = {
    TEXT("renkei", struct raw_agreement, renkei),
    TEXT("title", struct raw_agreement, title),
    TEXT("predecessor", struct raw_agreement, predecessor),
    TEXT("effective", struct raw_agreement, effective),
    TEXT("ends", struct raw_agreement, ends),
    LIST("parties", struct raw_agreement, parties, &party_schema, AGREEMENT_PARTIES_MAX),
    LIST("release", struct raw_agreement, release, &direction_schema,
         AGREEMENT_PARTIES_MAX *(AGREEMENT_PARTIES_MAX - 1)),
    CYAML_FIELD_END};
static const cyaml_schema_value_t agreement_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_agreement, agreement_fields)};

/* ---- checks of meaning
 * ----------------------------------------------------------------------------------------------- */

struct reading {
    struct arena *a;
    const struct yaml_places *places;
    struct agreement *g;
    struct map clauses; /* clause → 1 */
    struct diag *d;
};

/* Where in the file: grown and cut back as the checks walk down. */
struct path {
    char text[PATH_SIZE];
};

static struct path path_of(const struct path *above, const char *format, ...) __attribute__((format(printf, 2, 3)));
static struct path path_of(const struct path *above, const char *format, ...) {
    struct path p = {""};
    int n = above && above->text[0] ? snprintf(p.text, sizeof p.text, "%s", above->text) : 0;
    va_list args;
    va_start(args, format);
    vsnprintf(p.text + n, sizeof p.text - (size_t)n, format, args);
    va_end(args);
    return p;
}

static enum err fault(struct reading *r, const struct path *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum err fault(struct reading *r, const struct path *where, const char *format, ...) {
    char message[DIAG_MESSAGE_SIZE];
    uint64_t line = 0, column = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    yaml_place(r->places, where->text, &line, &column);
    diag_set(r->d, ERR_INVALID, "%s", message);
    diag_at(r->d, line, column, 0);
    return ERR_INVALID;
}

static enum err no_memory(struct reading *r) {
    return diag_set(r->d, ERR_NOMEM, "no memory for an agreement");
}

/* What may stand in a title, name, clause or label: it is shown on terminals and pages, so no control characters and no
 * characters that turn the direction of writing. The YAML check has seen to UTF-8. */
static bool printable(struct span s) {
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i], c1 = i + 1 < s.len ? (unsigned char)s.at[i + 1] : 0,
                      c2 = i + 2 < s.len ? (unsigned char)s.at[i + 2] : 0;
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && c1 < 0xa0)) return false;
        if (c == 0xe2 && c1 == 0x80 && ((c2 >= 0x8e && c2 <= 0x8f) || (c2 >= 0xa8 && c2 <= 0xae))) return false;
        if (c == 0xe2 && c1 == 0x81 && c2 >= 0xa6 && c2 <= 0xa9) return false;
    }
    return true;
}

static enum err text_read(struct reading *r, const struct path *where, const char *raw, const char *what, size_t max,
                          struct span *out) {
    struct span s = span_cstr(raw);
    if (!span_trim(s).len) return fault(r, where, "%s is missing", what);
    if (span_trim(s).len != s.len) return fault(r, where, "%s begins or ends with white space", what);
    if (s.len > max) return fault(r, where, "%s is %zu bytes long; %zu are allowed", what, s.len, max);
    if (!printable(s)) return fault(r, where, "%s holds a control character", what);
    *out = arena_copy(r->a, s);
    return out->at ? ERR_NONE : no_memory(r);
}

static enum err truth_read(struct reading *r, const struct path *where, const char *raw, const char *what, bool *out) {
    *out = raw && strcmp(raw, "true") == 0;
    if (*out || (raw && strcmp(raw, "false") == 0)) return ERR_NONE;
    return fault(r, where, "%s must be true or false%s%.40s", what, raw ? ", not " : "", raw ? raw : "");
}

static enum err tlp_read(struct reading *r, const struct path *where, const char *raw, const char *also, int *out) {
    for (enum stix_tlp level = STIX_TLP_CLEAR; level <= STIX_TLP_RED; level++)
        if (strcmp(raw, stix_tlp_name(level)) == 0) {
            *out = (int)level;
            return ERR_NONE;
        }
    if (span_equal_nocase(span_cstr(raw), SPAN("white")))
        return fault(r, where, "TLP 2.0 calls white \"clear\": write clear");
    return fault(r, where, "\"%.40s\" is no TLP level: clear, green, amber, amber+strict or red%s", raw, also);
}

static enum err key_read(struct reading *r, const struct path *where, const char *raw,
                         uint8_t out[AGREEMENT_KEY_SIZE]) {
    struct span text = span_cstr(raw), key;
    if (!text.len) return fault(r, where, "the party's key is missing: \"ed25519:…\" from its card");
    if (span_is(text, AGREEMENT_KEY_PLACEHOLDER))
        return fault(r, where,
                     "the key is still the template's placeholder: put the agreement key of the party's card here");
    if (!span_starts(text, SPAN(AGREEMENT_KEY_PREFIX)))
        return fault(r, where, "a key is \"ed25519:\" and 44 characters of base64");
    struct span coded = span_from(text, sizeof AGREEMENT_KEY_PREFIX - 1);
    if (coded.len != 44 || !base64_read(r->a, coded, &key) || key.len != AGREEMENT_KEY_SIZE)
        return fault(r, where, "behind \"ed25519:\" must stand 44 characters of base64 (32 bytes)");
    /* A point of small order would verify signatures nobody made. */
    if (!crypto_core_ed25519_is_valid_point((const unsigned char *)key.at))
        return fault(r, where, "these 32 bytes are no valid Ed25519 public key");
    memcpy(out, key.at, AGREEMENT_KEY_SIZE);
    return ERR_NONE;
}

/* A plain date that ends something ends with its last moment. */
static enum err time_read(struct reading *r, const struct path *where, const char *raw, const char *what, bool end,
                          time_us *out) {
    struct span text = span_cstr(raw);
    if (!text.len) return fault(r, where, "`%s` is missing: a date (2026-04-01) or a time with its offset", what);
    if (!time_parse_rfc3339(text, out))
        return fault(r, where, "`%s` must be a date (2026-04-01) or a time with its offset (2026-04-01T09:00:00+09:00)",
                     what);
    if (end && text.len == 10) *out += 86400 * TIME_US_PER_S;
    return ERR_NONE;
}

static enum err party_read(struct reading *r, const struct path *where, const struct raw_party *raw,
                           struct agreement_party *out, const struct agreement_party *before, size_t count) {
    struct path at = path_of(where, ".id");
    struct span id = span_cstr(raw->id);
    if (!id.len) return fault(r, where, "this party has no `id`, for example JP-MOD");
    if (!agreement_party_id_valid(id))
        return fault(r, &at, "a party's id is 2 to %d of A-Z, 0-9 and -, not beginning with -", AGREEMENT_PARTY_ID_MAX);
    enum err e = text_read(r, &at, raw->id, "a party's id", AGREEMENT_PARTY_ID_MAX, &out->id);
    if (!e)
        e = (at = path_of(where, ".name"),
             text_read(r, &at, raw->name, "the party's `name`", AGREEMENT_TEXT_MAX, &out->name));
    if (!e) e = (at = path_of(where, ".key"), key_read(r, &at, raw->key, out->key));
    for (size_t i = 0; !e && i < count; i++) {
        if (span_equal(before[i].id, out->id))
            e = (at = path_of(where, ".id"), fault(r, &at, "the party %.*s is listed twice", SPAN_ARG(out->id)));
        else if (memcmp(before[i].key, out->key, AGREEMENT_KEY_SIZE) == 0)
            e = (at = path_of(where, ".key"),
                 fault(r, &at, "this is %.*s's key: every party has its own", SPAN_ARG(before[i].id)));
    }
    return e;
}

static enum err parties_read(struct reading *r, const struct raw_agreement *raw) {
    struct path top = path_of(NULL, "parties");
    if (raw->parties_count < 2)
        return fault(r, &top, raw->parties_count ? "an agreement has at least two parties" : "`parties` is missing");
    struct agreement_party *parties = arena_zalloc(r->a, raw->parties_count, sizeof *parties);
    if (!parties) return no_memory(r);
    for (unsigned i = 0; i < raw->parties_count; i++) {
        struct path at = path_of(&top, "[%u]", i);
        enum err e = party_read(r, &at, &raw->parties[i], &parties[i], parties, i);
        if (e) return e;
    }
    r->g->parties = parties;
    r->g->party_count = raw->parties_count;
    return ERR_NONE;
}

/* ---- rules
 * ------------------------------------------------------------------------------------------------------------- */

/* What STIX 2.1 allows as the name of a type. */
static bool type_valid(struct span type) {
    if (type.len < 3 || type.len > 250 || type.at[0] == '-' || type.at[type.len - 1] == '-') return false;
    for (size_t i = 0; i < type.len; i++) {
        char c = type.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !(c == '-' && type.at[i - 1] != '-')) return false;
    }
    return true;
}

/* Whether one letter more, less or other makes the one the other. */
static bool one_edit_apart(struct span a, struct span b) {
    size_t head = 0, tail = 0, shorter = a.len < b.len ? a.len : b.len, longer = a.len < b.len ? b.len : a.len;
    while (head < shorter && a.at[head] == b.at[head]) head++;
    while (tail < shorter - head && a.at[a.len - 1 - tail] == b.at[b.len - 1 - tail]) tail++;
    return longer - head - tail == 1;
}

/* The type of the specification that somebody meant who wrote this: "indicators" would be a custom type, and a rule for
 * it would silently match nothing. */
static const char *type_meant(struct span type) {
    const struct schema *known;
    if (stix_schema(type)) return NULL;
    for (size_t i = 0; (known = stix_schema_at(i)); i++)
        if (one_edit_apart(type, span_cstr(known->type))) return known->type;
    return NULL;
}

static enum err type_read(struct reading *r, const struct path *where, const char *raw, struct span *out) {
    struct span type = span_cstr(raw);
    const char *meant = type_meant(type);
    if (meant) return fault(r, where, "\"%.60s\" is no STIX type: write %s", raw, meant);
    if (!type_valid(type))
        return fault(r, where, "\"%.60s\" is no STIX type: lower case, digits and -, for example indicator", raw);
    *out = arena_copy(r->a, type);
    return out->at ? ERR_NONE : no_memory(r);
}

static enum err types_read(struct reading *r, const struct path *where, const struct raw_rule *raw,
                           struct agreement_rule *out) {
    struct path top = path_of(where, ".types");
    if (!raw->types_count) return fault(r, where, "this rule has no `types`: a list of STIX types, or [all]");
    if (raw->types_count == 1 && strcmp(raw->types[0], "all") == 0) {
        out->all_types = true;
        return ERR_NONE;
    }
    struct span *types = arena_zalloc(r->a, raw->types_count, sizeof *types);
    if (!types) return no_memory(r);
    for (unsigned i = 0; i < raw->types_count; i++) {
        struct path at = path_of(&top, "[%u]", i);
        if (strcmp(raw->types[i], "all") == 0) return fault(r, &at, "\"all\" stands alone: types: [all]");
        enum err e = type_read(r, &at, raw->types[i], &types[i]);
        if (e) return e;
        for (unsigned j = 0; j < i; j++)
            if (span_equal(types[j], types[i])) return fault(r, &at, "the type %.60s is listed twice", raw->types[i]);
    }
    out->types = types;
    out->type_count = raw->types_count;
    return ERR_NONE;
}

static enum err levels_read(struct reading *r, const struct path *where, const struct raw_rule *raw,
                            struct agreement_rule *out) {
    struct path top = path_of(where, ".tlp");
    if (!raw->tlp_count && out->outcome == AGREEMENT_RELEASE)
        return fault(r, where, "a rule that releases must name its TLP levels, for example tlp: [clear, green]");
    if (!raw->tlp_count) out->tlp = ~0u;
    for (unsigned i = 0; i < raw->tlp_count; i++) {
        struct path at = path_of(&top, "[%u]", i);
        int level = 0;
        enum err e = tlp_read(r, &at, raw->tlp[i], "", &level);
        if (e) return e;
        if (out->tlp & 1u << level) return fault(r, &at, "the level %s is listed twice", raw->tlp[i]);
        out->tlp |= 1u << level;
    }
    return ERR_NONE;
}

static enum err label_list_read(struct reading *r, const struct path *where, char *const *raw, unsigned count,
                                const struct span **out, size_t *out_count) {
    struct span *labels = arena_zalloc(r->a, count, sizeof *labels);
    if (!labels) return no_memory(r);
    for (unsigned i = 0; i < count; i++) {
        struct path at = path_of(where, "[%u]", i);
        enum err e = text_read(r, &at, raw[i], "a label", AGREEMENT_TEXT_MAX, &labels[i]);
        if (e) return e;
        for (unsigned j = 0; j < i; j++)
            if (span_equal_nocase(labels[j], labels[i]))
                return fault(r, &at, "the label %.60s is listed twice", raw[i]);
    }
    *out = labels;
    *out_count = count;
    return ERR_NONE;
}

static enum err labels_read(struct reading *r, const struct path *where, const struct raw_labels *raw,
                            struct agreement_rule *out) {
    struct path top = path_of(where, ".labels"), any = path_of(&top, ".any"), none = path_of(&top, ".none");
    if (!raw) return ERR_NONE;
    if (!raw->any_count && !raw->none_count) return fault(r, &top, "`labels` needs any: [...], none: [...] or both");
    enum err e = label_list_read(r, &any, raw->any, raw->any_count, &out->labels_any, &out->any_count);
    if (!e) e = label_list_read(r, &none, raw->none, raw->none_count, &out->labels_none, &out->none_count);
    for (size_t i = 0; !e && i < out->none_count; i++)
        for (size_t j = 0; !e && j < out->any_count; j++)
            if (span_equal_nocase(out->labels_none[i], out->labels_any[j])) {
                struct path at = path_of(&none, "[%zu]", i);
                e = fault(r, &at, "the label %.60s stands under any and under none", raw->none[i]);
            }
    return e;
}

static enum err confidence_read(struct reading *r, const struct path *where, const struct raw_confidence *raw,
                                struct agreement_rule *out) {
    struct path top = path_of(where, ".confidence"), min = path_of(&top, ".min"), absent = path_of(&top, ".absent");
    uint64_t n;
    if (!raw) return ERR_NONE;
    if (!raw->min) return fault(r, &top, "`confidence` needs min: a number from 0 to 100");
    if (!span_u64(span_cstr(raw->min), &n) || n > 100)
        return fault(r, &min, "`min` must be a whole number from 0 to 100, not \"%.20s\"", raw->min);
    out->confidence_absent_enough = raw->absent && strcmp(raw->absent, "enough") == 0;
    if (!raw->absent)
        return fault(r, &top,
                     "`confidence` must say what an object without one counts as: absent: enough or absent: too-low");
    if (!out->confidence_absent_enough && strcmp(raw->absent, "too-low") != 0)
        return fault(r, &absent, "`absent` must be enough or too-low, not \"%.20s\"", raw->absent);
    out->has_confidence = true;
    out->confidence_min = (int)n;
    return ERR_NONE;
}

static enum err clause_read(struct reading *r, const struct path *where, const struct raw_rule *raw,
                            struct agreement_rule *out) {
    struct path at = path_of(where, ".clause");
    bool existed = false;
    if (!raw->clause || !*raw->clause)
        return fault(r, where, "this rule has no `clause`: the name by which decisions cite it");
    enum err e = text_read(r, &at, raw->clause, "the clause's name", AGREEMENT_CLAUSE_MAX, &out->clause);
    if (e) return e;
    if (span_starts(out->clause, SPAN("sightings ")))
        return fault(r, &at, "a clause's name may not begin with \"sightings\": decisions cite that section so");
    if (!map_set(&r->clauses, out->clause, 1, &existed)) return no_memory(r);
    return existed ? fault(r, &at, "the clause %.64s is in this file already", raw->clause) : ERR_NONE;
}

static enum err rule_read(struct reading *r, const struct path *where, const struct raw_rule *raw,
                          struct agreement_rule *out) {
    struct path at = path_of(where, ".outcome");
    enum err e = clause_read(r, where, raw, out);
    if (e) return e;
    if (!raw->outcome) return fault(r, where, "this rule has no `outcome`: release or withhold");
    if (strcmp(raw->outcome, "release") == 0)
        out->outcome = AGREEMENT_RELEASE;
    else if (strcmp(raw->outcome, "withhold") == 0)
        out->outcome = AGREEMENT_WITHHOLD;
    else
        return fault(r, &at, "`outcome` must be release or withhold, not \"%.20s\"", raw->outcome);
    e = types_read(r, where, raw, out);
    if (!e) e = levels_read(r, where, raw, out);
    if (!e) e = labels_read(r, where, raw->labels, out);
    if (!e) e = confidence_read(r, where, raw->confidence, out);
    return e;
}

/* ---- directions
 * -------------------------------------------------------------------------------------------------------- */

static enum err end_read(struct reading *r, const struct path *where, const char *key, const char *raw,
                         struct span *out) {
    struct path at = path_of(where, ".%s", key);
    if (!raw || !*raw) return fault(r, where, "this direction has no `%s`", key);
    const struct agreement_party *party = agreement_party(r->g, span_cstr(raw));
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
    return out->no_tlp_withhold ? ERR_NONE : tlp_read(r, &at, raw, ", or withhold", &out->no_tlp);
}

static enum err sightings_read(struct reading *r, const struct path *where, const struct raw_sightings *raw,
                               struct agreement_direction *out) {
    struct path top = path_of(where, ".sightings"), back = path_of(&top, ".return"),
                named = path_of(&top, ".name_member");
    out->sightings_clause = arena_printf(r->a, "sightings %.*s→%.*s", SPAN_ARG(out->from), SPAN_ARG(out->to));
    if (!out->sightings_clause.at) return no_memory(r);
    if (!raw) return ERR_NONE;
    if (!raw->returns) return fault(r, &top, "`sightings` needs return: true or return: false");
    enum err e = truth_read(r, &back, raw->returns, "`return`", &out->sightings_return);
    if (!e && raw->name_member)
        e = truth_read(r, &named, raw->name_member, "`name_member`", &out->sightings_name_member);
    if (!e && out->sightings_name_member && !out->sightings_return)
        e = fault(r, &named, "`name_member: true` means nothing while no sightings return");
    return e;
}

static enum err rules_read(struct reading *r, const struct path *where, const struct raw_direction *raw,
                           struct agreement_direction *out) {
    struct path top = path_of(where, ".rules");
    if (!raw->rules_count) return fault(r, where, "this direction has no `rules`; leave it out if it releases nothing");
    struct agreement_rule *rules = arena_zalloc(r->a, raw->rules_count, sizeof *rules);
    if (!rules) return no_memory(r);
    for (unsigned i = 0; i < raw->rules_count; i++) {
        struct path at = path_of(&top, "[%u]", i);
        enum err e = rule_read(r, &at, &raw->rules[i], &rules[i]);
        if (e) return e;
    }
    out->rules = rules;
    out->rule_count = raw->rules_count;
    return ERR_NONE;
}

static enum err direction_read(struct reading *r, const struct path *where, const struct raw_direction *raw,
                               struct agreement_direction *out) {
    enum err e = end_read(r, where, "from", raw->from, &out->from);
    if (!e) e = end_read(r, where, "to", raw->to, &out->to);
    if (e) return e;
    struct path to = path_of(where, ".to");
    if (span_equal(out->from, out->to)) return fault(r, &to, "a direction leads from one party to another");
    if (agreement_direction(r->g, out->from, out->to))
        return fault(r, where, "the direction from %.*s to %.*s is listed twice", SPAN_ARG(out->from),
                     SPAN_ARG(out->to));
    e = no_tlp_read(r, where, raw->no_tlp, out);
    if (!e) e = rules_read(r, where, raw, out);
    if (!e) e = sightings_read(r, where, raw->sightings, out);
    return e;
}

static enum err directions_read(struct reading *r, const struct raw_agreement *raw) {
    struct path top = path_of(NULL, "release");
    if (!raw->release_count) return fault(r, &top, "`release` is missing: an agreement says what it releases");
    struct agreement_direction *directions = arena_zalloc(r->a, raw->release_count, sizeof *directions);
    if (!directions) return no_memory(r);
    r->g->directions = directions;
    for (unsigned i = 0; i < raw->release_count; i++) {
        struct path at = path_of(&top, "[%u]", i);
        enum err e = direction_read(r, &at, &raw->release[i], &directions[i]);
        if (e) return e;
        r->g->direction_count = i + 1;
    }
    return ERR_NONE;
}

/* ---- the whole
 * --------------------------------------------------------------------------------------------------------- */

static enum err head_read(struct reading *r, const struct raw_agreement *raw) {
    struct path renkei = path_of(NULL, "renkei"), title = path_of(NULL, "title"),
                predecessor = path_of(NULL, "predecessor"), effective = path_of(NULL, "effective"),
                ends = path_of(NULL, "ends");
    if (!raw->renkei)
        return fault(r, &renkei, "the line \"renkei: agreement/v1\" is missing: it says which rules the file follows");
    if (strcmp(raw->renkei, "agreement/v1") != 0)
        return fault(r, &renkei, "this version of Renkei reads agreement/v1, not \"%.40s\"", raw->renkei);
    enum err e = text_read(r, &title, raw->title, "`title`", AGREEMENT_TEXT_MAX, &r->g->title);
    if (e) return e;
    r->g->has_predecessor = raw->predecessor != NULL;
    if (raw->predecessor && !hex_read(span_cstr(raw->predecessor), r->g->predecessor.b, SHA256_SIZE))
        return fault(r, &predecessor, "`predecessor` must be the 64 hexadecimal digits of the version it amends");
    e = time_read(r, &effective, raw->effective, "effective", false, &r->g->effective);
    if (!e) e = time_read(r, &ends, raw->ends, "ends", true, &r->g->ends);
    if (!e && r->g->ends <= r->g->effective) e = fault(r, &ends, "`ends` must be later than `effective`");
    return e;
}

/* YAML can spell a NUL ("\0"), C texts end there: what people read and what is checked would differ. */
static enum err nul_refused(struct span text, struct diag *d) {
    uint64_t line = 1;
    for (size_t i = 0; i < text.len; i++) {
        struct span rest = span_from(text, i);
        line += text.at[i] == '\n';
        if (text.at[i] == '\\' && (span_starts(rest, SPAN("\\0")) || span_starts(rest, SPAN("\\x00")) ||
                                   span_starts(rest, SPAN("\\u0000")) || span_starts(rest, SPAN("\\U00000000")))) {
            diag_set(d, ERR_INVALID, "a NUL character may not stand in an agreement");
            diag_at(d, line, 0, i);
            return ERR_INVALID;
        }
    }
    return ERR_NONE;
}

static enum err read_checked(struct reading *r, struct span text) {
    void *loaded = NULL;
    enum err e = yaml_load(text, &agreement_schema, &loaded, r->d);
    if (e) return e;
    const struct raw_agreement *raw = loaded;
    struct path top = {""};
    if (!raw) e = fault(r, &top, "the file holds no agreement");
    if (!e) e = head_read(r, raw);
    if (!e) e = parties_read(r, raw);
    if (!e) e = directions_read(r, raw);
    yaml_unload(&agreement_schema, loaded);
    return e;
}

enum err agreement_read(struct arena *a, struct span text, struct agreement **out, struct diag *d) {
    struct reading r = {.a = a, .d = d};
    struct yaml_places *places = NULL;
    *out = NULL;
    if (text.len > AGREEMENT_SIZE_MAX)
        return diag_set(d, ERR_LIMIT, "an agreement of %zu bytes: %d are allowed", text.len, AGREEMENT_SIZE_MAX);
    enum err e = yaml_check(a, text, &places, d);
    if (!e) e = nul_refused(text, d);
    if (e) return e;
    r.places = places;
    r.g = arena_zalloc(a, 1, sizeof *r.g);
    if (!r.g) return no_memory(&r);
    r.g->text = text;
    r.g->hash = sha256_of(text);
    map_init(&r.clauses);
    e = read_checked(&r, text);
    map_free(&r.clauses);
    if (!e) *out = r.g;
    return e;
}
