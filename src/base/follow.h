/* Following a file that grows, as tail -F does: what is appended is read, a file that was truncated is read from its
 * beginning (copytruncate), and when another file has taken the name and is written to, the old one is read to its end
 * first and then the new one (rename and create). A line cut short by a change of file is ended there.
 *
 * Looks every FOLLOW_POLL_MS, so that it works on network file systems. What is overwritten or rotated away twice
 * between two looks is lost; a file truncated and grown past where it was read is told by its first bytes. */
#ifndef RENKEI_BASE_FOLLOW_H
#define RENKEI_BASE_FOLLOW_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { FOLLOW_POLL_MS = 50, FOLLOW_HEAD_SIZE = 256 };

struct follow;

/* *stop (borrowed; a signal handler may set it) ends the stream. */
MUST_CHECK enum err follow_open(const char *path, const volatile sig_atomic_t *stop, struct follow **out,
                                struct diag *d);
/* Waits for bytes. *got = 0 only when stopped. */
MUST_CHECK enum err follow_read(struct follow *f, void *at, size_t size, size_t *got, struct diag *d);
void follow_close(struct follow **f);

#endif
