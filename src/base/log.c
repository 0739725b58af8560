#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/time.h"

enum { LINE_MAX_SIZE = 2048 };

static atomic_int threshold = LOG_LEVEL_WARN;

void log_set_level(enum log_level level) {
    atomic_store(&threshold, level);
}

void log_write(enum log_level level, const char *format, ...) {
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char line[LINE_MAX_SIZE], time[TIME_TEXT_SIZE];
    if ((int)level > atomic_load(&threshold)) return;
    int at = snprintf(line, sizeof line, "%s %s ", time_format_us(clock_now(clock_system()), time), names[level]);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + at, sizeof line - (size_t)at - 1, format, args);
    va_end(args);
    size_t len = (size_t)at + (more < 0 ? 0 : (size_t)more);
    if (len > sizeof line - 2) len = sizeof line - 2;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) line[i] = '?'; /* a peer's text cannot forge a line */
    line[len++] = '\n';
    (void)!write(STDERR_FILENO, line, len); /* one write: lines of several threads do not mix */
}
