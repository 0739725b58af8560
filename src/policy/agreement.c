#include "policy/agreement.h"

#include "base/encode.h"

const struct agreement_party *agreement_party(const struct agreement *g, struct span id) {
    for (size_t i = 0; i < g->party_count; i++)
        if (span_equal(g->parties[i].id, id)) return &g->parties[i];
    return NULL;
}

const struct agreement_direction *agreement_direction(const struct agreement *g, struct span from, struct span to) {
    for (size_t i = 0; i < g->direction_count; i++)
        if (span_equal(g->directions[i].from, from) && span_equal(g->directions[i].to, to)) return &g->directions[i];
    return NULL;
}

time_us agreement_ends(const struct agreement *g, struct span from, struct span to) {
    time_us ends = g->ends;
    for (size_t i = 0; i < g->departure_count; i++) {
        const struct agreement_departure *left = &g->departures[i];
        if (left->ends < ends && (span_equal(left->party, from) || span_equal(left->party, to))) ends = left->ends;
    }
    return ends;
}

bool agreement_party_id_valid(struct span id) {
    if (id.len < 2 || id.len > AGREEMENT_PARTY_ID_MAX || id.at[0] == '-') return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.at[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '-') return false;
    }
    return true;
}

enum err agreement_amends(const struct agreement *amendment, const struct agreement *old, struct diag *d) {
    char hex[2 * SHA256_SIZE + 1];
    hex_write(span_of(old->hash.b, SHA256_SIZE), hex);
    if (!amendment->has_predecessor)
        return diag_set(d, ERR_INVALID,
                        "this is a first version, not an amendment: it needs the line \"predecessor: %s\"", hex);
    if (!sha256_equal(&amendment->predecessor, &old->hash)) {
        char named[2 * SHA256_SIZE + 1];
        hex_write(span_of(amendment->predecessor.b, SHA256_SIZE), named);
        return diag_set(d, ERR_INVALID, "it amends version %s; the version in hand is %s", named, hex);
    }
    for (size_t i = 0; i < amendment->party_count; i++)
        if (!agreement_party(old, amendment->parties[i].id))
            return diag_set(d, ERR_INVALID,
                            "%.*s is no party of the version it amends: a new party needs a new agreement",
                            SPAN_ARG(amendment->parties[i].id));
    for (size_t i = 0; i < old->party_count; i++)
        if (!agreement_party(amendment, old->parties[i].id))
            return diag_set(d, ERR_INVALID, "it leaves out %.*s, a party of the version it amends",
                            SPAN_ARG(old->parties[i].id));
    return ERR_NONE;
}

/* ---- template
 * ----------------------------------------------------------------------------------------------------------
 */

/* A double-quoted YAML scalar. */
static void quoted(struct buf *out, struct span text) {
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c == '"' || c == '\\') buf_add_char(out, '\\');
        if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\x%02X", c);
        else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}

static void template_party(struct buf *out, struct span id, struct span name, struct span key) {
    buf_printf(out, "  - id: %.*s\n    name: ", SPAN_ARG(id));
    quoted(out, name);
    buf_add_cstr(out, "\n    key: ");
    quoted(out, key.len ? key : SPAN(AGREEMENT_KEY_PLACEHOLDER));
    buf_add_cstr(out, "\n");
}

/* `explained` comments every line once, in the first direction. */
static void template_direction(struct buf *out, struct span from, struct span to, bool explained) {
    int width = 24;
#define SAY(line, why)                                                                                                 \
    do {                                                                                                               \
        if (explained)                                                                                                 \
            buf_printf(out, "%-*s # %s\n", width + 24, line, why);                                                     \
        else                                                                                                           \
            buf_printf(out, "%s\n", line);                                                                             \
    } while (0)
    buf_printf(out, "\n  - from: %.*s\n    to: %.*s\n", SPAN_ARG(from), SPAN_ARG(to));
    SAY("    no_tlp: amber",
        "what an object without TLP counts as: clear, green, amber, amber+strict, red; or withhold");
    buf_add_cstr(out, "    rules:\n");
    buf_printf(out, "      - clause: %.*s-1\n", SPAN_ARG(from));
    SAY("        outcome: withhold", "release or withhold");
    SAY("        types: [all]", "STIX types, or [all]");
    SAY("        labels: {any: [national-only]}", "any: one of these is on it; none: none of these is");
    buf_printf(out, "      - clause: %.*s-2\n", SPAN_ARG(from));
    buf_add_cstr(out, "        outcome: release\n        types: [all]\n");
    SAY("        tlp: [clear, green]", "the levels it covers, each by name; red and amber+strict never without");
    buf_printf(out, "      - clause: %.*s-3\n", SPAN_ARG(from));
    buf_add_cstr(
        out, "        outcome: release\n"
             "        types: [indicator, malware, intrusion-set, attack-pattern, relationship, identity, sighting]\n"
             "        tlp: [amber]\n");
    SAY("        confidence: {min: 50, absent: enough}", "absent: what no confidence counts as, enough or too-low");
    if (explained)
        buf_printf(out, "    # What %.*s tells %.*s of seeing %.*s's intelligence in its own networks.\n", SPAN_ARG(to),
                   SPAN_ARG(from), SPAN_ARG(from));
    buf_add_cstr(out, "    sightings:\n");
    SAY("      return: true", "false: sightings stay where they were made");
    SAY("      name_member: false", "true: they name the agency that saw it, not only the party");
#undef SAY
}

void agreement_template(const struct agreement_template *t, struct buf *out) {
    char effective[TIME_TEXT_SIZE], ends[TIME_TEXT_SIZE];
    time_format_us(t->effective, effective);
    time_format_us(t->ends, ends);
    buf_add_cstr(out,
                 "# An agreement on sharing cyber threat intelligence. Both parties sign these exact bytes: after the\n"
                 "# first signature not even a comment may change. `renkei agreement check FILE` says what is wrong.\n"
                 "renkei: agreement/v1\ntitle: ");
    struct buf title = BUF_EMPTY;
    buf_printf(&title, "Cyber threat intelligence sharing between %.*s and %.*s", SPAN_ARG(t->own_id),
               SPAN_ARG(t->partner_id));
    quoted(out, buf_span(&title));
    buf_free(&title);
    buf_add_cstr(out, "\n");
    if (t->predecessor.len)
        buf_printf(out, "predecessor: %.*s # the version this one amends\n", SPAN_ARG(t->predecessor));
    else
        buf_add_cstr(out, "# predecessor: the SHA-256 of the version an amendment takes the place of\n");
    buf_printf(out, "effective: %.10s # a date begins at 00:00 UTC; a time with its offset is possible, too\n",
               effective);
    buf_printf(out, "ends: %.10s # a date is in force to its last moment, UTC\n\n", ends);
    buf_add_cstr(out, "# Each party's agreement key is on its card.\nparties:\n");
    template_party(out, t->own_id, t->own_name, t->own_key);
    template_party(out, t->partner_id, t->partner_name, t->partner_key);
    buf_add_cstr(out,
                 "\n# The first rule that matches decides; an object that none matches is withheld. Everything a rule\n"
                 "# states must hold. A direction that is not listed releases nothing.\nrelease:");
    template_direction(out, t->own_id, t->partner_id, true);
    template_direction(out, t->partner_id, t->own_id, false);
}
