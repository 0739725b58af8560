/* What becomes of a hit: judged, written, counted. */
#include <stdio.h>

#include "cli/match.h"

enum { OUTSIDE_SHOWN = 20 };

static void write_alert(struct matching *m, struct buf *to, const struct alert *alert) {
    size_t start = to->len;
    if (m->cli->json) {
        alert_write_ecs(to, alert);
        return;
    }
    alert_write_row(to, alert, m->width);
    cli_clean(to->at + start, to->len - start); /* telemetry is the attacker's text, too */
}

/* An indicator that hits once hits often: its names are looked up once. */
static struct span names_of(struct matching *m, uint32_t number, struct span id) {
    struct span *names = &m->names[number];
    struct diag ignored;
    if (!names->at && (detect_holdings_names(m->reader, id, &m->names_arena, names, &ignored) || !names->at))
        *names = SPAN("");
    return *names;
}

bool match_on_hit(void *context, const struct detect_hit *hit) {
    struct matching *m = context;
    struct detect_indicator indicator;
    detect_index_get(m->holdings.index, hit->indicator, &indicator);
    struct alert alert = {.hit = hit,
                          .indicator = &indicator,
                          .member = span_cstr(m->options.member ? m->options.member : ""),
                          .now = m->now};
    alert.validity = detect_validity(&indicator, hit->time, m->options.mode, m->now);
    if (alert.validity == VALIDITY_REVOKED) {
        m->revoked++;
        return true;
    }
    indicator.names = names_of(m, hit->indicator, indicator.id);
    if (alert.validity == VALIDITY_OUTSIDE) {
        if (m->outside_count++ < OUTSIDE_SHOWN || m->cli->json)
            write_alert(m, m->cli->json ? &m->out : &m->outside, &alert);
    } else {
        if (m->alerts++ == 0 && !m->cli->json) alert_write_header(&m->out, m->width);
        write_alert(m, &m->out, &alert);
        if (m->options.sightings && !sighting_set_add(&m->sums, hit->indicator, 0, hit->time, m->now)) m->failed = true;
    }
    if (m->out.len) {
        progress_end(&m->progress);
        m->failed = m->failed || fwrite(m->out.at, 1, m->out.len, stdout) != m->out.len;
        buf_clear(&m->out);
    }
    return !m->failed;
}

void match_say_summary(struct matching *m, int64_t took_us) {
    if (m->outside_count && !m->cli->json) {
        printf("%sOutside their indicators' validity, not alerts (%llu%s):\n", m->alerts ? "\n" : "",
               (unsigned long long)m->outside_count, m->outside_count > OUTSIDE_SHOWN ? ", the first 20" : "");
        if (m->alerts == 0) {
            alert_write_header(&m->out, m->width);
            fwrite(m->out.at, 1, m->out.len, stdout);
        }
        fwrite(m->outside.at, 1, m->outside.len, stdout);
    }
    fflush(stdout);
    fprintf(
        stderr,
        "%llu lines (%.1f MB) in %.2f s (%.2f GB/s) against %u indicators: %llu alerts, %llu outside validity, %llu "
        "of revoked indicators",
        (unsigned long long)m->lines, (double)m->bytes / 1e6, (double)took_us / 1e6,
        took_us > 0 ? (double)m->bytes / 1e3 / (double)took_us : 0.0, detect_index_count(m->holdings.index),
        (unsigned long long)m->alerts, (unsigned long long)m->outside_count, (unsigned long long)m->revoked);
    if (m->unreadable) fprintf(stderr, ", %llu lines not read", (unsigned long long)m->unreadable);
    fputs("\n", stderr);
}
