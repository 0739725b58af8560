/* The index in a file: written once, mapped by whoever matches, so that nothing has to be built before the first line
 * is read. The file is the arrays of index_layout.h behind a header; it is good for this version of the program, on a
 * machine of the same byte order, and for one state of the store, whose fingerprint it carries. Whatever is wrong with
 * it, the answer is to build it anew: it holds nothing that the store does not. */
#ifndef RENKEI_DETECT_INDEX_FILE_H
#define RENKEI_DETECT_INDEX_FILE_H

#include "base/hash.h"
#include "detect/index.h"

/* Writes beside and renames over `path`, mode 0600: a reader has the old file or the new one. Not synced to the disk:
 * what a power cut leaves of it is noticed on opening. */
MUST_CHECK enum err detect_index_write(const struct detect_index *index, const char *path, const struct sha256 *state,
                                       struct diag *d);
/* Opens a file. *state: what it was built from. ERR_NOT_FOUND without one; ERR_UNSUPPORTED when another version or
 * machine wrote it; ERR_VERIFY when it is no index, cut short or damaged; the message names the file. The texts of
 * patterns are not read and so not checked. */
MUST_CHECK enum err detect_index_open(const char *path, struct detect_index **out, struct sha256 *state,
                                      struct diag *d);

#endif
