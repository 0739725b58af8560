#include "base/err.h"

#include "base/span.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
    [ERR_NONE] = "none",           [ERR_NOMEM] = "no-memory",   [ERR_LIMIT] = "limit",
    [ERR_SYNTAX] = "syntax",       [ERR_INVALID] = "invalid",   [ERR_UNSUPPORTED] = "unsupported",
    [ERR_NOT_FOUND] = "not-found", [ERR_EXISTS] = "exists",     [ERR_DENIED] = "denied",
    [ERR_VERIFY] = "verify",       [ERR_BUSY] = "busy",         [ERR_IO] = "io",
    [ERR_NETWORK] = "network",     [ERR_INTERNAL] = "internal",
};

const char *err_name(enum err code) {
    return (unsigned)code < sizeof names / sizeof *names ? names[code] : "unknown";
}

enum err diag_set(struct diag *d, enum err code, const char *format, ...) {
    if (!d) return code;
    char message[DIAG_MESSAGE_SIZE]; /* arguments may point into *d itself */
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    *d = (struct diag){.code = code};
    memcpy(d->message, message, strlen(message) + 1);
    return code;
}

void diag_at(struct diag *d, uint64_t line, uint64_t column, uint64_t offset) {
    if (!d) return;
    d->line = line;
    d->column = column;
    d->offset = offset;
}

void diag_where(struct diag *d, const char *format, ...) {
    if (!d) return;
    char where[DIAG_WHERE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(where, sizeof where, format, args);
    va_end(args);
    memcpy(d->where, where, strlen(where) + 1);
}

void diag_prefix(struct diag *d, const char *format, ...) {
    if (!d) return;
    char message[DIAG_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (len < 0 || (size_t)len + sizeof ": " > sizeof message) return;
    struct span rest = span_first(span_cstr(d->message), sizeof message - (size_t)len - sizeof ": ");
    snprintf(message + len, sizeof message - (size_t)len, ": %.*s", SPAN_ARG(rest));
    memcpy(d->message, message, strlen(message) + 1);
}

const char *diag_text(const struct diag *d, char *text, unsigned size) {
    int at = 0;
    if (size == 0) return text;
    text[0] = 0;
    if (d->where[0]) at = snprintf(text, size, "%s:", d->where);
    if (at >= 0 && (unsigned)at < size && d->line) {
        at +=
            snprintf(text + at, size - (unsigned)at, d->where[0] ? "%llu:" : "line %llu:", (unsigned long long)d->line);
        if ((unsigned)at < size && d->column)
            at += snprintf(text + at, size - (unsigned)at, "%llu:", (unsigned long long)d->column);
    }
    if (at >= 0 && (unsigned)at < size) snprintf(text + at, size - (unsigned)at, "%s%s", at ? " " : "", d->message);
    return text;
}
