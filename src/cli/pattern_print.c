#include "cli/pattern_print.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "pattern/outline.h"

enum { EXCERPT_COLUMNS = 70 /* of the pattern, around the place that is wrong */ };

static void put_clean(struct buf *text, FILE *to) {
    if (text->len) cli_clean(text->at, text->len);
    fwrite(text->at, 1, text->len, to);
}

/* ---- what is wrong ---- */

static size_t character(struct span text, size_t at) {
    size_t len = 1;
    while (at + len < text.len && ((unsigned char)text.at[at + len] & 0xc0) == 0x80) len++;
    return len;
}

/* The part of the pattern around the column, on one line, and a caret below it. */
static void print_caret(struct span text, uint64_t column) {
    struct buf excerpt = BUF_EMPTY;
    uint64_t first = column > EXCERPT_COLUMNS / 2 ? column - EXCERPT_COLUMNS / 2 : 1, number = 1;
    for (size_t i = 0, len; i < text.len && number < first + EXCERPT_COLUMNS; i += len, number++) {
        len = character(text, i);
        if (number < first) continue;
        bool blank = len == 1 && (unsigned char)text.at[i] <= ' ';
        buf_add(&excerpt, blank ? SPAN(" ") : span_of(text.at + i, len));
    }
    fputs(first > 1 ? "  …" : "  ", stderr);
    put_clean(&excerpt, stderr);
    fprintf(stderr, "\n%*s^\n", (int)(column - first + (first > 1 ? 3 : 2)), "");
    buf_free(&excerpt);
}

static void print_diag(const struct pattern_answer *answer, const struct diag *d) {
    struct buf message = BUF_EMPTY;
    buf_add_cstr(&message, "renkei: ");
    if (d->column) buf_printf(&message, "column %llu: ", (unsigned long long)d->column);
    buf_printf(&message, "%s\n", d->message);
    put_clean(&message, stderr);
    if (d->column) print_caret(answer->text, d->column);
    buf_free(&message);
}

/* ---- explain ---- */

/* 5400 s as "1 h 30 min". */
static void write_duration(struct buf *out, int64_t us) {
    static const struct {
        int64_t s;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};
    int64_t s = us / TIME_US_PER_S;
    bool any = false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (s < units[i].s) continue;
        buf_printf(out, "%s%lld %s", any ? " " : "", (long long)(s / units[i].s), units[i].unit);
        s %= units[i].s;
        any = true;
    }
    if (!any || s || us % TIME_US_PER_S)
        buf_printf(out, "%s%g s", any ? " " : "", (double)(us % TIME_US_PER_S) / (double)TIME_US_PER_S + (double)s);
}

static void write_state(struct buf *out, const struct pattern_answer *answer) {
    bool by_default = false;
    if (!answer->plan) {
        buf_printf(out, "cannot be followed on a stream: %s\n", answer->no_plan.message);
        return;
    }
    if (stream_plan_is_stateless(answer->plan)) {
        buf_add_cstr(out, "none: each observation is decided alone\n");
        return;
    }
    int64_t window = stream_plan_window_us(answer->plan, &by_default);
    buf_printf(out, "observations are kept a scope (match --scope: the member, the sensor or the host) for ");
    write_duration(out, window);
    buf_printf(out, "%s, and ", by_default ? " (where the pattern does not say: match --window)" : "");
    write_duration(out, STREAM_LATE_DEFAULT_US);
    buf_printf(out,
               " longer for late ones (match --late); at most %d a scope and %d in all; the smallest match takes %llu "
               "of them\n",
               STREAM_EVENTS_A_SCOPE, STREAM_EVENTS, (unsigned long long)stream_plan_instances(answer->plan));
}

static void print_explanation(const struct pattern_answer *answer) {
    struct buf text = BUF_EMPTY;
    pattern_write_outline(&text, answer->pattern);
    buf_add_cstr(&text, "\nlooked for first:\n");
    struct buf needs = BUF_EMPTY;
    pattern_necessary_explain(&needs, answer->needs, answer->need_count);
    for (struct span rest = buf_span(&needs); rest.len;) {
        struct span line = span_cut(&rest, '\n');
        buf_printf(&text, "  %.*s\n", SPAN_ARG(line));
    }
    buf_add_cstr(&text, "state kept:\n  ");
    write_state(&text, answer);
    put_clean(&text, stdout);
    buf_free(&needs);
    buf_free(&text);
}

/* ---- the forms ---- */

static void write_verdict(struct buf *out, const struct pattern_answer *answer) {
    if (!answer->tested) {
        buf_add_cstr(out, "ok");
        return;
    }
    buf_add_cstr(out, answer->matched ? "match" : "no match");
    for (uint32_t i = 0; answer->matched && i < answer->binding_count; i++) buf_printf(out, " %u", answer->binding[i]);
}

void pattern_print(const struct pattern_answer *answer, struct diag *d) {
    struct buf line = BUF_EMPTY;
    if (answer->odd) print_diag(answer, &answer->oddity);
    if (answer->trouble) {
        print_diag(answer, d);
    } else if (answer->explained) {
        print_explanation(answer);
    } else {
        write_verdict(&line, answer);
        printf("%.*s\n", SPAN_ARG(buf_span(&line)));
    }
    buf_free(&line);
}

void pattern_print_line(const struct pattern_answer *answer, struct diag *d) {
    struct buf line = BUF_EMPTY;
    if (answer->trouble) {
        buf_add_cstr(&line, answer->bad ? "bad pattern: " : "no answer: ");
        if (d->column) buf_printf(&line, "column %llu: ", (unsigned long long)d->column);
        buf_add_cstr(&line, d->message);
    } else if (answer->explained) {
        buf_printf(&line, "%.*s\n", SPAN_ARG(answer->text));
        put_clean(&line, stdout);
        buf_clear(&line);
        print_explanation(answer);
    } else {
        write_verdict(&line, answer);
    }
    buf_add_char(&line, '\n');
    put_clean(&line, stdout);
    buf_free(&line);
}

static void write_places(struct json_writer *w, const struct pattern_answer *answer) {
    json_key(w, "binding");
    json_begin_array(w);
    for (uint32_t i = 0; i < answer->binding_count; i++) json_number(w, answer->binding[i]);
    json_end_array(w);
    json_key(w, "observations");
    json_begin_array(w);
    for (uint32_t i = 0, file = 0; i < answer->binding_count; i++) {
        while (file + 1 < answer->files->count && answer->ends[file] <= answer->binding[i]) file++;
        json_begin_object(w);
        json_member_cstr(w, "file", answer->files->paths[file]);
        json_member_number(w, "line", (int64_t)answer->list->lines[answer->binding[i]]);
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_lines(struct json_writer *w, const char *key, struct buf *text) {
    json_key(w, key);
    json_begin_array(w);
    for (struct span rest = buf_span(text); rest.len;) json_string(w, span_cut(&rest, '\n'));
    json_end_array(w);
    buf_clear(text);
}

static void write_explanation(struct json_writer *w, const struct pattern_answer *answer) {
    struct buf text = BUF_EMPTY;
    bool by_default = false;
    pattern_write_outline(&text, answer->pattern);
    write_lines(w, "outline", &text);
    pattern_necessary_explain(&text, answer->needs, answer->need_count);
    write_lines(w, "looked_for", &text);
    json_key(w, "open"); /* the observations nothing can be looked for of */
    json_begin_array(w);
    for (uint32_t i = 0; i < answer->need_count; i++)
        if (answer->needs[i].count == 0) json_number(w, i + 1);
    json_end_array(w);
    if (!answer->plan) {
        json_member_cstr(w, "not_on_streams", answer->no_plan.message);
    } else {
        bool stateless = stream_plan_is_stateless(answer->plan);
        json_member_truth(w, "stateful", !stateless);
        if (!stateless) {
            int64_t window = stream_plan_window_us(answer->plan, &by_default);
            json_key(w, "window_seconds");
            json_real(w, (double)window / (double)TIME_US_PER_S);
            json_member_truth(w, "window_by_default", by_default);
            json_member_number(w, "instances", (int64_t)stream_plan_instances(answer->plan));
        }
    }
    buf_free(&text);
}

void pattern_print_json(const struct pattern_answer *answer, struct diag *d) {
    struct buf line = BUF_EMPTY;
    struct json_writer w = json_writer(&line);
    json_begin_object(&w);
    json_member(&w, "pattern", answer->text);
    json_member_truth(&w, "valid", !answer->bad);
    if (answer->trouble) {
        if (d->column) {
            json_member_number(&w, "column", (int64_t)d->column);
            json_member_number(&w, "offset", (int64_t)d->offset);
        }
        json_member_cstr(&w, "error", err_name(answer->trouble));
        json_member_cstr(&w, "message", d->message);
    } else if (answer->explained) {
        write_explanation(&w, answer);
    } else if (answer->tested) {
        json_member_truth(&w, "matched", answer->matched);
        if (answer->odd) json_member_cstr(&w, "warning", answer->oddity.message);
        if (answer->matched) write_places(&w, answer);
    }
    json_end_object(&w);
    buf_add_char(&line, '\n');
    fwrite(line.at, 1, line.len, stdout);
    buf_free(&line);
}
