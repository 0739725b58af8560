/* Compressed answers (RFC 9110 §8.4): what a client accepts, and a page in it. Pure; any thread. */
#ifndef RENKEI_TAXII_ENCODING_H
#define RENKEI_TAXII_ENCODING_H

#include "base/buf.h"

enum encoding { ENCODING_NONE, ENCODING_GZIP, ENCODING_ZSTD };

/* The best of what an Accept-Encoding header admits: zstd before gzip; a quality of 0 refuses. */
enum encoding encoding_accepted(struct span header);
/* Its name in Content-Encoding. */
const char *encoding_name(enum encoding e);
/* Appends `text` compressed; fast rather than small. False when memory ran out or it would not be smaller. */
bool encoding_write(enum encoding e, struct span text, struct buf *out);

#endif
