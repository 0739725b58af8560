/* STIX identifiers, `type--UUID` (STIX 2.1 §2.9), and the ways this program makes them. */
#ifndef RENKEI_STIX_ID_H
#define RENKEI_STIX_ID_H

#include "base/arena.h"
#include "base/hash.h"

enum {
    STIX_TYPE_MAX = 250, /* characters of a type's name (§3.3) */
    STIX_ID_SIZE = STIX_TYPE_MAX + 2 + 36 + 1,
    STIX_UUID_LEN = 36
};

/* Whether the text is a well-formed identifier: a type of [a-z0-9-], "--", and a UUID of RFC 4122's variant. */
bool stix_id_valid(struct span id);
/* What stands before "--"; empty if the text is no identifier. */
struct span stix_id_type(struct span id);
/* The version of the identifier's UUID (4, 5, …); 0 if it is none. */
int stix_id_version(struct span id);
/* Spells the first 16 bytes of a hash as a UUIDv4 behind the type: nobody can recompute it as they could a UUIDv5. */
void stix_id_from_hmac(const struct sha256 *hash, struct span type, char out[STIX_ID_SIZE]);
/* UUIDv5 (RFC 4122 §4.3) under the namespace that STIX 2.1 §2.9 names for SCOs. */
void stix_id_uuid5(struct span type, struct span name, char out[STIX_ID_SIZE]);

#endif
