/* Two nodes under one agreement, in a temporary folder and in this process: what the tests of the server and of sync
 * stand on. Every function fails the running test when something does not work. */
#ifndef RENKEI_TESTS_TAXII_PAIR_H
#define RENKEI_TESTS_TAXII_PAIR_H

#include "http/client.h"
#include "node/op.h"
#include "taxii/identity.h"

enum { JP, US };

struct pair {
    char folder[64];
    struct node *nodes[2];
    struct buf result; /* of the last operation: its results, one after the other */
};

/* Makes JP-MOD and US-DOD, each listening on a free port of 127.0.0.1, and an agreement by which either releases to the
 * other whatever is TLP CLEAR, GREEN or has none. */
void pair_open(struct pair *p);
void pair_close(struct pair *p);

/* Runs an operation; args is JSON. The error is the operation's. */
enum err pair_try(struct pair *p, int who, const char *name, const char *args, struct diag *d);
void pair_run(struct pair *p, int who, const char *name, const char *args);
/* Imports a bundle. */
void pair_import(struct pair *p, int who, struct span bundle);
/* `count` indicators numbered from `first`, as a bundle; version counts seconds of `modified`. */
void pair_indicators(struct buf *out, unsigned first, unsigned count, unsigned version);
/* The id of the indicator with this number. */
const char *pair_indicator_id(unsigned number, char text[64]);

/* A client that pins `to`, with the certificate of `as`, or with none if as < 0. The identity must outlive it. */
struct http_client *pair_client(struct pair *p, int as, int to, struct taxii_identity *identity);

#endif
