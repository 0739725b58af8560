#include "stix/id.h"

#include <stdlib.h>

#include "base/encode.h"

static bool lower_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool uuid_valid(const char *at) {
    for (int i = 0; i < STIX_UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? at[i] != '-' : !lower_hex(at[i]) && !(at[i] >= 'A' && at[i] <= 'F')) return false;
    }
    char variant = at[19];
    return (at[14] >= '1' && at[14] <= '8') &&
           (variant == '8' || variant == '9' || (variant | 32) == 'a' || (variant | 32) == 'b');
}

static bool type_valid(struct span type) {
    if (type.len < 1 || type.len > STIX_TYPE_MAX) return false;
    for (size_t i = 0; i < type.len; i++) {
        char c = type.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i > 0 && type.at[i - 1] != '-')))
            return false;
    }
    return type.at[type.len - 1] != '-';
}

bool stix_id_valid(struct span id) {
    if (id.len < 1 + 2 + STIX_UUID_LEN || id.len > STIX_TYPE_MAX + 2 + STIX_UUID_LEN) return false;
    size_t dashes = id.len - STIX_UUID_LEN - 2;
    return id.at[dashes] == '-' && id.at[dashes + 1] == '-' && uuid_valid(id.at + dashes + 2) &&
           type_valid(span_first(id, dashes));
}

struct span stix_id_type(struct span id) {
    return stix_id_valid(id) ? span_first(id, id.len - STIX_UUID_LEN - 2) : (struct span){0};
}

int stix_id_version(struct span id) {
    return stix_id_valid(id) ? id.at[id.len - STIX_UUID_LEN + 14] - '0' : 0;
}

static void spell(const uint8_t b[16], struct span type, char out[STIX_ID_SIZE]) {
    struct span cut = span_first(type, STIX_TYPE_MAX);
    char hex[2 * 16 + 1], *to = out;
    hex_write(span_of(b, 16), hex);
    memcpy(to, cut.at, cut.len);
    to += cut.len;
    *to++ = '-';
    for (int i = 0; i < 16; i++) { /* a dash before the groups of 8, 4, 4, 4 and 12 digits */
        if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) *to++ = '-';
        *to++ = hex[2 * i];
        *to++ = hex[2 * i + 1];
    }
    *to = 0;
}

static void stamp(uint8_t b[16], uint8_t version) {
    b[6] = (uint8_t)((b[6] & 0x0f) | version << 4);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
}

void stix_id_from_hmac(const struct sha256 *hash, struct span type, char out[STIX_ID_SIZE]) {
    uint8_t b[16];
    memcpy(b, hash->b, sizeof b);
    stamp(b, 4);
    spell(b, type, out);
}

void stix_id_uuid5(struct span type, struct span name, char out[STIX_ID_SIZE]) {
    /* 00abedb4-aa42-466c-9c01-fed23315a9b7 (§2.9) */
    static const uint8_t space[16] = {0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c,
                                      0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7};
    uint8_t digest[SHA1_SIZE];
    char stack[1024], *text = sizeof space + name.len <= sizeof stack ? stack : malloc(sizeof space + name.len);
    out[0] = 0;
    if (!text) return;
    memcpy(text, space, sizeof space);
    if (name.len) memcpy(text + sizeof space, name.at, name.len);
    sha1_of(span_of(text, sizeof space + name.len), digest);
    if (text != stack) free(text);
    stamp(digest, 5);
    spell(digest, type, out);
}
