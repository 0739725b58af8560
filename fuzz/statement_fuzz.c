/* Consents, terminations and answers to erasures of any bytes: an error with a message, or a statement that is read
 * from what it writes. */
#include <stdlib.h>

#include "policy/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

static void read_again(struct arena *a, const struct statement *s) {
    struct buf text = BUF_EMPTY, first = BUF_EMPTY, second = BUF_EMPTY;
    struct statement again;
    struct diag d = {0};
    statement_write(s, &text);
    must(statement_read(a, buf_span(&text), s->kind, &again, &d) == ERR_NONE);
    statement_message(s, &first);
    statement_message(&again, &second);
    must(span_equal(buf_span(&first), buf_span(&second)));
    must(statement_verify(s, &d) == statement_verify(&again, &d));
    buf_free(&text);
    buf_free(&first);
    buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (int kind = STATEMENT_CONSENT; kind <= STATEMENT_ERASURE; kind++) {
        struct arena a;
        struct statement s;
        struct diag d = {0};
        arena_init(&a, 16 << 20);
        if (statement_read(&a, span_of(data, size), (enum statement_kind)kind, &s, &d))
            must(d.message[0]);
        else
            read_again(&a, &s);
        arena_free(&a);
    }
    return 0;
}
