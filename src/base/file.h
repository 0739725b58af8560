/* Files: whole reads with a limit, atomic durable writes, and input streams that undo gzip, zstd, bzip2 and xz by
 * themselves. */
#ifndef RENKEI_BASE_FILE_H
#define RENKEI_BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/follow.h"

/* Reads all of a file of at most `limit` bytes into *out (appended). */
MUST_CHECK enum err file_read(const char *path, size_t limit, struct buf *out, struct diag *d);
/* Whether `path` leads to a device or pipe (/dev/stdout, a FIFO): such is written to; a file renamed into its place is
 * what nobody meant. */
bool file_is_stream(const char *path);
/* Writes beside, fsyncs, renames over `path`, fsyncs the folder: after success the content survives a power cut. A
 * stream is written to as it is. */
MUST_CHECK enum err file_write(const char *path, struct span content, unsigned mode, struct diag *d);
/* Makes durable that a file of this path was made, renamed or removed. */
MUST_CHECK enum err file_sync_folder(const char *path, struct diag *d);
/* mkdir -p with the given mode for what is made. */
MUST_CHECK enum err file_make_folder(const char *path, unsigned mode, struct diag *d);
/* Writes all of `data` to fd, going on after EINTR and short writes. */
MUST_CHECK enum err file_write_all(int fd, struct span data, struct diag *d);

/* A stream of decompressed bytes. The format (plain, gzip incl. concatenated members, zstd incl. several frames) is
 * known from its first bytes. A truncated or corrupt stream is an error, not an end; so is UTF-16, by its byte order
 * mark (what Windows writes), at opening: read as bytes it would seem to be empty of all that is looked for. */
struct input;
/* Takes over fd (closed by input_close(), also when opening fails). name is for messages, copied. */
MUST_CHECK enum err input_open_fd(int fd, const char *name, struct input **out, struct diag *d);
/* "-" is stdin. */
MUST_CHECK enum err input_open(const char *path, struct input **out, struct diag *d);
/* A file that grows (follow.h): the stream ends when *stop is set. */
MUST_CHECK enum err input_open_follow(const char *path, const volatile sig_atomic_t *stop, struct input **out,
                                      struct diag *d);
/* Up to `size` (more than 0) bytes into `at`; *got = 0 only at the end. */
MUST_CHECK enum err input_read(struct input *in, void *at, size_t size, size_t *got, struct diag *d);
/* Bytes taken from the file so far, and the file's size (0 if it has none: a pipe): for progress. */
uint64_t input_raw_bytes(const struct input *in);
uint64_t input_raw_size(const struct input *in);
bool input_is_compressed(const struct input *in);
const char *input_name(const struct input *in);
void input_close(struct input **in);

#endif
