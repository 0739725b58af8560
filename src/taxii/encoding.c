#include "taxii/encoding.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum { GZIP_LEVEL = 4, ZSTD_LEVEL = 3, GZIP_WINDOW = 15 + 16 /* with gzip's own header */, GZIP_MEMORY = 8 };

const char *encoding_name(enum encoding e) {
    return e == ENCODING_ZSTD ? "zstd" : e == ENCODING_GZIP ? "gzip" : "identity";
}

/* "0", "0.0", …: not wanted at all. */
static bool refused(struct span parameters) {
    while (parameters.at) {
        struct span value = span_cut(&parameters, ';');
        struct span name = span_trim(span_cut(&value, '='));
        if (!span_equal_nocase(name, SPAN("q"))) continue;
        value = span_trim(value);
        for (size_t i = 0; i < value.len; i++)
            if (value.at[i] != '0' && value.at[i] != '.') return false;
        return true;
    }
    return false;
}

enum encoding encoding_accepted(struct span header) {
    enum encoding best = ENCODING_NONE;
    while (header.at) {
        struct span parameters = span_cut(&header, ',');
        struct span name = span_trim(span_cut(&parameters, ';'));
        if (refused(parameters)) continue;
        if (span_equal_nocase(name, SPAN("zstd"))) best = ENCODING_ZSTD;
        if (span_equal_nocase(name, SPAN("gzip")) && best == ENCODING_NONE) best = ENCODING_GZIP;
    }
    return best;
}

static size_t write_zstd(struct span text, char *to, size_t room) {
    size_t written = ZSTD_compress(to, room, text.at, text.len, ZSTD_LEVEL);
    return ZSTD_isError(written) ? 0 : written;
}

static size_t write_gzip(struct span text, char *to, size_t room) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text.at, /* zlib only reads it */
                  .avail_in = (uInt)text.len,
                  .next_out = (Bytef *)to,
                  .avail_out = (uInt)room};
    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) return 0;
    bool whole = deflate(&z, Z_FINISH) == Z_STREAM_END;
    size_t written = room - z.avail_out;
    deflateEnd(&z);
    return whole ? written : 0;
}

bool encoding_write(enum encoding e, struct span text, struct buf *out) {
    if (e == ENCODING_NONE || text.len == 0 || text.len > UINT32_MAX) return false;
    char *to = malloc(text.len); /* no room for what would not be smaller */
    size_t written = !to ? 0 : e == ENCODING_ZSTD ? write_zstd(text, to, text.len) : write_gzip(text, to, text.len);
    if (written) buf_add(out, span_of(to, written));
    free(to);
    return written && buf_ok(out);
}
