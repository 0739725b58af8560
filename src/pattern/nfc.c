#include "pattern/nfc.h"

#include <stdlib.h>
#include <uninorm.h>

static bool is_ascii(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] >= 0x80) return false;
    return true;
}

struct span nfc(struct arena *a, struct span text) {
    if (is_ascii(text)) return text;
    size_t len = 0;
    uint8_t *normal = u8_normalize(UNINORM_NFC, (const uint8_t *)text.at, text.len, NULL, &len);
    if (!normal) return text;
    struct span result = span_equal(text, span_of(normal, len)) ? text : arena_copy(a, span_of(normal, len));
    free(normal);
    return result;
}
