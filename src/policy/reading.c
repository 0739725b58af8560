#include "policy/reading.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/encode.h"
#include "policy/agreement.h"
#include "policy/expression.h"

const cyaml_schema_value_t reading_text_schema = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};

struct path path_of(const struct path *above, const char *format, ...) {
    struct path p = {""};
    int n = above && above->text[0] ? snprintf(p.text, sizeof p.text, "%s", above->text) : 0;
    va_list args;
    va_start(args, format);
    vsnprintf(p.text + n, sizeof p.text - (size_t)n, format, args);
    va_end(args);
    return p;
}

enum err fault(struct reading *r, const struct path *where, const char *format, ...) {
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

enum err reading_no_memory(struct reading *r) {
    return diag_set(r->d, ERR_NOMEM, "no memory to read this");
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

enum err reading_text(struct reading *r, const struct path *where, const char *raw, const char *what, size_t max,
                      struct span *out) {
    struct span s = span_cstr(raw);
    if (!span_trim(s).len) return fault(r, where, "%s is missing", what);
    if (span_trim(s).len != s.len) return fault(r, where, "%s begins or ends with white space", what);
    if (s.len > max) return fault(r, where, "%s is %zu bytes long; %zu are allowed", what, s.len, max);
    if (!printable(s)) return fault(r, where, "%s holds a control character", what);
    *out = arena_copy(r->a, s);
    return out->at ? ERR_NONE : reading_no_memory(r);
}

enum err reading_truth(struct reading *r, const struct path *where, const char *raw, const char *what, bool *out) {
    *out = raw && strcmp(raw, "true") == 0;
    if (*out || (raw && strcmp(raw, "false") == 0)) return ERR_NONE;
    return fault(r, where, "%s must be true or false%s%.40s", what, raw ? ", not " : "", raw ? raw : "");
}

enum err reading_tlp(struct reading *r, const struct path *where, const char *raw, const char *also, int *out) {
    for (enum stix_tlp level = STIX_TLP_CLEAR; level <= STIX_TLP_RED; level++)
        if (strcmp(raw, stix_tlp_name(level)) == 0) {
            *out = (int)level;
            return ERR_NONE;
        }
    if (span_equal_nocase(span_cstr(raw), SPAN("white")))
        return fault(r, where, "TLP 2.0 calls white \"clear\": write clear");
    return fault(r, where, "\"%.40s\" is no TLP level: clear, green, amber, amber+strict or red%s", raw, also);
}

enum err reading_key(struct reading *r, const struct path *where, const char *raw, uint8_t out[32]) {
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

enum err reading_time(struct reading *r, const struct path *where, const char *raw, const char *what, bool end,
                      time_us *out) {
    struct span text = span_cstr(raw);
    if (!text.len) return fault(r, where, "`%s` is missing: a date (2026-04-01) or a time with its offset", what);
    if (!time_parse_rfc3339(text, out))
        return fault(r, where, "`%s` must be a date (2026-04-01) or a time with its offset (2026-04-01T09:00:00+09:00)",
                     what);
    if (end && text.len == 10) *out += 86400 * TIME_US_PER_S;
    return ERR_NONE;
}

enum err reading_span(struct reading *r, const struct path *where, const char *raw, const char *what, time_us *out) {
    *out = 0;
    if (!raw || policy_span_read(span_cstr(raw), out)) return ERR_NONE;
    return fault(r, where, "`%s` must be a span such as 12h, 30d or 1y, not \"%.20s\"", what, raw);
}

enum err reading_clause(struct reading *r, const struct path *where, const char *raw, struct span *out) {
    struct path at = path_of(where, ".clause");
    bool existed = false;
    if (!raw || !*raw) return fault(r, where, "this rule has no `clause`: the name by which decisions cite it");
    enum err e = reading_text(r, &at, raw, "the clause's name", POLICY_CLAUSE_MAX, out);
    if (e) return e;
    if (span_starts(*out, SPAN("sightings ")))
        return fault(r, &at, "a clause's name may not begin with \"sightings\": decisions cite that section so");
    if (!map_set(&r->clauses, *out, 1, &existed)) return reading_no_memory(r);
    return existed ? fault(r, &at, "the clause %.64s is in this file already", raw) : ERR_NONE;
}

static bool is_party(const struct reading *r, struct span id) {
    for (size_t i = 0; i < r->party_count; i++)
        if (span_equal(r->parties[i], id)) return true;
    return !r->parties && agreement_party_id_valid(id);
}

enum err reading_parties(struct reading *r, const struct path *where, char *const *raw, unsigned count,
                         const struct span **out, size_t *out_count) {
    if (count == 1 && strcmp(raw[0], "all") == 0) return ERR_NONE;
    struct span *ids = arena_zalloc(r->a, count, sizeof *ids);
    if (!ids) return reading_no_memory(r);
    for (unsigned i = 0; i < count; i++) {
        struct path at = path_of(where, "[%u]", i);
        if (!is_party(r, span_cstr(raw[i]))) return fault(r, &at, "\"%.40s\" is no party that may stand here", raw[i]);
        ids[i] = arena_copy(r->a, span_cstr(raw[i]));
        if (!ids[i].at) return reading_no_memory(r);
    }
    *out = ids;
    *out_count = count;
    return ERR_NONE;
}

enum err reading_nul_refused(struct span text, struct diag *d) {
    uint64_t line = 1;
    for (size_t i = 0; i < text.len; i++) {
        struct span rest = span_from(text, i);
        line += text.at[i] == '\n';
        if (text.at[i] == '\\' && (span_starts(rest, SPAN("\\0")) || span_starts(rest, SPAN("\\x00")) ||
                                   span_starts(rest, SPAN("\\u0000")) || span_starts(rest, SPAN("\\U00000000")))) {
            diag_set(d, ERR_INVALID, "a NUL character may not stand in an agreement or a policy");
            diag_at(d, line, 0, i);
            return ERR_INVALID;
        }
    }
    return ERR_NONE;
}
