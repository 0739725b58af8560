/* Spellings of bytes: hexadecimal, base64 (RFC 4648 §4, padded), UTF-8. */
#ifndef RENKEI_BASE_ENCODE_H
#define RENKEI_BASE_ENCODE_H

#include "base/arena.h"
#include "base/buf.h"

void hex_write(struct span data, char *text);               /* 2 × len characters and a NUL, lower case */
bool hex_read(struct span text, void *out, size_t out_len); /* text must be exactly 2 × out_len digits of either case */
void buf_add_hex(struct buf *b, struct span data);
void buf_add_base64(struct buf *b, struct span data);
/* Strict: padded, no white space, no stray bits. Result in the arena. */
bool base64_read(struct arena *a, struct span text, struct span *out);
/* Well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF). *bad gets the offset of the first bad byte.
 */
bool utf8_valid(struct span text, size_t *bad);
/* Length (1 to 4) of the well-formed sequence that `text` begins with; 0 if it begins with none. */
size_t utf8_length(struct span text);
/* Appends the code point as UTF-8. */
void buf_add_utf8(struct buf *b, uint32_t code_point);

#endif
