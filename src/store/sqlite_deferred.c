/* What the writer enters into the two indexes of random order late, in bulk and sorted.
 *
 * Ids are random, so each new one would touch another page of the index of ids: at two million objects nearly every
 * object of a transaction costs a page of 4 KiB, written twice. But nobody can look for a pending holding's objects or
 * references: readers do not see it, and a writer that is killed has its pending holdings discarded. So these entries
 * wait in memory, over many transactions, until there are DEFERRED_MAX of them or somebody could see them: then they go
 * in sorted, many to a page.
 *
 *     entries  [ entered in this transaction | waiting ............................ ]
 *              0                          flushed            kept                count
 *                                                             `-- where the transaction under way began
 *
 * The transaction's connection finds waiting ids through a hash table over [flushed, count). A rollback takes both
 * marks back; a commit drops what was entered. */
#include <stdlib.h>

#include "store/sqlite_driver.h"

static size_t hash_key(const struct deferred *f, const uint8_t key[KEY_SIZE]) {
    return (size_t)hash64(span_of(key, KEY_SIZE), f->seed);
}

/* ---- the table: slots hold an entry's place plus 1 ----------------------------------------------------------------
 */

static void table_put(struct deferred *f, size_t at) {
    size_t mask = f->table_size - 1, i = hash_key(f, f->keys[at].key) & mask;
    while (f->table[i]) i = (i + 1) & mask;
    f->table[i] = (uint32_t)at + 1;
}

static void table_rebuild(struct deferred *f) {
    if (f->table) memset(f->table, 0, f->table_size * sizeof *f->table);
    for (size_t i = f->keys_flushed; i < f->key_count; i++) table_put(f, i);
}

static bool grow_keys(struct deferred *f) {
    size_t room = f->key_room ? f->key_room * 2 : 4096;
    if (room > UINT32_MAX / 4) return false; /* what a slot can number */
    struct deferred_key *keys = realloc(f->keys, room * sizeof *keys);
    if (!keys) return false;
    f->keys = keys;
    random_bytes(&f->seed, sizeof f->seed); /* the table is rebuilt below */
    uint32_t *table = realloc(f->table, room * 2 * sizeof *table);
    if (!table) return false;
    f->table = table, f->table_size = room * 2, f->key_room = room;
    table_rebuild(f);
    return true;
}

bool lite_deferred_find(const struct deferred *f, const uint8_t key[KEY_SIZE], int64_t *id) {
    if (f->key_count == f->keys_flushed) return false;
    size_t mask = f->table_size - 1;
    for (size_t i = hash_key(f, key) & mask; f->table[i]; i = (i + 1) & mask) {
        const struct deferred_key *k = &f->keys[f->table[i] - 1];
        if (memcmp(k->key, key, KEY_SIZE) != 0) continue;
        *id = k->id;
        return true;
    }
    return false;
}

enum err lite_deferred_key(struct deferred *f, const uint8_t key[KEY_SIZE], int64_t id, struct diag *d) {
    if (f->key_count == f->key_room && !grow_keys(f)) return diag_set(d, ERR_NOMEM, "memory ran out");
    struct deferred_key *k = &f->keys[f->key_count++];
    memcpy(k->key, key, KEY_SIZE);
    k->id = id;
    table_put(f, f->key_count - 1);
    return ERR_NONE;
}

enum err lite_deferred_ref(struct deferred *f, int64_t target, int64_t holding, struct diag *d) {
    if (f->ref_count == f->ref_room) {
        size_t room = f->ref_room ? f->ref_room * 2 : 4096;
        struct deferred_ref *refs = realloc(f->refs, room * sizeof *refs);
        if (!refs) return diag_set(d, ERR_NOMEM, "memory ran out");
        f->refs = refs, f->ref_room = room;
    }
    f->refs[f->ref_count++] = (struct deferred_ref){target, holding};
    return ERR_NONE;
}

bool lite_deferred_holds(const struct deferred *f, int64_t object) {
    return f->keys_flushed < f->key_count && object >= f->keys[f->keys_flushed].id;
}

/* ---- entering ---------------------------------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b) {
    return memcmp(((const struct deferred_key *)a)->key, ((const struct deferred_key *)b)->key, KEY_SIZE);
}

static int compare_refs(const void *a, const void *b) {
    const struct deferred_ref *x = a, *y = b;
    if (x->target != y->target) return x->target < y->target ? -1 : 1;
    return x->holding < y->holding ? -1 : x->holding > y->holding;
}

/* A sorted copy: the order of arrival is what a rollback goes back by. */
static void *sorted(const void *rows, size_t count, size_t size, int (*compare)(const void *, const void *)) {
    void *copy = malloc(count * size);
    if (!copy) return NULL;
    memcpy(copy, rows, count * size);
    qsort(copy, count, size, compare);
    return copy;
}

/* Several rows a statement: a sixth of an import went into starting and ending them. OR FAIL, because the default
 * would keep an undo copy of every page for the case that a later row of the same statement is refused; none ever is.
 */
enum { ROWS = 16, ROW_VALUES = 2 };
#define FOUR_ROWS    "(?,?),(?,?),(?,?),(?,?)"
#define SIXTEEN_ROWS FOUR_ROWS "," FOUR_ROWS "," FOUR_ROWS "," FOUR_ROWS

static enum err enter(struct connection *c, const char *many, const char *one, struct value *rows, size_t *count,
                      struct diag *d) {
    enum err e = ERR_NONE;
    if (*count == ROWS) {
        e = lite_run(c, many, rows, (size_t)ROWS * ROW_VALUES, d);
    } else {
        for (size_t i = 0; i < *count && !e; i++) e = lite_run(c, one, rows + i * ROW_VALUES, ROW_VALUES, d);
    }
    *count = 0;
    return e;
}

static enum err enter_keys(struct connection *c, struct deferred *f, struct diag *d) {
    static const char many[] = "INSERT OR FAIL INTO object_key(key,id) VALUES" SIXTEEN_ROWS;
    static const char one[] = "INSERT INTO object_key(key,id) VALUES(?,?)";
    struct value rows[ROWS * ROW_VALUES];
    size_t waiting = 0, count = f->key_count - f->keys_flushed;
    if (count == 0) return ERR_NONE;
    struct deferred_key *keys = sorted(f->keys + f->keys_flushed, count, sizeof *keys, compare_keys);
    if (!keys) return diag_set(d, ERR_NOMEM, "memory ran out");
    enum err e = ERR_NONE;
    for (size_t i = 0; i < count && !e; i++) {
        rows[waiting * 2] = v_blob(span_of(keys[i].key, KEY_SIZE));
        rows[waiting * 2 + 1] = v_int(keys[i].id);
        if (++waiting == ROWS || i + 1 == count) e = enter(c, many, one, rows, &waiting, d);
    }
    free(keys);
    return e;
}

static enum err enter_refs(struct connection *c, struct deferred *f, struct diag *d) {
    static const char many[] = "INSERT OR FAIL INTO ref(target,holding) VALUES" SIXTEEN_ROWS;
    static const char one[] = "INSERT INTO ref(target,holding) VALUES(?,?)";
    struct value rows[ROWS * ROW_VALUES];
    size_t waiting = 0, count = f->ref_count - f->refs_flushed;
    if (count == 0) return ERR_NONE;
    struct deferred_ref *refs = sorted(f->refs + f->refs_flushed, count, sizeof *refs, compare_refs);
    if (!refs) return diag_set(d, ERR_NOMEM, "memory ran out");
    enum err e = ERR_NONE;
    for (size_t i = 0; i < count && !e; i++) {
        rows[waiting * 2] = v_int(refs[i].target);
        rows[waiting * 2 + 1] = v_int(refs[i].holding);
        if (++waiting == ROWS || i + 1 == count) e = enter(c, many, one, rows, &waiting, d);
    }
    free(refs);
    return e;
}

void lite_deferred_drop(struct deferred *f) {
    f->keys_flushed = f->key_count;
    f->refs_flushed = f->ref_count;
    f->due = false;
    table_rebuild(f);
}

enum err lite_deferred_flush(struct connection *c, struct deferred *f, struct diag *d) {
    enum err e = enter_keys(c, f, d);
    if (!e) e = enter_refs(c, f, d);
    if (!e) lite_deferred_drop(f);
    return e;
}

/* ---- transactions ------------------------------------------------------------------------------------------------ */

enum err lite_deferred_before_commit(struct connection *c, struct deferred *f, struct diag *d) {
    bool many = f->key_count - f->keys_flushed > DEFERRED_MAX || f->ref_count - f->refs_flushed > DEFERRED_MAX;
    return f->due || many ? lite_deferred_flush(c, f, d) : ERR_NONE;
}

void lite_deferred_committed(struct deferred *f) {
    if (f->keys_flushed) {
        f->key_count -= f->keys_flushed;
        memmove(f->keys, f->keys + f->keys_flushed, f->key_count * sizeof *f->keys);
        f->keys_flushed = 0;
        table_rebuild(f);
    }
    if (f->refs_flushed) {
        f->ref_count -= f->refs_flushed;
        memmove(f->refs, f->refs + f->refs_flushed, f->ref_count * sizeof *f->refs);
        f->refs_flushed = 0;
    }
    f->keys_kept = f->key_count, f->refs_kept = f->ref_count;
    f->due = false;
}

void lite_deferred_rolled_back(struct deferred *f) {
    f->key_count = f->keys_kept, f->ref_count = f->refs_kept;
    f->keys_flushed = f->refs_flushed = 0;
    f->due = false;
    table_rebuild(f);
}

void lite_deferred_free(struct deferred *f) {
    free(f->keys);
    free(f->table);
    free(f->refs);
    *f = (struct deferred){0};
}
