/* Case files: lines in which <e6> is a byte, <n> a line feed, <t> a tab, and <x64:[> 64 times what follows. */
#ifndef RENKEI_TESTS_JSON_CASE_FILE_H
#define RENKEI_TESTS_JSON_CASE_FILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/file.h"

/* Appends the line's meaning. */
static inline void case_decode(struct span line, struct buf *out) {
    while (line.len) {
        struct span plain = span_cut(&line, '<');
        buf_add(out, plain);
        if (!line.at) return;
        struct span code = span_cut(&line, '>');
        uint8_t byte;
        if (span_is(code, "n")) {
            buf_add_char(out, '\n');
        } else if (span_is(code, "t")) {
            buf_add_char(out, '\t');
        } else if (hex_read(code, &byte, 1)) {
            buf_add_char(out, (char)byte);
        } else {
            uint64_t times = 0;
            struct span what = span_from(code, 1), count = span_cut(&what, ':');
            assert_true(span_u64(count, &times) && code.at[0] == 'x');
            while (times--) buf_add(out, what);
        }
    }
}

/* Reads tests/json/<name>; free with buf_free(). */
static inline struct buf case_file(const char *name) {
    struct buf b = BUF_EMPTY;
    struct diag d = {0};
    char path[4096];
    const char *source = getenv("RENKEI_SOURCE");
    snprintf(path, sizeof path, "%s/tests/json/%s", source ? source : ".", name);
    if (file_read(path, 1 << 20, &b, &d)) fail_msg("%s", d.message);
    return b;
}

/* The next line that is neither empty nor a comment, counted. False at the end. */
static inline bool case_line(struct span *rest, struct span *line, unsigned *number) {
    while (rest->len) {
        *line = span_cut(rest, '\n');
        ++*number;
        if (line->len && line->at[0] != '#') return true;
    }
    return false;
}

#endif
