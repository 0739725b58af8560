/* Errors: what a function returns, and the diagnosis it leaves behind.
 *
 * A function that can fail returns `enum err` (0 is success) and fills a caller-supplied `struct diag`. The
 * message says what is wrong, where, and what would be right. Secrets never enter a message. */
#ifndef RENKEI_BASE_ERR_H
#define RENKEI_BASE_ERR_H

#include <stdint.h>

enum err {
    ERR_NONE = 0,
    ERR_NOMEM,       /* memory, or an arena's cap, ran out */
    ERR_LIMIT,       /* a named limit was exceeded */
    ERR_SYNTAX,      /* bytes that are not of their format */
    ERR_INVALID,     /* well-formed, but against the rules of its format or of a specification */
    ERR_UNSUPPORTED, /* valid, but not something this version evaluates */
    ERR_NOT_FOUND,
    ERR_EXISTS,
    ERR_DENIED,  /* the caller may not */
    ERR_VERIFY,  /* a signature, hash or proof does not hold */
    ERR_BUSY,    /* a lock is held elsewhere, or a resource is exhausted for now */
    ERR_IO,      /* the operating system or the disk said no */
    ERR_NETWORK, /* a peer could not be reached or broke the protocol */
    ERR_INTERNAL /* our own bug, reported instead of hidden */
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Room for a JSON path or a file name, and for a sentence. Longer text is cut, never overrun. */
enum { DIAG_WHERE_SIZE = 192, DIAG_MESSAGE_SIZE = 512 };

/* A diagnosis. line and column count from 1, 0 = not known; offset counts bytes from 0. */
struct diag {
    enum err code;
    uint64_t line, column, offset;
    char where[DIAG_WHERE_SIZE]; /* file, JSON path or clause; "" if not known */
    char message[DIAG_MESSAGE_SIZE];
};

/* Fills *d (d may be NULL) and returns code, so that `return diag_set(d, ERR_X, …)` reads as one line.
 * Clears position and where: set them afterwards with diag_at() and diag_where(). */
enum err diag_set(struct diag *d, enum err code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Adds the place to a diagnosis already set. */
void diag_at(struct diag *d, uint64_t line, uint64_t column, uint64_t offset);
void diag_where(struct diag *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "text: " before the message, for context added on the way up. */
void diag_prefix(struct diag *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes "where:line:column: message" (parts not known are left out) to text, cut to size. Returns text. */
const char *diag_text(const struct diag *d, char *text, unsigned size);

/* The error's name for machines: "not-found", "verify", … Static. */
const char *err_name(enum err code);

#endif
