#include "policy/national.h"

#include <sodium.h>

#include "base/encode.h"
#include "policy/rule_read.h"

struct raw_label {
    char *label, *meaning;
};
struct raw_national {
    char *renkei, *party, *version, *effective, *officer;
    struct raw_label *labels;
    struct raw_rule *rules;
    char **quarantine;
    unsigned labels_count, rules_count, quarantine_count;
};

static const cyaml_schema_field_t label_fields[] = {TEXT("label", struct raw_label, label),
                                                    TEXT("meaning", struct raw_label, meaning), CYAML_FIELD_END};
static const cyaml_schema_value_t label_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_label, label_fields)};

static const cyaml_schema_field_t national_fields[] = {
    TEXT("renkei", struct raw_national, renkei),
    TEXT("party", struct raw_national, party),
    TEXT("version", struct raw_national, version),
    TEXT("effective", struct raw_national, effective),
    TEXT("officer", struct raw_national, officer),
    LIST("labels", struct raw_national, labels, &label_schema, NATIONAL_LABELS_MAX),
    LIST("quarantine", struct raw_national, quarantine, &reading_text_schema, POLICY_ITEMS_MAX),
    LIST_OR_NONE("rules", struct raw_national, rules, &rule_schema, POLICY_RULES_MAX),
    CYAML_FIELD_END};
static const cyaml_schema_value_t national_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_national, national_fields)};

static enum err head_read(struct reading *r, const struct raw_national *raw, struct national_policy *out) {
    struct path top = {""}, renkei = path_of(NULL, "renkei"), party = path_of(NULL, "party"),
                version = path_of(NULL, "version"), effective = path_of(NULL, "effective"),
                officer = path_of(NULL, "officer");
    uint64_t n;
    if (!raw->renkei || strcmp(raw->renkei, "national-policy/v1") != 0)
        return fault(r, &renkei, "a national policy begins with \"renkei: national-policy/v1\"");
    if (!raw->party) return fault(r, &top, "`party` is missing: whose policy it is");
    enum err e = reading_text(r, &party, raw->party, "`party`", POLICY_CLAUSE_MAX, &out->party);
    if (e) return e;
    if (!raw->version || !span_u64(span_cstr(raw->version), &n) || n < 1 || n > NATIONAL_VERSION_MAX)
        return fault(r, &version, "`version` is a whole number, one more than the last version's");
    out->version = (unsigned)n;
    e = reading_time(r, &effective, raw->effective, "effective", false, &out->effective);
    return e ? e : reading_key(r, &officer, raw->officer, out->officer);
}

static enum err labels_read(struct reading *r, const struct raw_national *raw, struct national_policy *out) {
    struct path top = path_of(NULL, "labels");
    struct national_label *all = arena_zalloc(r->a, raw->labels_count, sizeof *all);
    if (raw->labels_count && !all) return reading_no_memory(r);
    for (unsigned i = 0; i < raw->labels_count; i++) {
        struct path at = path_of(&top, "[%u]", i);
        enum err e = reading_text(r, &at, raw->labels[i].label, "`label`", POLICY_TEXT_MAX, &all[i].label);
        if (!e) e = reading_text(r, &at, raw->labels[i].meaning, "`meaning`", POLICY_WHEN_MAX, &all[i].meaning);
        if (e) return e;
        for (unsigned k = 0; k < i; k++)
            if (span_equal_nocase(all[k].label, all[i].label))
                return fault(r, &at, "the label %.60s is listed twice", raw->labels[i].label);
    }
    out->labels = all;
    out->label_count = raw->labels_count;
    return ERR_NONE;
}

static enum err read_checked(struct reading *r, struct span text, struct national_policy *out) {
    void *loaded = NULL;
    enum err e = yaml_load(text, &national_schema, &loaded, r->d);
    if (e) return e;
    const struct raw_national *raw = loaded;
    struct path top = {""}, rules = path_of(NULL, "rules"), quarantine = path_of(NULL, "quarantine");
    if (!raw) e = fault(r, &top, "the file holds no policy");
    if (!e) e = head_read(r, raw, out);
    if (!e) e = labels_read(r, raw, out);
    out->quarantines = !e && raw->quarantine_count > 0;
    if (out->quarantines)
        e = reading_parties(r, &quarantine, raw->quarantine, raw->quarantine_count, &out->quarantine,
                            &out->quarantine_count);
    if (!e && !policy_words_begin(&r->words, r->a)) e = reading_no_memory(r);
    if (!e) e = rules_read(r, &rules, raw->rules, raw->rules_count, RULE_NATIONAL, &out->rules);
    if (!e && !policy_words_end(&r->words, &out->words)) e = reading_no_memory(r);
    yaml_unload(&national_schema, loaded);
    return e;
}

enum err national_policy_read(struct arena *a, struct span text, struct national_policy **out, struct diag *d) {
    struct reading r = {.a = a, .d = d};
    struct yaml_places *places = NULL;
    *out = NULL;
    if (text.len > NATIONAL_SIZE_MAX)
        return diag_set(d, ERR_LIMIT, "a national policy of %zu bytes: %d are allowed", text.len, NATIONAL_SIZE_MAX);
    enum err e = yaml_check(a, text, &places, d);
    if (!e) e = reading_nul_refused(text, d);
    if (e) return e;
    r.places = places;
    struct national_policy *n = arena_zalloc(a, 1, sizeof *n);
    if (!n) return reading_no_memory(&r);
    n->text = text;
    n->hash = sha256_of(text);
    map_init(&r.clauses);
    e = read_checked(&r, text, n);
    map_free(&r.clauses);
    if (!e) *out = n;
    return e;
}

bool national_policy_quarantines(const struct national_policy *n, struct span party) {
    bool waits = n && n->quarantines && !n->quarantine;
    for (size_t i = 0; n && n->quarantines && i < n->quarantine_count; i++)
        waits |= span_equal(n->quarantine[i], party);
    return waits;
}

void national_policy_message(const struct national_policy *n, struct buf *out) {
    buf_add_cstr(out, "renkei national policy signature v1\n");
    buf_add_hex(out, span_of(n->hash.b, SHA256_SIZE));
    buf_printf(out, "\n%.*s\n%u\n", SPAN_ARG(n->party), n->version);
}

enum err national_policy_verify(const struct national_policy *n, const uint8_t signature[NATIONAL_SIGNATURE_SIZE],
                                struct diag *d) {
    struct buf message = BUF_EMPTY;
    enum err e = ERR_NONE;
    national_policy_message(n, &message);
    if (!buf_ok(&message))
        e = diag_set(d, ERR_NOMEM, "no memory to verify a signature");
    else if (crypto_sign_verify_detached(signature, (const unsigned char *)message.at, message.len, n->officer) != 0)
        e = diag_set(d, ERR_VERIFY, "version %u of the national policy is not signed by the officer it names",
                     n->version);
    buf_free(&message);
    return e;
}

enum err national_policy_follows(const struct national_policy *next, const struct national_policy *old,
                                 struct diag *d) {
    if (!old) return ERR_NONE;
    if (!span_equal(next->party, old->party))
        return diag_set(d, ERR_INVALID, "this is the policy of %.*s, not of %.*s", SPAN_ARG(next->party),
                        SPAN_ARG(old->party));
    if (next->version <= old->version)
        return diag_set(d, ERR_INVALID, "version %u is not later than version %u, which is here", next->version,
                        old->version);
    if (next->effective < old->effective)
        return diag_set(d, ERR_INVALID, "it would take effect before the version it follows");
    return ERR_NONE;
}
