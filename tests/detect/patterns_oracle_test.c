/* Nothing is missed on the way to the evaluator: whatever full patterns find in a file is what the evaluator finds when
 * every [ ] is tried on every line's observation. Patterns are made of the lines' own values. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "detect/observation.h"
#include "detect/patterns.h"
#include "json/json.h"

enum { LINES = 1500, PATTERNS = 120, LINE_SIZE = 16384 };

static uint64_t seed = 11;
static uint32_t under(uint32_t n) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % n;
}

/* --- telemetry --- */

struct telemetry {
    struct buf text;
    struct span lines[LINES];
    uint32_t count;
};

/* Every n-th line of a file, with a blow struck at some: escapes and case, as sensors differ in. */
static void take_lines(struct telemetry *t, const char *path, uint32_t wanted) {
    static char line[LINE_SIZE];
    FILE *file = fopen(path, "rb");
    if (!file) return;
    uint32_t step = 1 + under(7);
    for (uint32_t n = 0; t->count < LINES && wanted > 0 && fgets(line, sizeof line, file); n++) {
        size_t len = strlen(line);
        if (n % step || len < 2 || line[len - 1] != '\n') continue;
        size_t start = t->text.len;
        for (size_t i = 0; i < len; i++) {
            bool letter = line[i] >= 'a' && line[i] <= 'z' && i > 0 && line[i - 1] == '.';
            if (letter && under(200) == 0)
                buf_printf(&t->text, "\\u00%02x", (unsigned)line[i]);
            else
                buf_add_char(&t->text, line[i]);
        }
        t->lines[t->count++] = span_of(NULL, start);
        wanted--;
    }
    fclose(file);
}

static bool read_telemetry(struct telemetry *t) {
    static const char *const files[] = {
        "zeek/apt29-day1-SCRANTON-dns.ndjson",      "zeek/apt29-day1-SCRANTON-http.ndjson",
        "zeek/apt29-day1-SCRANTON-ssl.ndjson",      "zeek/apt29-day1-SCRANTON-files.ndjson",
        "zeek/apt29-day1-SCRANTON-x509.ndjson",     "zeek/apt29-day1-SCRANTON-conn.ndjson",
        "zeek/apt29-day1-SCRANTON-kerberos.ndjson", "zeek/apt29-day1-SCRANTON-smb_files.ndjson",
        "eve/log4shell-jndi-reference.json",        "eve/apt29-day2-UTICA-A.json",
        "eve/log4shell-java-serialized.json",
    };
    const char *shared = getenv("RENKEI_SHARED_DATA"), *source = getenv("RENKEI_SOURCE");
    char path[4096];
    t->text = BUF_EMPTY;
    t->count = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (shared)
            snprintf(path, sizeof path, "%s/telemetry/%s", shared, files[i]);
        else
            snprintf(path, sizeof path, "%s/../shared/data/telemetry/%s", source ? source : ".", files[i]);
        take_lines(t, path, LINES / 8);
    }
    for (uint32_t i = 0; i < t->count; i++) {
        size_t end = i + 1 < t->count ? t->lines[i + 1].len : t->text.len;
        t->lines[i] = span_of(t->text.at + t->lines[i].len, end - t->lines[i].len - 1);
    }
    return t->count > 0;
}

static const struct detect_event *event_of(struct span line, struct arena *a) {
    const struct detect_event *event = NULL;
    struct diag d;
    if (detect_reader_ndjson.read(line, NULL, a, &event, &d)) return NULL;
    return event;
}

/* --- patterns --- */

static void write_quoted(struct buf *out, struct span text) {
    buf_add_char(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\'' || text.at[i] == '\\') buf_add_char(out, '\\');
        buf_add_char(out, text.at[i]);
    }
    buf_add_char(out, '\'');
}

static void write_regex(struct buf *out, struct span text) {
    struct buf regex = BUF_EMPTY;
    if (under(4) == 0) buf_add_char(&regex, '^');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (word && under(12) == 0)
            buf_add_cstr(&regex, "[a-zA-Z0-9]");
        else if (word && under(12) == 0)
            buf_printf(&regex, "(%c|%c)", c, 'x');
        else if (word && under(15) == 0)
            buf_printf(&regex, "%c+", c);
        else if ((unsigned char)c < 0x80)
            buf_printf(&regex, word ? "%c" : "\\x%02x", word ? (unsigned)c : (unsigned char)c);
        else
            buf_add_char(&regex, '.');
    }
    write_quoted(out, buf_span(&regex));
    buf_free(&regex);
}

static void write_like(struct buf *out, struct span text) {
    struct buf like = BUF_EMPTY;
    if (under(2)) buf_add_char(&like, '%');
    for (size_t i = 0; i < text.len; i++) {
        if (under(10) == 0 && (unsigned char)text.at[i] < 0x80)
            buf_add_char(&like, '_');
        else
            buf_add_char(&like, text.at[i]);
    }
    if (under(2)) buf_add_char(&like, '%');
    write_quoted(out, buf_span(&like));
    buf_free(&like);
}

static struct span part_of(struct span text) {
    if (text.len < 5 || under(2)) return text;
    size_t from = under((uint32_t)text.len / 2), len = 3 + under((uint32_t)(text.len - from - 2));
    while (from > 0 && ((unsigned char)text.at[from] & 0xc0) == 0x80) from--;
    while (from + len < text.len && ((unsigned char)text.at[from + len] & 0xc0) == 0x80) len++;
    return span_first(span_from(text, from), len);
}

/* A text or number somewhere in the object, and its path. */
static bool pick(struct json_value object, struct arena *a, struct buf *path, struct json_value *value) {
    for (unsigned depth = 0; depth < 6; depth++) {
        enum json_type type = json_type(object);
        if (type == JSON_STRING || type == JSON_NUMBER) {
            *value = object;
            return true;
        }
        uint32_t count = json_count(object);
        if (count == 0) return false;
        uint32_t n = under(count);
        struct json_iter it = json_iter(object);
        do
            if (!json_next(&it)) return false;
        while (n-- > 0);
        if (type == JSON_ARRAY) {
            buf_add_cstr(path, "[*]");
        } else {
            struct span key = json_text(it.key, a);
            if (span_is(key, "id") || span_is(key, "type")) return false;
            if (span_ends(key, SPAN("_ref")) || span_ends(key, SPAN("_refs"))) return false;
            if (path->len) buf_add_char(path, '.');
            write_quoted(path, key);
        }
        object = it.value;
    }
    return false;
}

static bool write_test(struct buf *out, const struct pattern_object *object, struct arena *a) {
    struct buf path = BUF_EMPTY;
    struct json_value value;
    bool good = pick(object->value, a, &path, &value);
    if (good) {
        /* the first key stands unquoted */
        struct span spelt = buf_span(&path);
        const char *close = memchr(spelt.at + 1, '\'', spelt.len - 1);
        buf_printf(out, "%.*s:%.*s%.*s ", SPAN_ARG(object->type), (int)(close - spelt.at - 1), spelt.at + 1,
                   (int)(spelt.at + spelt.len - close - 1), close + 1);
        struct span text = json_text(value, a);
        if (json_type(value) == JSON_NUMBER) {
            static const char *const compares[] = {"=", "!=", "<", ">="};
            buf_printf(out, "%s %.*s", compares[under(4)], SPAN_ARG(json_raw(value)));
        } else {
            switch (under(8)) {
            case 0:
                buf_add_cstr(out, under(2) ? "= " : "NOT = ");
                write_quoted(out, text);
                break;
            case 1:
            case 2:
            case 3:
                buf_add_cstr(out, "LIKE ");
                write_like(out, part_of(text));
                break;
            case 4:
                buf_add_cstr(out, "IN (");
                write_quoted(out, text);
                buf_add_cstr(out, ", 'something else')");
                break;
            default:
                buf_add_cstr(out, "MATCHES ");
                write_regex(out, part_of(text));
            }
        }
    }
    buf_free(&path);
    return good;
}

static bool write_pattern(struct buf *out, const struct pattern_observation *o, struct arena *a) {
    if (o->object_count == 0) return false;
    const struct pattern_object *object = &o->objects[under(o->object_count)];
    buf_add_char(out, '[');
    if (!write_test(out, object, a)) return false;
    if (under(3) == 0) {
        buf_add_cstr(out, under(2) ? " AND " : " OR ");
        if (!write_test(out, object, a)) return false;
    }
    buf_add_char(out, ']');
    return true;
}

/* --- the comparison --- */

struct outcome {
    uint8_t *hit; /* by indicator and line */
};

static bool on_hit(void *context, const struct detect_hit *hit) {
    const struct outcome *o = context;
    o->hit[hit->indicator * LINES + hit->line - 1] = 1;
    return true;
}

static bool holds_by_itself(const struct pattern_program *program, struct span line, struct arena *a) {
    struct pattern_observation observation;
    struct pattern_budget budget = {.steps = DETECT_PATTERN_STEPS};
    struct diag d;
    const struct detect_event *event = event_of(line, a);
    if (!event || event_observation(event, true, a, &observation, &d)) return false;
    return pattern_program_holds(program, 0, &observation, a, &budget, NULL);
}

static void run(const struct detect_index *index, const struct telemetry *t, struct outcome *out) {
    char path[] = "/tmp/renkei-oracle-XXXXXX";
    struct detect_patterns_settings settings = {.on_hit = on_hit, .context = out};
    struct detect_patterns *set;
    struct scan_result result;
    struct diag d;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, buf_span(&t->text), &d), ERR_NONE);
    close(fd);
    if (detect_patterns_new(index, &settings, &set, &d)) fail_msg("%s", d.message);
    struct scan_options options = {.index = index,
                                   .patterns = detect_patterns_hooks(set),
                                   .reader = &detect_reader_ndjson,
                                   .threads = 2,
                                   .chunk_size = 65536,
                                   .on_hit = on_hit,
                                   .context = out};
    assert_int_equal(scan_path(path, &options, &result, &d), ERR_NONE);
    unlink(path);
    detect_patterns_free(&set);
}

/* One pattern at a time in the index: a line parsed for another's sake would hide a miss. */
static void check_one(struct span text, const struct telemetry *t, uint8_t *hit, unsigned *hits, unsigned *full) {
    static const struct pattern_settings folding = {observation_fold, observation_caseless};
    struct detect_builder *b;
    struct detect_index *index;
    struct detect_indicator in = {.id = SPAN("indicator--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"),
                                  .pattern = text,
                                  .valid_from = TIME_NONE,
                                  .valid_until = TIME_NONE};
    const struct pattern *pattern;
    struct pattern_program *program = NULL;
    struct outcome out = {hit};
    struct arena a, scratch;
    struct diag d;
    const char *reason;
    arena_init(&a, 64 << 20);
    arena_init(&scratch, 64 << 20);
    assert_int_equal(detect_builder_new(&b, &d), ERR_NONE);
    assert_int_equal(detect_builder_add(b, &in, &d), ERR_NONE);
    assert_int_equal(detect_builder_finish(&b, &index, &d), ERR_NONE);
    if (detect_index_unsupported_count(index) == 1) (void)detect_index_unsupported(index, 0, &reason);
    if (detect_index_unsupported_count(index) == 1 && reason[0] == '\0') {
        ++*full;
        memset(hit, 0, LINES);
        run(index, t, &out);
        if (pattern_parse(&a, text, &pattern, &d) || pattern_program_build(&a, pattern, &folding, &program, &d))
            fail_msg("%.*s: %s", SPAN_ARG(text), d.message);
        for (uint32_t i = 0; i < t->count; i++) {
            arena_reset(&scratch);
            bool holds = holds_by_itself(program, t->lines[i], &scratch);
            if (holds != hit[i])
                fail_msg("%.*s\n%s by match on: %.*s", SPAN_ARG(text), holds ? "missed" : "invented",
                         SPAN_ARG(t->lines[i]));
            *hits += holds;
        }
    }
    pattern_program_free(&program);
    detect_index_free(&index);
    arena_free(&a);
    arena_free(&scratch);
}

static void test_nothing_is_missed(void **state) {
    static struct telemetry t;
    static uint8_t hit[LINES];
    struct arena a;
    struct buf text = BUF_EMPTY;
    struct diag d;
    unsigned hits = 0, full = 0;
    const char *wanted = getenv("RENKEI_ORACLE_PATTERNS");
    unsigned patterns = wanted ? (unsigned)strtoul(wanted, NULL, 10) : PATTERNS;
    (void)state;
    if (!read_telemetry(&t)) {
        print_message("skipped: there is no shared data\n");
        skip();
    }
    arena_init(&a, 64 << 20);
    for (unsigned i = 0; i < patterns;) {
        struct pattern_observation observation;
        arena_reset(&a);
        buf_clear(&text);
        const struct detect_event *event = event_of(t.lines[under(t.count)], &a);
        if (!event || event_observation(event, under(2), &a, &observation, &d)) continue;
        if (!write_pattern(&text, &observation, &a)) continue;
        i++;
        check_one(buf_span(&text), &t, hit, &hits, &full);
    }
    printf("%u full patterns of %u on %u lines: %u hits\n", full, patterns, t.count, hits);
    assert_true(full > patterns / 3 && hits > full / 2);
    buf_free(&text);
    buf_free(&t.text);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_is_missed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
