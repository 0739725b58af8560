/* STIX ids and types as small numbers. */
#include <stdlib.h>

#include "base/encode.h"
#include "store/sqlite_driver.h"

enum { UUID_TEXT = 36, UUID_BYTES = 16 };

/* ---- types ------------------------------------------------------------------------------------------------------- */

static void remember_type(struct connection *c, struct span name, int64_t number) {
    if (number >= TYPES_CACHED) return;
    if (!c->type_names) c->type_names = calloc(TYPES_CACHED, sizeof *c->type_names);
    if (!c->type_names || c->type_names[number].at) return;
    struct span kept = arena_copy(&c->type_text, name);
    if (name.len > 0 && !kept.at) return;
    if (map_set(&c->type_numbers, name, (uint64_t)number, NULL)) c->type_names[number] = kept;
}

void lite_objects_free(struct connection *c) {
    map_free(&c->type_numbers);
    arena_free(&c->type_text);
    free(c->type_names);
    c->type_names = NULL;
}

void lite_objects_forget(struct connection *c) {
    map_clear(&c->type_numbers);
    arena_reset(&c->type_text);
    if (c->type_names) memset(c->type_names, 0, TYPES_CACHED * sizeof *c->type_names);
}

enum err lite_type_find(struct connection *c, struct span name, int64_t *out, struct diag *d) {
    uint64_t number;
    if (map_get(&c->type_numbers, name, &number)) {
        *out = (int64_t)number;
        return ERR_NONE;
    }
    *out = 0;
    enum err e = lite_number(c, "SELECT id FROM type WHERE name=?", VALUES(v_text(name)), out, NULL, d);
    if (!e && *out) remember_type(c, name, *out);
    return e;
}

static enum err intern_type(struct connection *c, struct span name, int64_t *out, struct diag *d) {
    enum err e = lite_type_find(c, name, out, d);
    if (e || *out) return e;
    e = lite_run(c, "INSERT INTO type(name) VALUES(?)", VALUES(v_text(name)), d);
    if (e) return e;
    *out = sqlite3_last_insert_rowid(c->db);
    remember_type(c, name, *out);
    return ERR_NONE;
}

enum err lite_type_text(struct connection *c, int64_t number, char text[STORE_ID_MAX], size_t *len, struct diag *d) {
    if (number > 0 && number < TYPES_CACHED && c->type_names && c->type_names[number].at) {
        *len = c->type_names[number].len;
        memcpy(text, c->type_names[number].at, *len);
        return ERR_NONE;
    }
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c, "SELECT name FROM type WHERE id=?", VALUES(v_int(number)), &st, d);
    if (!e) e = lite_next(c, st, &row, d);
    if (e) return e;
    struct span name = row ? col_span(st, 0) : (struct span){0};
    if (!row || name.len > STORE_ID_MAX) {
        lite_end(st);
        return lite_error(c, SQLITE_CORRUPT, d);
    }
    if (name.len) memcpy(text, name.at, name.len);
    *len = name.len;
    remember_type(c, name, number);
    lite_end(st);
    return ERR_NONE;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1; /* upper case too: the spelling must come back as it was */
}

static bool uuid_read(struct span text, uint8_t out[UUID_BYTES]) {
    if (text.len != UUID_TEXT) return false;
    size_t n = 0;
    for (size_t i = 0; i < UUID_TEXT;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.at[i++] != '-') return false;
            continue;
        }
        int high = nibble(text.at[i]), low = nibble(text.at[i + 1]);
        if (high < 0 || low < 0) return false;
        out[n++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    return true;
}

static void uuid_write(const uint8_t uuid[UUID_BYTES], char *text) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *text++ = '-';
        *text++ = digits[uuid[i] >> 4];
        *text++ = digits[uuid[i] & 15];
    }
}

/* "type--uuid" taken apart. The type is what stands before the first "--", or all of it. */
struct id_parts {
    struct span type;
    bool canonical;
    uint8_t uuid[UUID_BYTES];
};

static void take_apart(struct span id, struct id_parts *out) {
    size_t dashes = span_find(id, SPAN("--"));
    out->type = span_first(id, dashes);
    out->canonical = dashes != SIZE_MAX && uuid_read(span_from(id, dashes + 2), out->uuid);
}

/* The key in `bytes`, or the text itself where the id has another form or a type of too high a number. */
static struct value key_value(struct span id, const struct id_parts *parts, int64_t type, uint8_t bytes[KEY_SIZE]) {
    if (!parts->canonical || type >= TYPES_COMPACT) return v_text(id);
    memcpy(bytes, parts->uuid, UUID_BYTES);
    bytes[UUID_BYTES] = (uint8_t)(type >> 8);
    bytes[UUID_BYTES + 1] = (uint8_t)type;
    return v_blob(span_of(bytes, KEY_SIZE));
}

/* Where the writer may remember a compact key: one slot, the last one wins. An identity or a malware that every second
 * object names stays; a million of ids seen once pass through. */
static struct intern_slot *slot_of(struct connection *c, const uint8_t key[KEY_SIZE]) {
    uint64_t head, tail;
    memcpy(&head, key, sizeof head);
    memcpy(&tail, key + sizeof head, sizeof tail);
    uint64_t h = (head ^ tail * UINT64_C(0xff51afd7ed558ccd)) * UINT64_C(0x9e3779b97f4a7c15);
    return &c->interned[(h >> 32) % INTERN_SLOTS];
}

static void remember_key(struct connection *c, const uint8_t key[KEY_SIZE], int64_t id) {
    struct intern_slot *slot = slot_of(c, key);
    slot->id = id;
    memcpy(slot->key, key, KEY_SIZE);
}

static enum err look_up_key(struct connection *c, struct value key, int64_t *out, struct diag *d) {
    *out = 0;
    return lite_number(c, "SELECT id FROM object_key WHERE key=?", VALUES(key), out, NULL, d);
}

static enum err find_key(struct connection *c, struct value key, int64_t *out, struct diag *d) {
    uint8_t bytes[KEY_SIZE];
    if (!c->interned || key.kind != VALUE_BLOB) return look_up_key(c, key, out, d);
    memcpy(bytes, key.bytes.at, KEY_SIZE);
    const struct intern_slot *slot = slot_of(c, bytes);
    if (slot->id && memcmp(slot->key, bytes, KEY_SIZE) == 0) {
        *out = slot->id == INTERN_ABSENT ? 0 : slot->id;
        return ERR_NONE;
    }
    enum err e = lite_deferred_find(c->deferred, bytes, out) ? ERR_NONE : look_up_key(c, key, out, d);
    if (!e) remember_key(c, bytes, *out ? *out : INTERN_ABSENT);
    return e;
}

enum err lite_object_find(struct connection *c, struct span stix_id, int64_t *out, struct diag *d) {
    struct id_parts parts;
    int64_t type;
    uint8_t bytes[KEY_SIZE];
    *out = 0;
    if (stix_id.len == 0 || stix_id.len > STORE_ID_MAX) return ERR_NONE; /* no such id was ever let in */
    take_apart(stix_id, &parts);
    enum err e = lite_type_find(c, parts.type, &type, d);
    if (e || !type) return e;
    return find_key(c, key_value(stix_id, &parts, type, bytes), out, d);
}

enum err lite_object_text(struct connection *c, sqlite3_stmt *st, int column, char text[STORE_ID_MAX], struct span *out,
                          struct diag *d) {
    struct span key = col_span(st, column);
    *out = (struct span){0};
    int kind = sqlite3_column_type(st, column);
    if (kind == SQLITE_NULL) return ERR_NONE;
    if (kind == SQLITE_TEXT && key.len <= STORE_ID_MAX) {
        memcpy(text, key.at, key.len);
        *out = span_of(text, key.len);
        return ERR_NONE;
    }
    if (kind != SQLITE_BLOB || key.len != KEY_SIZE) return lite_error(c, SQLITE_CORRUPT, d);
    uint8_t bytes[KEY_SIZE];
    memcpy(bytes, key.at, KEY_SIZE);
    size_t len = 0;
    enum err e = lite_type_text(c, bytes[UUID_BYTES] << 8 | bytes[UUID_BYTES + 1], text, &len, d);
    if (e) return e;
    if (len + 2 + UUID_TEXT > STORE_ID_MAX) return lite_error(c, SQLITE_CORRUPT, d);
    memcpy(text + len, "--", 2);
    uuid_write(bytes, text + len + 2);
    *out = span_of(text, len + 2 + UUID_TEXT);
    return ERR_NONE;
}

/* ---- interning --------------------------------------------------------------------------------------------------- */

static enum err next_object(struct lite_store *s, int64_t *out, struct diag *d) {
    if (!s->next_object) {
        int64_t newest = 0;
        enum err e = lite_number(&s->writer, "SELECT max(id) FROM object", NO_VALUES, &newest, NULL, d);
        if (e) return e;
        s->next_object = newest + 1;
    }
    *out = s->next_object++;
    return ERR_NONE;
}

static enum err insert_object(struct lite_store *s, struct value key, const uint8_t bytes[KEY_SIZE], int64_t *id,
                              struct diag *d) {
    struct connection *c = &s->writer;
    enum err e = next_object(s, id, d);
    if (!e) e = lite_run(c, "INSERT INTO object(id,key) VALUES(?,?)", VALUES(v_int(*id), key), d);
    if (e) return e;
    if (key.kind == VALUE_BLOB) {
        remember_key(c, bytes, *id);
        return lite_deferred_key(&s->deferred, bytes, *id, d);
    }
    return lite_run(c, "INSERT INTO object_key(key,id) VALUES(?,?)", VALUES(key, v_int(*id)), d);
}

enum err lite_object_intern(struct lite_store *s, struct span stix_id, int64_t *id, int64_t *type, bool *fresh,
                            struct diag *d) {
    struct id_parts parts;
    int64_t number;
    uint8_t bytes[KEY_SIZE];
    take_apart(stix_id, &parts);
    enum err e = intern_type(&s->writer, parts.type, &number, d);
    if (e) return e;
    if (type) *type = number;
    struct value key = key_value(stix_id, &parts, number, bytes);
    e = find_key(&s->writer, key, id, d);
    *fresh = !e && *id == 0;
    return *fresh ? insert_object(s, key, bytes, id, d) : e;
}

enum err lite_object_intern_visible(struct lite_store *s, struct span stix_id, int64_t *id, int64_t *type, bool *fresh,
                                    struct diag *d) {
    enum err e = lite_object_intern(s, stix_id, id, type, fresh, d);
    if (!e && lite_deferred_holds(&s->deferred, *id)) s->deferred.due = true;
    return e;
}
