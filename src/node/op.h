/* Operations: everything a person can ask of a node, by name, with JSON arguments and JSON results. The CLI, and later
 * the console, come through here, so that permission and audit are in one place. Beside a running `serve`, an operation
 * that writes is sent to it over a Unix socket (node/socket.h); alone, the caller's process opens the node itself.
 *
 * Adding one: a function in a file node/op_*.c (or on a floor above), and a row in a table of struct op. */
#ifndef RENKEI_NODE_OP_H
#define RENKEI_NODE_OP_H

#include "node/account.h"
#include "node/node.h"
#include "json/json.h"
#include "json/write.h"

/* What hears an operation. Called on the thread that runs it, or that reads the socket. */
struct op_listener {
    void (*result)(void *context, struct span json); /* one JSON object */
    void (*progress)(void *context, const char *what, const char *unit, uint64_t done, uint64_t total);
    void *context;
};

/* Who a caller says he is. Travels beside the arguments, which the audit keeps; borrowed. */
struct op_credentials {
    struct span name, password;
    struct span token;        /* instead of name and password */
    struct span new_password; /* of an account being made or changed */
};

struct op_call {
    struct node *node;
    struct realm *realm;
    struct json_value args; /* an object */
    const int *fds;         /* files the caller opened for it; owned by the call's maker */
    size_t fd_count;
    const char *actor;               /* "uid:0", or "tanaka (uid:0)": for the audit */
    const struct op_credentials *as; /* NULL: nobody said */
    const struct account *account;   /* who it is, proven; NULL while the node has no accounts */
    struct span token;               /* id of the token that proved it; empty: a password did */
    struct arena *arena;             /* lives as long as the call */
    const struct op_listener *listener;
};

struct op {
    const char *name; /* "party.add" */
    enum node_mode mode;
    enum err (*run)(struct op_call *call, struct diag *d);
    unsigned roles; /* ROLE_…, any of which may call it once the node has accounts; 0: any account. For NODE_WRITE */
};
struct op_table {
    const struct op *ops;
    size_t count;
};

/* The operations of this floor; floors above append theirs. */
struct op_table node_operations(void);
const struct op *op_find(struct op_table table, struct span name);

/* Runs one on an open node, if the caller may (node/account.h), and leaves an audit entry if it writes: who, what, with
 * which arguments, how it ended. */
MUST_CHECK enum err op_run(const struct op *op, struct op_call *call, struct diag *d);
/* Finds the process that writes (a running serve) or opens the node here, runs the operation, tells the listener. args
 * is JSON text; as may be NULL. */
MUST_CHECK enum err op_dispatch(const char *home, struct op_table table, const char *name, struct span args,
                                const struct op_credentials *as, const int *fds, size_t fd_count,
                                const struct op_listener *listener, struct diag *d);

/* For operations: arguments and results. */
struct span op_text(const struct op_call *call, const char *name); /* {NULL,0} if absent; text in the arena */
bool op_flag(const struct op_call *call, const char *name);        /* false if absent */
int64_t op_number(const struct op_call *call, const char *name, int64_t absent);
void op_emit(const struct op_call *call, const struct buf *json); /* a result */
void op_progress(const struct op_call *call, const char *what, const char *unit, uint64_t done, uint64_t total);

#endif
