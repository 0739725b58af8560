/* Configurations of any bytes: an error that says what is wrong, or a configuration every part of which can be used. */
#include <stdlib.h>
#include <string.h>

#include "node/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

static void rewritten(const struct config *c) {
    struct buf text = BUF_EMPTY;
    struct config *again;
    struct diag d;
    must(config_write(&text, span_cstr(c->party), span_cstr(c->name), span_cstr(c->url), (struct span){0}, &d) ==
         ERR_NONE);
    if (config_read(buf_span(&text), &again, &d) == ERR_NONE) { /* a url may need a listen beside it */
        must(strcmp(again->party, c->party) == 0 && strcmp(again->name, c->name) == 0);
        config_free(&again);
    }
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct config *c;
    struct diag d = {0};
    char host[256];
    uint16_t port;
    if (config_read(span_of(data, size), &c, &d)) {
        must(d.message[0]);
        return 0;
    }
    must(c->party && c->name && c->url && strncmp(c->url, "https://", 8) == 0);
    must(config_listen(c, host, sizeof host, &port, &d) == ERR_NONE && host[0]);
    must(c->limits.requests_per_second && c->limits.burst && c->limits.failures_per_minute && c->limits.post_bytes);
    for (unsigned i = 0; i < c->members_count; i++) must(c->members[i].id && c->members[i].name);
    for (unsigned i = 0; i < c->sources_count; i++)
        must((c->sources[i].url != NULL) != (c->sources[i].domain != NULL && c->sources[i].collection != NULL) &&
             (c->sources[i].username == NULL) == (c->sources[i].password_file == NULL));
    rewritten(c);
    config_free(&c);
    return 0;
}
