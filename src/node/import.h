/* What importing operations have in common (op_import.c, op_import_misp.c): the files of a call, each in an intake of
 * its own, and what is told of them. Private to them. */
#ifndef RENKEI_NODE_IMPORT_H
#define RENKEI_NODE_IMPORT_H

#include <stdatomic.h>

#include "base/file.h"
#include "node/op.h"
#include "node/warned.h"
#include "share/intake.h"

enum { IMPORT_LABELS_MAX = 64 };

struct import {
    struct op_call *call;
    struct share_context context;
    struct input *in;
    struct intake *intake;
    struct warned warned; /* what of it is on a warning list */
    const char *file;
    struct span labels[IMPORT_LABELS_MAX];
    size_t label_count;
    uint64_t objects;
    _Atomic uint64_t raw_bytes; /* read of the file so far: a bundle is read by a thread of its own */
};

/* Runs one() for every file the call brings; the first that fails ends it, what came before stays. What came in is
 * decided afterwards. */
MUST_CHECK enum err import_each_file(struct op_call *call,
                                     enum err (*one)(struct import *im, const struct store_handling *h, struct diag *d),
                                     struct diag *d);
/* Counts an object, for progress. */
void import_advance(struct import *im);
/* An intake's `finding`; context is the struct import. */
void import_finding(void *context, bool error, const char *place, struct span id, const char *path,
                    const char *message);
/* The file's result; more() may add members. */
void import_tell_totals(struct import *im, const struct intake_totals *t,
                        void (*more)(struct json_writer *w, const void *context), const void *context);

#endif
