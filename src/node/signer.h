/* The signer: a process of its own that holds the private keys and signs what its table of uses allows. The process
 * that parses the network talks to it over a socket pair and cannot read the keys. Requests are serialised; any thread
 * may call. */
#ifndef RENKEI_NODE_SIGNER_H
#define RENKEI_NODE_SIGNER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/time.h"

enum signer_use {
    SIGNER_AGREEMENT, /* signs only agreements, cards, consents and terminations: messages that begin "renkei card v1\n"
                       * and the like */
    SIGNER_LOG        /* signs only checkpoints "renkei/…\n" cosignatures "cosignature/v1\n" and heads of the audit */
};

enum { SIGNER_MESSAGE_MAX = 64 << 10, SIGNER_PUBLIC_SIZE = 32, SIGNER_SIGNATURE_SIZE = 64 };

struct signer;

/* Makes keys/SERIAL/{agreement,log,tls}.key and tls.crt, mode 0600. host goes into the certificate. */
MUST_CHECK enum err signer_keys_create(const char *folder, uint32_t serial, struct span party, struct span host,
                                       time_us now, struct diag *d);
/* Forks the signer over the keys of `serial`. */
MUST_CHECK enum err signer_start(const char *folder, uint32_t serial, struct signer **out, struct diag *d);
void signer_stop(struct signer **s);

void signer_public(const struct signer *s, enum signer_use use, uint8_t out[SIGNER_PUBLIC_SIZE]);
struct span signer_tls_certificate(const struct signer *s); /* PEM, borrowed */
void signer_tls_pin(const struct signer *s, struct sha256 *out);
MUST_CHECK enum err signer_sign(struct signer *s, enum signer_use use, struct span message,
                                uint8_t out[SIGNER_SIGNATURE_SIZE], struct diag *d);
/* ECDSA over a digest for a TLS handshake: DER into out (at most 80 bytes). */
MUST_CHECK enum err signer_tls_sign(struct signer *s, struct span digest, uint8_t *out, size_t *len, struct diag *d);

/* Rotation: makes the keys of serial+1 and answers with their public halves; signing with `next` is possible from then
 * on through signer_sign_next(); signer_switch() makes them the ones in use, once the successor card is durable. */
struct signer_next {
    uint8_t agreement[SIGNER_PUBLIC_SIZE], log[SIGNER_PUBLIC_SIZE];
    struct sha256 tls_pin;
};
MUST_CHECK enum err signer_rotate(struct signer *s, struct span party, struct span host, time_us now,
                                  struct signer_next *out, struct diag *d);
MUST_CHECK enum err signer_sign_next(struct signer *s, struct span message, uint8_t out[SIGNER_SIGNATURE_SIZE],
                                     struct diag *d);
/* The text of renkei.yaml as it stands now: the sandbox lets the serving process open only files that were there when
 * it began, and an editor replaces them. Appended to *out. ERR_DENIED when it cannot be read, or is over 60 kB. */
MUST_CHECK enum err signer_configuration(struct signer *s, struct buf *out, struct diag *d);
/* Reads the TLS certificate anew, which may have been renewed for the same key. ERR_DENIED, and nothing changed, when
 * it is another key's. */
MUST_CHECK enum err signer_reload(struct signer *s, struct diag *d);
MUST_CHECK enum err signer_switch(struct signer *s, struct diag *d);

#endif
