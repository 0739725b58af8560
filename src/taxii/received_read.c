#include "taxii/received_read.h"

#include "base/encode.h"
#include "ledger/merkle.h"

enum err received_head_read(struct json_value answer, struct arena *a, struct received_head *out, struct diag *d) {
    int64_t seen, size;
    *out = (struct received_head){0};
    if (!json_int(json_get(answer, "seen"), &seen) || !json_int(json_get(answer, "size"), &size) || seen < 0 ||
        size < 0 || (uint64_t)seen > LEDGER_TREE_SIZE_MAX || size > seen)
        return diag_set(d, ERR_NETWORK, "the partner does not say how far it has seen the ledger");
    out->size = (uint64_t)size;
    out->seen = (uint64_t)seen;
    if (seen) out->checkpoint = json_text(json_get(answer, "checkpoint"), a);
    return ERR_NONE;
}

enum err received_entry_read(struct json_value entry, struct arena *a, struct received_entry *out, struct diag *d) {
    *out = (struct received_entry){0};
    if (!base64_read(a, json_text(json_get(entry, "record"), a), &out->record) || out->record.len == 0)
        return diag_set(d, ERR_NETWORK, "an entry given back has no record");
    if (json_exists(json_get(entry, "body")) && (!base64_read(a, json_text(json_get(entry, "salt"), a), &out->salt) ||
                                                 !base64_read(a, json_text(json_get(entry, "body"), a), &out->body)))
        return diag_set(d, ERR_NETWORK, "an object given back cannot be read");
    return ERR_NONE;
}
