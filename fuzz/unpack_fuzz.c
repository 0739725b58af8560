/* Compressed bytes, whole and in small pieces: the same comes out, no more is taken than there is, and it ends. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/unpack.h"

enum { OUT_MAX = 1 << 20 /* a bomb need not go off */ };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds) abort();
}

static enum unpack_state unpack(const uint8_t *data, size_t size, size_t in_step, size_t out_step, struct buf *out) {
    struct unpack *u = unpack_new(span_of(data, size));
    enum unpack_state state = UNPACK_ENDED;
    if (!u) return UNPACK_CORRUPT;
    while (out->len < OUT_MAX) {
        const char *why = "";
        size_t len = size < in_step ? size : in_step, used, made;
        char *at = buf_reserve(out, out_step);
        require(at);
        state = unpack_step(u, data, len, &used, at, out_step, &made, &why);
        require(used <= len && made <= out_step && (state != UNPACK_CORRUPT || why));
        out->len += made;
        data += used;
        size -= used;
        if (state == UNPACK_CORRUPT || (len == 0 && made == 0)) break;
        if (used == 0 && made == 0) break; /* turns in place: input_read() calls it corrupt */
    }
    unpack_free(&u);
    return state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf whole = BUF_EMPTY, pieces = BUF_EMPTY;
    enum unpack_state one = unpack(data, size, SIZE_MAX, 64 << 10, &whole);
    enum unpack_state other = unpack(data, size, 3, 777, &pieces);
    if (one == UNPACK_ENDED && other == UNPACK_ENDED && whole.len < OUT_MAX)
        require(span_equal(buf_span(&whole), buf_span(&pieces)));
    buf_free(&whole);
    buf_free(&pieces);
    return 0;
}
