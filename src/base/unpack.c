#include "base/unpack.h"

#include <bzlib.h>
#include <lzma.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

/* What the libraries count with. */
static unsigned at_most(size_t size) {
    return size > INT32_MAX ? INT32_MAX : (unsigned)size;
}

struct step {
    const uint8_t *in;
    size_t in_len, used;
    void *out;
    size_t out_size, made;
    const char *why;
};

struct unpack {
    const struct format *format;
    bool open; /* in the middle of a member */
    union {
        z_stream gzip;
        ZSTD_DStream *zstd;
        bz_stream bzip2;
        lzma_stream xz;
    };
};

struct format {
    const char *name;
    uint8_t magic[UNPACK_MAGIC_SIZE];
    size_t magic_len;
    bool (*open)(struct unpack *u);
    enum unpack_state (*step)(struct unpack *u, struct step *s);
    void (*close)(struct unpack *u);
};

/* ---- gzip ---- */

static bool gzip_open(struct unpack *u) {
    return inflateInit2(&u->gzip, 15 + 16) == Z_OK;
}

static enum unpack_state gzip_step(struct unpack *u, struct step *s) {
    z_stream *z = &u->gzip;
    if (!u->open && inflateReset(z) != Z_OK) return UNPACK_CORRUPT;
    z->next_in = (Bytef *)(uintptr_t)s->in;
    z->avail_in = at_most(s->in_len);
    z->next_out = s->out;
    z->avail_out = at_most(s->out_size);
    int code = inflate(z, Z_NO_FLUSH);
    s->used = at_most(s->in_len) - z->avail_in;
    s->made = at_most(s->out_size) - z->avail_out;
    if (code == Z_STREAM_END) return UNPACK_ENDED;
    s->why = z->msg ? z->msg : "inflate";
    return code == Z_OK || code == Z_BUF_ERROR ? UNPACK_MORE : UNPACK_CORRUPT;
}

static void gzip_close(struct unpack *u) {
    inflateEnd(&u->gzip);
}

/* ---- zstd ---- */

static bool zstd_open(struct unpack *u) {
    u->zstd = ZSTD_createDStream();
    return u->zstd && !ZSTD_isError(ZSTD_initDStream(u->zstd));
}

static enum unpack_state zstd_step(struct unpack *u, struct step *s) {
    ZSTD_inBuffer from = {s->in, s->in_len, 0};
    ZSTD_outBuffer to = {s->out, s->out_size, 0};
    size_t left = ZSTD_decompressStream(u->zstd, &to, &from);
    s->used = from.pos;
    s->made = to.pos;
    if (!ZSTD_isError(left)) return left ? UNPACK_MORE : UNPACK_ENDED;
    s->why = ZSTD_getErrorName(left);
    return UNPACK_CORRUPT;
}

static void zstd_close(struct unpack *u) {
    ZSTD_freeDStream(u->zstd);
}

/* ---- bzip2 ---- */

static bool bzip2_open(struct unpack *u) {
    return BZ2_bzDecompressInit(&u->bzip2, 0, 0) == BZ_OK;
}

static enum unpack_state bzip2_step(struct unpack *u, struct step *s) {
    bz_stream *b = &u->bzip2;
    if (!u->open) { /* it cannot begin a second stream */
        BZ2_bzDecompressEnd(b);
        *b = (bz_stream){0};
        if (BZ2_bzDecompressInit(b, 0, 0) != BZ_OK) return UNPACK_CORRUPT;
    }
    b->next_in = (char *)(uintptr_t)s->in;
    b->avail_in = at_most(s->in_len);
    b->next_out = s->out;
    b->avail_out = at_most(s->out_size);
    int code = BZ2_bzDecompress(b);
    s->used = at_most(s->in_len) - b->avail_in;
    s->made = at_most(s->out_size) - b->avail_out;
    if (code == BZ_STREAM_END) return UNPACK_ENDED;
    s->why = code == BZ_DATA_ERROR_MAGIC ? "no bzip2 stream" : code == BZ_MEM_ERROR ? "no memory" : "bad block";
    return code == BZ_OK ? UNPACK_MORE : UNPACK_CORRUPT;
}

static void bzip2_close(struct unpack *u) {
    BZ2_bzDecompressEnd(&u->bzip2);
}

/* ---- xz ---- */

/* It reads one stream after another by itself, and padding between them, and says the end only when it is told so. */
static bool xz_open(struct unpack *u) {
    u->xz = (lzma_stream)LZMA_STREAM_INIT;
    return lzma_stream_decoder(&u->xz, UNPACK_XZ_MEMORY_MAX, LZMA_CONCATENATED) == LZMA_OK;
}

static enum unpack_state xz_step(struct unpack *u, struct step *s) {
    lzma_stream *x = &u->xz;
    x->next_in = s->in;
    x->avail_in = s->in_len;
    x->next_out = s->out;
    x->avail_out = s->out_size;
    lzma_ret code = lzma_code(x, s->in_len ? LZMA_RUN : LZMA_FINISH);
    s->used = s->in_len - x->avail_in;
    s->made = s->out_size - x->avail_out;
    if (code == LZMA_STREAM_END) return UNPACK_ENDED;
    s->why = code == LZMA_MEMLIMIT_ERROR  ? "it asks for more than 128 MiB of memory"
             : code == LZMA_OPTIONS_ERROR ? "a filter that is not known"
             : code == LZMA_MEM_ERROR     ? "no memory"
             : code == LZMA_FORMAT_ERROR  ? "no xz stream"
                                          : "bad block";
    return code == LZMA_OK || code == LZMA_BUF_ERROR ? UNPACK_MORE : UNPACK_CORRUPT;
}

static void xz_close(struct unpack *u) {
    lzma_end(&u->xz);
}

/* ---- the table ---- */

/* A row a format: how it begins, and its functions. */
static const struct format formats[] = {
    {"gzip", {0x1f, 0x8b}, 2, gzip_open, gzip_step, gzip_close},
    {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, zstd_open, zstd_step, zstd_close},
    {"bzip2", {'B', 'Z', 'h'}, 3, bzip2_open, bzip2_step, bzip2_close}, /* then the block size, a digit */
    {"xz", {0xfd, '7', 'z', 'X'}, 4, xz_open, xz_step, xz_close},
};

static const struct format *find(struct span head) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const struct format *f = &formats[i];
        if (head.len < f->magic_len || memcmp(head.at, f->magic, f->magic_len) != 0) continue;
        bool digit = head.len > 3 && head.at[3] >= '1' && head.at[3] <= '9';
        if (f->open != bzip2_open || digit) return f; /* letters alone could begin a text */
    }
    return NULL;
}

const char *unpack_format(struct span head) {
    const struct format *f = find(head);
    return f ? f->name : NULL;
}

struct unpack *unpack_new(struct span head) {
    const struct format *f = find(head);
    struct unpack *u = f ? calloc(1, sizeof *u) : NULL;
    if (!u) return NULL;
    u->format = f;
    if (f->open(u)) return u;
    unpack_free(&u);
    return NULL;
}

void unpack_free(struct unpack **u) {
    if (!*u) return;
    (*u)->format->close(*u);
    free(*u);
    *u = NULL;
}

enum unpack_state unpack_step(struct unpack *u, const uint8_t *in, size_t in_len, size_t *used, void *out,
                              size_t out_size, size_t *made, const char **why) {
    struct step s = {.in = in, .in_len = in_len, .out = out, .out_size = out_size, .why = "out of memory"};
    *used = *made = 0;
    if (in_len == 0 && !u->open) return UNPACK_ENDED;
    enum unpack_state state = u->format->step(u, &s);
    u->open = state == UNPACK_MORE;
    *used = s.used;
    *made = s.made;
    *why = s.why;
    return state;
}
