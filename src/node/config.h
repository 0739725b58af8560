/* HOME/renkei.yaml: the node's configuration, read by libcyaml, every mistake named with its line. */
#ifndef RENKEI_NODE_CONFIG_H
#define RENKEI_NODE_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "detect/decay.h"

/* A TAXII server that is no Renkei, to pull from with `renkei sync NAME`. */
struct config_source {
    char *name;
    char *url;           /* of the collection: https://host/root/collections/ID/; or NULL: */
    char *domain;        /* whose DNS names the server (_taxii2._tcp), with… */
    char *collection;    /* …the collection's id, alias or title there */
    char *username;      /* HTTP Basic, with password_file; or NULL */
    char *password_file; /* path, relative to HOME; the password never stands in the configuration */
    char *token_file;    /* bearer token */
    char *ca_file;       /* PEM; NULL = the system's */
};

struct config_member {
    char *id, *name;
};

/* How confidence decays (detect/decay.h): the first that fits an indicator counts. */
struct config_decay {
    char *source;   /* a party or feed, "own"; NULL = any */
    char *kind;     /* address, domain, url, hash, email, request, file-name; NULL = any */
    char *lifetime; /* "120d" */
    unsigned base_score, threshold;
    double decay_speed;
};

/* What one caller may ask of the server; 0 in the file or nothing: the default. */
struct config_limits {
    unsigned requests_per_second, burst; /* of a caller: 429 beyond */
    unsigned failures_per_minute;        /* wrong passwords and tokens of an address: 429 beyond */
    unsigned post_bytes;                 /* of one post: 413 beyond; the API roots' max_content_length */
};
enum {
    /* A partner's sync asks for a thousand tiles a second and more; what is slower than that is no defence but a
     * nuisance. */
    CONFIG_REQUESTS_PER_SECOND = 5000,
    CONFIG_BURST_SECONDS = 4,        /* of requests saved up, when `burst` is not given */
    CONFIG_FAILURES_PER_MINUTE = 20, /* accounts lock after five: this is for whoever tries many */
    CONFIG_POST_BYTES_MAX = 100 << 20
};

struct config {
    char *party, *name, *url;
    char *store;      /* postgresql://… of the live realm's store; NULL: a file in HOME */
    char *erasures;   /* what partners ask to be erased: "ask" an officer (NULL), or "obey" */
    char *listen;     /* "address:port"; from url when NULL */
    char *nameserver; /* "ADDRESS:PORT", for sources' domains; NULL = the system's */
    struct config_limits limits;
    char *monitor; /* "127.0.0.1:port" for /health and /metrics; NULL = nowhere */
    struct config_member *members;
    unsigned members_count;
    struct config_source *sources;
    unsigned sources_count;
    struct config_decay *decay;
    unsigned decay_count;
    struct config *replaced_before; /* the node's: a list of those that were replaced */
};

MUST_CHECK enum err config_read(struct span text, struct config **out, struct diag *d);
void config_free(struct config **c);
/* A commented file for a new node; store may be empty. */
MUST_CHECK enum err config_write(struct buf *out, struct span party, struct span name, struct span url,
                                 struct span store, struct diag *d);
/* The text with another `store:`; NULL: without one. ERR_UNSUPPORTED when it is written in a way that a line does not
 * replace; ERR_INVALID when it is no URL of a store. */
MUST_CHECK enum err config_set_store(struct span text, const char *store, struct buf *out, struct diag *d);
/* host and port of `listen` or of the URL. */
MUST_CHECK enum err config_listen(const struct config *c, char *host, size_t host_size, uint16_t *port, struct diag *d);
/* The same of `monitor`; only an address of this machine itself, for what is told there is told to anyone who asks. */
MUST_CHECK enum err config_monitor(const struct config *c, char *host, size_t host_size, uint16_t *port,
                                   struct diag *d);
/* The decay models, in `a`, borrowing from the configuration. */
MUST_CHECK enum err config_decay_models(const struct config *c, struct arena *a, struct decay_model **out,
                                        size_t *count, struct diag *d);

#endif
