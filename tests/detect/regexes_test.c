/* The sieve of expressions never misses: against PCRE2 and an obvious LIKE, one text and one expression at a time. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/time.h"
#include "detect/regexes.h"

static uint64_t seed = 7;
static uint32_t under(uint32_t n) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % n;
}

static bool like(struct span pattern, struct span text) {
    if (pattern.len == 0) return text.len == 0;
    if (pattern.at[0] == '%') {
        for (size_t i = 0; i <= text.len; i++)
            if (like(span_from(pattern, 1), span_from(text, i))) return true;
        return false;
    }
    if (text.len == 0) return false;
    bool same = pattern.at[0] == '_' || span_equal_nocase(span_first(pattern, 1), span_first(text, 1));
    return same && like(span_from(pattern, 1), span_from(text, 1));
}

static bool matches(struct span pattern, struct span text, bool caseless) {
    int error;
    PCRE2_SIZE at;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern.at, pattern.len, PCRE2_UTF | (caseless ? PCRE2_CASELESS : 0),
                                     &error, &at, NULL);
    if (!code) return false;
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    bool found = pcre2_match(code, (PCRE2_SPTR)text.at, text.len, 0, 0, data, NULL) >= 0;
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return found;
}

static bool note(void *context, uint32_t number, size_t end) {
    bool *seen = context;
    (void)end;
    seen[number] = true;
    return true;
}

enum { EXPRESSIONS = 60, TEXTS = 400 };

static struct span make_text(struct buf *all, const char *const *parts, uint32_t count, uint32_t most) {
    size_t start = all->len;
    for (uint32_t i = under(most + 1); i > 0; i--) buf_add_cstr(all, parts[under(count)]);
    buf_add_char(all, '\0');
    return span_of(NULL, start << 32 | (all->len - 1 - start)); /* placed when the buffer stands still */
}

static struct span placed(struct buf *all, struct span packed) {
    return span_of(all->at + (packed.len >> 32), packed.len & UINT32_MAX);
}

static void test_never_misses(void **state) {
    static const char *const pieces[] = {"a", "b", "A", "%", "_", ".", "evil", "é", "ſ", "\n", "K"};
    static const char *const regexes_of[] = {"a",     "B",       ".",      "[^a]",        "b*",     "^",
                                             "$",     "(a|bb)",  "\\w",    "é",           "a{2,3}", "(?i)",
                                             "(?=a)", "\\bevil", "(a)\\1", "[^[:upper:]]"};
    static const char *const texts_of[] = {"a", "b", "A", "B", "evil", "EVIL", ".", "é", "É", "s", "\n", "K", "k", " "};
    struct diag d;
    struct buf all = BUF_EMPTY;
    unsigned held = 0, named = 0;
    (void)state;
    for (int round = 0; round < 12; round++) {
        struct regex list[EXPRESSIONS];
        struct span texts[TEXTS];
        buf_clear(&all);
        for (uint32_t i = 0; i < EXPRESSIONS; i++) {
            list[i] = (struct regex){.number = i,
                                     .kind = (enum regex_kind[]){REGEX_EQUAL, REGEX_LIKE, REGEX_MATCHES}[under(3)]};
            list[i].caseless = under(2);
            list[i].text =
                list[i].kind == REGEX_MATCHES ? make_text(&all, regexes_of, 16, 5) : make_text(&all, pieces, 11, 6);
        }
        for (uint32_t i = 0; i < TEXTS; i++) texts[i] = make_text(&all, texts_of, 14, 6);
        for (uint32_t i = 0; i < EXPRESSIONS; i++) list[i].text = placed(&all, list[i].text);
        struct regexes *set;
        struct regexes_memory *memory;
        assert_int_equal(regexes_new(list, EXPRESSIONS, &set, &d), ERR_NONE);
        assert_int_equal(regexes_memory_new(set, &memory, &d), ERR_NONE);
        for (uint32_t t = 0; t < TEXTS; t++) {
            bool seen[EXPRESSIONS] = {0};
            struct span text = placed(&all, texts[t]);
            regexes_find(set, memory, text, note, seen);
            for (uint32_t i = 0; i < EXPRESSIONS; i++) {
                bool holds = list[i].kind == REGEX_MATCHES ? matches(list[i].text, text, list[i].caseless)
                             : list[i].kind == REGEX_LIKE  ? like(list[i].text, text)
                                                           : span_equal_nocase(list[i].text, text);
                if (holds && !seen[i])
                    fail_msg("kind %d \"%.*s\" on \"%.*s\" is missed", list[i].kind, SPAN_ARG(list[i].text),
                             SPAN_ARG(text));
                held += holds;
                named += seen[i];
            }
        }
        regexes_memory_free(&memory);
        regexes_free(&set);
    }
    printf("%u held, %u named of %u\n", held, named, 12 * EXPRESSIONS * TEXTS);
    buf_free(&all);
}

/* A thousand of them, and what no engine of that kind takes. */
static void test_a_thousand(void **state) {
    static char texts[1003][64];
    struct regex list[1003];
    struct regexes *set;
    struct regexes_memory *memory;
    struct diag d;
    bool seen[1003] = {0};
    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(texts[i], sizeof texts[i], i % 2 ? "%%evil%uxyz%%" : "(a+)+%ub$", i);
        list[i] = (struct regex){.kind = i % 2 ? REGEX_LIKE : REGEX_MATCHES, .text = span_cstr(texts[i]), .number = i};
    }
    list[1000] = (struct regex){.kind = REGEX_MATCHES, .text = SPAN("(((("), .number = 1000};
    list[1001] = (struct regex){.kind = REGEX_MATCHES, .text = SPAN("(?<=a.*)b"), .number = 1001};
    list[1002] = (struct regex){.kind = REGEX_MATCHES, .text = SPAN("(a{1,9999}){1,9999}b"), .number = 1002};
    int64_t started = clock_monotonic_us();
    assert_int_equal(regexes_new(list, 1003, &set, &d), ERR_NONE);
    printf("1003 expressions in %.2f s\n", (double)(clock_monotonic_us() - started) / 1e6);
    assert_int_equal(regexes_memory_new(set, &memory, &d), ERR_NONE);
    regexes_find(set, memory, SPAN("www.EVIL501xyz.example"), note, seen);
    for (uint32_t i = 0; i < 1000; i++) assert_true(regexes_are_blind(set) || seen[i] == (i == 501));
    assert_true(seen[1000] && seen[1002]); /* cannot be told: named for every text */
    regexes_memory_free(&memory);
    regexes_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_never_misses), cmocka_unit_test(test_a_thousand)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
