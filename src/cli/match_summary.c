/* What a run read, found and lost, as one JSON object for whoever watches over it: --summary FILE. */
#include <string.h>

#include "base/file.h"
#include "cli/match.h"

enum { SUMMARY_MODE = 0640 };

static void write_left_out(const struct matching *m, struct json_writer *w) {
    uint32_t all = detect_index_unsupported_count(m->holdings.index), count = 0;
    for (uint32_t i = 0; i < all; i++) {
        const char *reason;
        (void)detect_index_unsupported(m->holdings.index, i, &reason);
        count += reason[0] != '\0'; /* without: a full pattern, evaluated beside the index */
    }
    json_member_number(w, "indicators", detect_index_count(m->holdings.index));
    json_member_number(w, "indicators_left_out", count);
}

static void write_quarantined(const struct matching *m, const struct detect_patterns_summary *sum,
                              struct json_writer *w) {
    json_key(w, "quarantined");
    json_begin_array(w);
    for (uint32_t i = 0; i < sum->quarantined; i++) {
        const char *why;
        struct detect_indicator indicator;
        detect_index_get(m->holdings.index, detect_patterns_quarantined(m->patterns, i, &why), &indicator);
        json_begin_object(w);
        json_member(w, "indicator", indicator.id);
        json_member_cstr(w, "why", why);
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_patterns(const struct matching *m, struct json_writer *w) {
    struct detect_patterns_summary sum = {0};
    if (m->patterns) sum = detect_patterns_summary(m->patterns);
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"patterns", sum.patterns},        {"patterns_stateful", sum.stateful},
        {"patterns_every_line", sum.open}, {"evaluations", sum.evaluations},
        {"bindings", sum.bindings},        {"kept", sum.kept},
        {"dropped", sum.dropped},          {"late", sum.late},
        {"timeless", sum.timeless},        {"exhausted", sum.exhausted},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        json_member_number(w, counts[i].name, (int64_t)counts[i].count);
    write_quarantined(m, &sum, w);
}

enum err match_write_summary(const struct matching *m, int64_t took_us, struct diag *d) {
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"lines", m->lines},
        {"bytes", m->bytes},
        {"lines_not_read", m->unreadable},
        {"took_ms", (uint64_t)(took_us / 1000)},
        {"alerts", m->alerts},
        {"outside_validity", m->apart[VALIDITY_OUTSIDE].count},
        {"warned", m->apart[VALIDITY_WARNED].count},
        {"decayed", m->apart[VALIDITY_DECAYED].count},
        {"revoked", m->revoked},
        {"suppressed", m->suppressed},
    };
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        json_member_number(&w, counts[i].name, (int64_t)counts[i].count);
    write_left_out(m, &w);
    write_patterns(m, &w);
    json_end_object(&w);
    buf_add_char(&out, '\n');
    enum err e = buf_ok(&out) ? file_write(m->options.summary, buf_span(&out), SUMMARY_MODE, d)
                              : diag_set(d, ERR_NOMEM, "no memory for the summary");
    buf_free(&out);
    return e;
}
