/* Case files of this folder: a JSON object a line. */
#ifndef RENKEI_TESTS_STIX_CASE_LINES_H
#define RENKEI_TESTS_STIX_CASE_LINES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "json/json.h"

/* Calls run() for each line of tests/stix/<name>; `where` is "name:line" for messages. */
static inline void each_case(const char *name,
                             void (*run)(struct arena *a, struct json_value line, const char *where)) {
    const char *source = getenv("RENKEI_SOURCE");
    struct buf text = BUF_EMPTY;
    struct diag d;
    char path[512], where[160];
    unsigned number = 0;
    snprintf(path, sizeof path, "%s/tests/stix/%s", source ? source : ".", name);
    if (file_read(path, 1 << 24, &text, &d)) fail_msg("%s: %s", path, d.message);
    for (struct span rest = buf_span(&text); rest.len;) {
        struct span line = span_cut(&rest, '\n');
        struct arena a;
        struct json_doc doc;
        number++;
        if (line.len == 0) continue;
        snprintf(where, sizeof where, "%s:%u", name, number);
        arena_init(&a, 1 << 22);
        if (json_parse(&a, line, &doc, &d)) fail_msg("%s: %s", where, d.message);
        run(&a, json_root(&doc), where);
        arena_free(&a);
    }
    assert_true(number > 0);
    buf_free(&text);
}

/* The text of a member, as a C string in the arena. */
static inline const char *text_of(struct arena *a, struct json_value line, const char *member) {
    return arena_cstr(a, json_text(json_get(line, member), a));
}

#endif
