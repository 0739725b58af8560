#include "detect/index_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "detect/index_layout.h"

/* Raised whenever the layout, a hash or a rule of normalisation changes. */
enum { FILE_VERSION = 2, FILE_ALIGNMENT = 4096, PATH_SIZE = 4096 };
#define FILE_ENDIAN UINT32_C(0x01020304)
static const char file_magic[8] = "RNKINDEX";

struct file_section {
    uint64_t offset, size, checksum;
};

struct file_header {
    char magic[8];
    uint32_t version, endian;
    uint64_t size; /* of the file */
    uint8_t state[SHA256_SIZE];
    uint32_t count, profile_count, atom_count, atom_capacity, posting_count, word_count, unsupported_count,
        unanchored_count, log_watch_count, atom_watch_count, network_count, v4_count, v6_count, filter_size;
    uint64_t spelling_count;
    struct file_section sections[INDEX_SECTIONS];
    uint64_t checksum; /* of the header before it */
};

/* For accidents, not against forgery: who can write here can write the store. Four sums side by side, as fast as the
 * memory gives. */
static uint64_t checksum(const void *data, uint64_t size) {
    const char *at = data;
    uint64_t sums[4] = {KEY_MULTIPLIER_A, KEY_MULTIPLIER_B, ~KEY_MULTIPLIER_A, ~KEY_MULTIPLIER_B}, left = size;
    for (; left >= 32; at += 32, left -= 32)
        for (int i = 0; i < 4; i++) {
            sums[i] = (sums[i] ^ key_load(at + 8 * i)) * KEY_MULTIPLIER_A;
            sums[i] ^= sums[i] >> 29;
        }
    for (; left > 0; at++, left--) sums[0] = (sums[0] ^ (unsigned char)*at) * KEY_MULTIPLIER_B;
    uint64_t sum = size * KEY_MULTIPLIER_B;
    for (int i = 0; i < 4; i++) sum = (sum ^ sums[i]) * KEY_MULTIPLIER_A, sum ^= sum >> 31;
    return sum;
}

/* --- writing --- */

static struct file_header header_of(const struct detect_index *x, const struct sha256 *state) {
    struct file_header h = {
        .version = FILE_VERSION,
        .endian = FILE_ENDIAN,
        .count = x->count,
        .profile_count = x->profile_count,
        .atom_count = x->atom_count,
        .atom_capacity = x->atom_capacity,
        .posting_count = x->posting_count,
        .word_count = x->word_count,
        .unsupported_count = x->unsupported_count,
        .unanchored_count = x->unanchored_count,
        .log_watch_count = x->log_watch_count,
        .atom_watch_count = x->atom_watch_count,
        .network_count = x->networks.count,
        .v4_count = x->networks.v4_count,
        .v6_count = x->networks.v6_count,
        .filter_size = sizeof(struct prefilter),
        .spelling_count = x->spelling_count,
    };
    memcpy(h.magic, file_magic, sizeof h.magic);
    memcpy(h.state, state->b, sizeof h.state);
    return h;
}

static uint64_t aligned(uint64_t offset) {
    return (offset + FILE_ALIGNMENT - 1) / FILE_ALIGNMENT * FILE_ALIGNMENT;
}

static enum err write_at(int fd, uint64_t offset, const void *data, uint64_t size, struct diag *d) {
    if (size == 0) return ERR_NONE;
    if (lseek(fd, (off_t)offset, SEEK_SET) < 0) return diag_set(d, ERR_IO, "%s", strerror(errno));
    return file_write_all(fd, span_of(data, size), d);
}

static enum err write_all(int fd, const struct detect_index *index, const struct sha256 *state, struct diag *d) {
    struct file_header h = header_of(index, state);
    struct detect_index x = *index;
    struct index_array arrays[INDEX_SECTIONS];
    struct prefilter filter = x.prefilter;
    uint64_t offset = aligned(sizeof h);
    enum err e = ERR_NONE;
    filter.bloom = NULL; /* pointers mean nothing to the reader */
    filter.tags = NULL;
    filter.networks = NULL;
    index_arrays(&x, arrays);
    for (int i = 0; !e && i < INDEX_SECTIONS; i++) {
        const void *data = i == INDEX_FILTER ? (void *)&filter : *arrays[i].at;
        h.sections[i] = (struct file_section){offset, arrays[i].size, 0};
        if (i != INDEX_TEXT) h.sections[i].checksum = checksum(data, arrays[i].size);
        e = write_at(fd, offset, data, arrays[i].size, d);
        offset = aligned(offset + arrays[i].size);
    }
    h.size = offset;
    h.checksum = checksum(&h, offsetof(struct file_header, checksum));
    if (!e && ftruncate(fd, (off_t)offset) != 0) e = diag_set(d, ERR_IO, "%s", strerror(errno));
    return e ? e : write_at(fd, 0, &h, sizeof h, d);
}

enum err detect_index_write(const struct detect_index *index, const char *path, const struct sha256 *state,
                            struct diag *d) {
    char beside[PATH_SIZE];
    int n = snprintf(beside, sizeof beside, "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof beside) return diag_set(d, ERR_LIMIT, "the index's path is too long");
    int fd = mkostemp(beside, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) return diag_set(d, ERR_IO, "cannot write %s: %s", beside, strerror(errno));
    enum err e = write_all(fd, index, state, d);
    if (close(fd) != 0 && !e) e = diag_set(d, ERR_IO, "%s", strerror(errno));
    if (!e && rename(beside, path) != 0) e = diag_set(d, ERR_IO, "%s", strerror(errno));
    if (e) {
        unlink(beside);
        diag_prefix(d, "the index cannot be written to %s", path);
    }
    return e;
}

/* --- opening --- */

static enum err check_header(const struct file_header *h, uint64_t size, struct diag *d) {
    if (size < sizeof *h || memcmp(h->magic, file_magic, sizeof h->magic) != 0)
        return diag_set(d, ERR_VERIFY, "it is no index of indicators");
    if (h->endian != FILE_ENDIAN) return diag_set(d, ERR_UNSUPPORTED, "a machine of another byte order wrote it");
    if (h->version != FILE_VERSION || h->filter_size != sizeof(struct prefilter))
        return diag_set(d, ERR_UNSUPPORTED, "another version of the program wrote it");
    if (h->checksum != checksum(h, offsetof(struct file_header, checksum)))
        return diag_set(d, ERR_VERIFY, "its header is damaged");
    if (h->size != size) return diag_set(d, ERR_VERIFY, "it is cut short");
    return ERR_NONE;
}

static void take_counts(struct detect_index *x, const struct file_header *h) {
    x->count = h->count;
    x->profile_count = h->profile_count;
    x->atom_count = h->atom_count;
    x->atom_capacity = h->atom_capacity;
    x->posting_count = h->posting_count;
    x->word_count = h->word_count;
    x->unsupported_count = h->unsupported_count;
    x->unanchored_count = h->unanchored_count;
    x->log_watch_count = h->log_watch_count;
    x->atom_watch_count = h->atom_watch_count;
    x->networks.count = h->network_count;
    x->networks.v4_count = h->v4_count;
    x->networks.v6_count = h->v6_count;
    x->spelling_count = h->spelling_count;
    x->values_size = h->sections[INDEX_VALUES].size;
    x->text_size = h->sections[INDEX_TEXT].size;
    x->plans_size = h->sections[INDEX_PLANS].size;
    x->word_text_size = h->sections[INDEX_WORD_TEXT].size;
}

static enum err check_section(const struct file_header *h, int section, const char *base, struct diag *d) {
    const struct file_section *s = &h->sections[section];
    uint64_t end;
    if (s->offset % FILE_ALIGNMENT || __builtin_add_overflow(s->offset, s->size, &end) || end > h->size)
        return diag_set(d, ERR_VERIFY, "it is damaged (part %d)", section);
    if (section != INDEX_TEXT && checksum(base + s->offset, s->size) != s->checksum)
        return diag_set(d, ERR_VERIFY, "it is damaged (part %d)", section);
    return ERR_NONE;
}

/* Points the arrays into the map. The filter comes first: it says how large its tables are. */
static enum err take_sections(struct detect_index *x, struct diag *d) {
    char *base = x->map;
    const struct file_header *h = x->map;
    struct index_array arrays[INDEX_SECTIONS];
    enum err e = ERR_NONE;
    for (int i = 0; !e && i < INDEX_SECTIONS; i++) e = check_section(h, i, base, d);
    if (e) return e;
    if (h->sections[INDEX_FILTER].size != sizeof x->prefilter)
        return diag_set(d, ERR_VERIFY, "it is damaged (part %d)", INDEX_FILTER);
    memcpy(&x->prefilter, base + h->sections[INDEX_FILTER].offset, sizeof x->prefilter);
    x->prefilter.networks = &x->networks;
    x->prefilter.tags = (void *)(base + h->sections[INDEX_TAGS].offset); /* its size counts only with it */
    index_arrays(x, arrays);
    for (int i = INDEX_FILTER + 1; i < INDEX_SECTIONS; i++) {
        if (arrays[i].size != h->sections[i].size) return diag_set(d, ERR_VERIFY, "it is damaged (part %d)", i);
        if (i != INDEX_BLOOM) *arrays[i].at = arrays[i].size ? base + h->sections[i].offset : NULL;
    }
    /* Read at every value: worth a copy in huge pages. */
    x->prefilter.bloom = prefilter_table(base + h->sections[INDEX_BLOOM].offset, h->sections[INDEX_BLOOM].size);
    return x->prefilter.bloom ? ERR_NONE : diag_set(d, ERR_NOMEM, "out of memory for the indicators' index");
}

static enum err map_file(int fd, struct detect_index *x, struct diag *d) {
    struct stat st;
    if (fstat(fd, &st) != 0) return diag_set(d, ERR_IO, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct file_header))
        return diag_set(d, ERR_VERIFY, "it is no index of indicators");
    x->map_size = (size_t)st.st_size;
    x->map = mmap(NULL, x->map_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (x->map == MAP_FAILED) {
        x->map = NULL;
        return diag_set(d, ERR_IO, "%s", strerror(errno));
    }
    enum err e = check_header(x->map, x->map_size, d);
    if (e) return e;
    const struct file_header *h = x->map;
    if (h->sections[INDEX_TEXT].offset < x->map_size)
        madvise(x->map, h->sections[INDEX_TEXT].offset, MADV_POPULATE_READ); /* no more than a hint */
    return ERR_NONE;
}

enum err detect_index_open(const char *path, struct detect_index **out, struct sha256 *state, struct diag *d) {
    struct detect_index *x = calloc(1, sizeof *x);
    enum err e = ERR_NONE;
    *out = NULL;
    if (!x) return diag_set(d, ERR_NOMEM, "out of memory for the indicators' index");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        e = diag_set(d, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s", strerror(errno));
    else
        e = map_file(fd, x, d);
    if (fd >= 0) close(fd);
    if (!e) {
        const struct file_header *h = x->map;
        take_counts(x, h);
        memcpy(state->b, h->state, sizeof state->b);
        e = take_sections(x, d);
    }
    if (!e) {
        *out = x;
        return ERR_NONE;
    }
    if (x->map) munmap(x->map, x->map_size);
    free(x->prefilter.bloom);
    free(x);
    diag_prefix(d, "the index %s", path);
    return e;
}
