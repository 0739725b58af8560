/* Arenas, buffers and maps: what they hold, and what happens when there is no more room. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/map.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void arena_gives_aligned_pieces(void **state) {
    struct arena a;
    arena_init(&a, 8 << 20);
    char *pieces[300];
    for (size_t i = 0; i < 300; i++) {
        pieces[i] = arena_alloc(&a, i * 7);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)i, i * 7);
    }
    for (size_t i = 1; i < 300; i++) assert_int_equal((uint8_t)pieces[i][i * 7 - 1], i & 0xff);
    char *big = arena_alloc(&a, 3 << 20), *small = arena_alloc(&a, 1);
    assert_true(big && small);
    memset(big, 1, 3 << 20);
    *small = 1;
    arena_reset(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(arena_alloc(&a, 3 << 20)); /* from the block that was kept */
    arena_free(&a);
}

static void arena_overflow_is_sticky(void **state) {
    struct arena a;
    arena_init(&a, 100);
    assert_non_null(arena_alloc(&a, 64));
    assert_false(a.overflow);
    assert_null(arena_alloc(&a, 64));
    assert_true(a.overflow);
    assert_non_null(arena_alloc(&a, 16));
    assert_true(a.overflow);
    arena_reset(&a);
    assert_false(a.overflow);
    assert_non_null(arena_alloc(&a, 96));
    arena_free(&a);

    arena_init(&a, SIZE_MAX); /* sizes that no block header can be added to */
    for (size_t less = 0; less < 64; less++) {
        volatile size_t size = SIZE_MAX - less; /* volatile: the compiler would warn, rightly */
        assert_null(arena_alloc(&a, size));
        assert_null(arena_cstr(&a, (struct span){"x", size}));
    }
    volatile size_t half = SIZE_MAX / 2 + 2;
    assert_null(arena_zalloc(&a, half, 2));
    arena_free(&a);
}

static void arena_copies_text(void **state) {
    struct arena a;
    arena_init(&a, 1 << 20);
    assert_string_equal(arena_cstr(&a, SPAN("abc")), "abc");
    assert_true(span_is(arena_copy(&a, SPAN("abc")), "abc"));
    assert_int_equal(arena_copy(&a, (struct span){0}).len, 0);
    assert_true(span_is(arena_printf(&a, "%d-%s", 7, "x"), "7-x"));
    const uint8_t *zeroed = arena_zalloc(&a, 10, 10);
    for (size_t i = 0; i < 100; i++) assert_int_equal(zeroed[i], 0);
    arena_free(&a);
}

static void buf_grows(void **state) {
    struct buf b = BUF_EMPTY;
    buf_add_cstr(&b, "ab");
    buf_add_char(&b, 'c');
    buf_printf(&b, "%05d", 42);
    buf_add(&b, (struct span){0});
    assert_true(span_is(buf_span(&b), "abc00042"));
    assert_string_equal(buf_cstr(&b), "abc00042");
    buf_consume(&b, 3);
    assert_true(span_is(buf_span(&b), "00042"));
    buf_consume(&b, 99);
    assert_int_equal(b.len, 0);
    for (int i = 0; i < 10000; i++) buf_add_char(&b, (char)i);
    assert_int_equal(b.len, 10000);
    assert_int_equal((uint8_t)b.at[9999], 9999 & 0xff);
    buf_free(&b);
    assert_string_equal(buf_cstr(&b), "");
    buf_free(&b);
}

static void buf_keeps_its_cap(void **state) {
    struct buf b = {.cap = 4};
    buf_printf(&b, "%s", "abcd"); /* the NUL behind does not count */
    assert_true(buf_ok(&b));
    assert_string_equal(buf_cstr(&b), "abcd");
    buf_add_char(&b, 'e');
    assert_false(buf_ok(&b));
    assert_true(span_is(buf_span(&b), "abcd"));
    buf_consume(&b, 4);
    buf_add_char(&b, 'f'); /* sticky */
    assert_int_equal(b.len, 0);
    assert_null(buf_cstr(&b));
    buf_clear(&b);
    buf_add_cstr(&b, "f");
    assert_true(span_is(buf_span(&b), "f"));
    assert_null(buf_reserve(&b, SIZE_MAX));
    buf_free(&b);
}

static void map_remembers(void **state) {
    enum { COUNT = 20000 };
    struct map m;
    map_init(&m);
    uint64_t value = 0;
    char key[24];
    assert_false(map_get(&m, SPAN("x"), &value));
    for (uint64_t i = 0; i < COUNT; i++) {
        bool existed = true;
        int len = snprintf(key, sizeof key, "key-%llu", (unsigned long long)i);
        assert_true(map_set(&m, span_of(key, (size_t)len), i, &existed));
        assert_false(existed);
    }
    assert_true(map_set(&m, SPAN(""), 77, NULL));
    assert_true(map_get(&m, (struct span){0}, &value));
    assert_int_equal(value, 77);
    bool existed = false;
    assert_true(map_set(&m, SPAN("key-5"), 99, &existed));
    assert_true(existed);
    assert_true(map_get(&m, SPAN("key-5"), &value));
    assert_int_equal(value, 99);
    assert_true(map_get(&m, SPAN("key-19999"), NULL));
    assert_false(map_get(&m, SPAN("key-20000"), NULL));
    size_t at = 0, seen = 0;
    struct span name;
    while (map_next(&m, &at, &name, &value)) seen++;
    assert_int_equal(seen, COUNT + 1);
    assert_int_equal(m.count, COUNT + 1);
    map_clear(&m);
    assert_false(map_get(&m, SPAN("key-5"), NULL));
    assert_true(map_set(&m, SPAN("key-5"), 1, NULL));
    map_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_aligned_pieces), cmocka_unit_test(arena_overflow_is_sticky),
        cmocka_unit_test(arena_copies_text),          cmocka_unit_test(buf_grows),
        cmocka_unit_test(buf_keeps_its_cap),          cmocka_unit_test(map_remembers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
