/* What becomes of a hit: judged, grouped, written, counted. */
#include <stdio.h>

#include "cli/match.h"

enum { APART_SHOWN = 20, CONFIG_ARENA_MAX = 1 << 20 };

enum err match_prepare_verdicts(struct matching *m, struct diag *d) {
    struct decay_model *models;
    struct verdict_settings settings = {.member = span_cstr(m->options.member ? m->options.member : ""),
                                        .mode = m->options.mode,
                                        .warned_alert = m->options.warned,
                                        .now = m->now};
    arena_init(&m->config, CONFIG_ARENA_MAX);
    enum err e = config_decay_models(m->node->config, &m->config, &models, &settings.model_count, d);
    settings.models = e ? NULL : models;
    return e ? e : verdicts_new(m->holdings.index, m->reader, &settings, &m->verdicts, d);
}

static void print(struct matching *m) {
    if (m->out.len == 0) return;
    progress_end(&m->progress);
    m->failed = m->failed || !buf_ok(&m->out) || fwrite(m->out.at, 1, m->out.len, stdout) != m->out.len;
    buf_clear(&m->out);
}

static void write_row(struct matching *m, const struct alert *alert) {
    if (!m->header_written) alert_write_header(&m->out, &m->table);
    m->header_written = true;
    alert_write_row(&m->out, &m->table, alert);
}

/* A row of what is no alert goes to its own heading, the first of each. */
static void write_apart(struct matching *m, const struct alert *alert) {
    struct match_apart *apart = &m->apart[alert->validity];
    if (apart->count++ < APART_SHOWN) alert_write_row(&apart->rows, &m->table, alert);
}

static void write_group(struct matching *m, struct alert_group *group) {
    struct detect_indicator indicator;
    struct alert alert = group->alert;
    detect_index_get(m->holdings.index, group->hit.indicator, &indicator);
    verdict_names(m->verdicts, group->hit.indicator, &indicator);
    alert.indicator = &indicator;
    alert.hit = &group->hit;
    if (alert.validity == VALIDITY_ALERT)
        write_row(m, &alert);
    else
        write_apart(m, &alert);
}

void match_flush(struct matching *m) {
    for (size_t i = 0; i < m->groups.count; i++) write_group(m, &m->groups.groups[i]);
    alert_groups_clear(&m->groups);
    print(m);
}

static void write_table(struct matching *m, const struct alert *alert) {
    if (m->options.group) {
        if (!alert_groups_add(&m->groups, alert)) m->failed = true;
        if (alert_groups_full(&m->groups)) match_flush(m);
    } else if (alert->validity == VALIDITY_ALERT) {
        write_row(m, alert);
    } else {
        write_apart(m, alert);
    }
}

static void write_alert(struct matching *m, const struct alert *alert) {
    switch (m->options.format) {
    case MATCH_TABLE:
        write_table(m, alert);
        return;
    case MATCH_ECS:
        alert_write_ecs(&m->out, alert);
        break;
    case MATCH_EVE:
        alert_write_eve(&m->out, alert);
        break;
    case MATCH_STIX:
        if (alert->validity == VALIDITY_ALERT && match_bundle_add(m, alert, &m->trouble)) m->failed = true;
        break;
    }
    if (alert->validity != VALIDITY_ALERT) m->apart[alert->validity].count++;
}

bool match_on_hit(void *context, const struct detect_hit *hit) {
    struct matching *m = context;
    struct detect_indicator indicator;
    struct alert alert;
    bool sighting;
    if (!m->verdicts) return false; /* new indicators could not be put in place: it ends */
    if (verdict_of(m->verdicts, hit, &indicator, &alert, &sighting, &m->trouble)) {
        m->failed = true;
        return false;
    }
    m->alerts += alert.validity == VALIDITY_ALERT;
    m->revoked += alert.validity == VALIDITY_REVOKED;
    m->suppressed += alert.validity == VALIDITY_SUPPRESSED;
    if (sighting && (m->options.sightings || m->options.format == MATCH_STIX) &&
        !sighting_set_add(&m->sums, hit->indicator, 0, hit->time, m->now))
        m->failed = true;
    if (alert.validity != VALIDITY_REVOKED && alert.validity != VALIDITY_SUPPRESSED) write_alert(m, &alert);
    print(m);
    return !m->failed;
}

/* ---- the end ---- */

static void say_apart(struct matching *m, enum validity validity) {
    struct match_apart *apart = &m->apart[validity];
    if (apart->rows.len == 0) return;
    printf("%s%s, not alerts", m->header_written ? "\n" : "", alert_heading(validity));
    if (apart->count > APART_SHOWN)
        printf(" (%llu, the first %d)", (unsigned long long)apart->count, APART_SHOWN);
    else
        printf(" (%llu)", (unsigned long long)apart->count);
    puts(":");
    if (!m->header_written) alert_write_header(&m->out, &m->table);
    m->header_written = true;
    print(m);
    fwrite(apart->rows.at, 1, apart->rows.len, stdout);
}

static void say_count(uint64_t count, const char *what) {
    if (count) fprintf(stderr, ", %llu %s", (unsigned long long)count, what);
}

void match_say_summary(struct matching *m, int64_t took_us) {
    if (m->options.format == MATCH_STIX) {
        match_bundle_end(m);
        print(m);
    }
    if (m->options.format == MATCH_TABLE) {
        match_flush(m);
        for (int v = 0; v < VALIDITY_COUNT; v++) say_apart(m, (enum validity)v);
    }
    fflush(stdout);
    fprintf(stderr, "%llu lines (%.1f MB) in %.2f s (%.2f GB/s) against %u indicators: %llu alerts",
            (unsigned long long)m->lines, (double)m->bytes / 1e6, (double)took_us / 1e6,
            took_us > 0 ? (double)m->bytes / 1e3 / (double)took_us : 0.0, detect_index_count(m->holdings.index),
            (unsigned long long)m->alerts);
    fprintf(stderr, ", %llu outside validity, %llu of revoked indicators",
            (unsigned long long)m->apart[VALIDITY_OUTSIDE].count, (unsigned long long)m->revoked);
    say_count(m->apart[VALIDITY_WARNED].count, "on a warning list");
    say_count(m->apart[VALIDITY_DECAYED].count, "decayed");
    say_count(m->suppressed, "suppressed");
    say_count(m->unreadable, "lines not read");
    fputs("\n", stderr);
}
