#include "taxii/identity.h"

static enum err sign(void *context, struct span digest, enum http_tls_hash hash, uint8_t *signature, size_t *len) {
    struct diag ignored;
    if (digest.len != http_tls_hash_size(hash)) return ERR_INVALID;
    return signer_tls_sign(context, digest, signature, len, &ignored);
}

enum err taxii_identity_take(struct node *n, struct taxii_identity *out, struct diag *d) {
    *out = (struct taxii_identity){0};
    if (!n->signer) return diag_set(d, ERR_INTERNAL, "the node is open for reading only: it has no TLS key");
    buf_add(&out->certificate, signer_tls_certificate(n->signer));
    if (!buf_ok(&out->certificate)) return diag_set(d, ERR_NOMEM, "no memory for a certificate");
    out->key = (struct http_tls_key){buf_span(&out->certificate), sign, n->signer};
    return ERR_NONE;
}

void taxii_identity_free(struct taxii_identity *id) {
    buf_free(&id->certificate);
    *id = (struct taxii_identity){0};
}
