#include "taxii/media.h"

static struct span unquote(struct span value) {
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        return span_of(value.at + 1, value.len - 2);
    return value;
}

/* "0", "0.0", "0.000" */
static bool quality_is_zero(struct span value) {
    if (value.len == 0 || value.at[0] != '0') return false;
    for (size_t i = 1; i < value.len; i++)
        if (value.at[i] != '0' && value.at[i] != '.') return false;
    return true;
}

/* Walks ";name=value" parameters: false if they name another version or a quality of 0. */
static bool parameters_fit(struct span parameters) {
    while (parameters.at) {
        struct span value = span_cut(&parameters, ';');
        struct span name = span_trim(span_cut(&value, '='));
        value = unquote(span_trim(value));
        if (span_equal_nocase(name, SPAN("version")) && !span_is(value, "2.1")) return false;
        if (span_equal_nocase(name, SPAN("q")) && quality_is_zero(value)) return false;
    }
    return true;
}

static bool range_fits(struct span range, bool wildcards) {
    struct span parameters = range;
    struct span type = span_trim(span_cut(&parameters, ';'));
    bool named = span_equal_nocase(type, SPAN("application/taxii+json"));
    bool wild = wildcards && (span_is(type, "*/*") || span_equal_nocase(type, SPAN("application/*")));
    return (named || wild) && parameters_fit(parameters);
}

bool media_accepts_taxii(struct span accept) {
    if (span_trim(accept).len == 0) return true;
    while (accept.at)
        if (range_fits(span_cut(&accept, ','), true)) return true;
    return false;
}

bool media_is_taxii(struct span content_type) {
    return range_fits(content_type, false);
}
