/* Indicator lists: text files and CSV that carry addresses, domains, URLs, hashes and e-mail addresses, one a line or
 * row, become values with a kind, a normal form, a line number and the references they stand under. A line that is
 * nothing recognisable is reported, never guessed. list_object.h writes the STIX objects.
 *
 * Understood: defanged spelling (hxxp, [.], (.), {.}, [:], [://], [at]), comments (#, //, ; at the start of a line, or
 * after white space behind a value), internationalised names (to A-labels, IDNA2008), upper case, trailing dots; CSV
 * with comma, semicolon, tab or bar, quoted or not, with a header (also one behind '#') or without (then the column in
 * which the first value stands is the one that is read; an address and a column named port go together; LIST_FIELDS are
 * what else of a row is told). Comments of maltrail's files: "Aliases: a, b", "Reference: URL" (misspelt, too),
 * "CERT-UA: UAC-0010", "MITRE: URL". References stand before the values they belong to; the next reference, or another
 * comment, after a value begins a new group.
 *
 * Streaming: memory does not grow with the file. One reader a thread; no global state. */
#ifndef RENKEI_SHARE_LIST_H
#define RENKEI_SHARE_LIST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct input;

enum {
    LIST_LINE_MAX = 64 << 10,   /* bytes of a line; a longer one is rejected and skipped */
    LIST_VALUE_MAX = 8 << 10,   /* bytes of a value: no URL in use is longer */
    LIST_REFERENCES_MAX = 1000, /* of one group; more are left out (real files have up to about 200) */
    LIST_ALIASES_MAX = 1000,    /* of a file */
    LIST_COLUMNS_MAX = 64       /* of a CSV; further ones are not looked at */
};

/* Every kind of value: name in C, name for people and machines. */
#define LIST_KINDS(X)                                                                                                  \
    X(IPV4, "ipv4")               /* 192.0.2.1 */                                                                      \
    X(IPV6, "ipv6")               /* 2001:db8::1 */                                                                    \
    X(IPV4_RANGE, "ipv4-range")   /* 192.0.2.0/24, host bits cleared */                                                \
    X(IPV6_RANGE, "ipv6-range")   /* 2001:db8::/32 */                                                                  \
    X(IPV4_PORT, "ipv4-port")     /* 192.0.2.1:443 */                                                                  \
    X(IPV6_PORT, "ipv6-port")     /* [2001:db8::1]:443 */                                                              \
    X(DOMAIN, "domain")           /* example.com, lower case, A-labels, no trailing dot */                             \
    X(DOMAIN_PORT, "domain-port") /* example.com:8443 */                                                               \
    X(URL, "url")                 /* http://example.com/gate.php */                                                    \
    X(HOST_PATH, "host-path")     /* example.com/gate.php: a URL without its scheme */                                 \
    X(PATH, "path")               /* /gate.php: a request without its host */                                          \
    X(MD5, "md5")                                                                                                      \
    X(SHA1, "sha1")                                                                                                    \
    X(SHA256, "sha256")                                                                                                \
    X(SHA512, "sha512")                                                                                                \
    X(EMAIL, "email")

enum list_kind {
    LIST_NONE = 0,
#define X(name, text) LIST_##name,
    LIST_KINDS(X)
#undef X
        LIST_KIND_COUNT
};
const char *list_kind_name(enum list_kind kind); /* "ipv4", …; "none" for LIST_NONE */

/* A source the file names: a URL, or an id of somebody's register. Empty spans where there is nothing. */
struct list_reference {
    struct span source; /* whose: "MITRE", or the URL's host */
    struct span url, id;
};

/* What a CSV with a header says of a row's value in columns of these names, as spelt; empty where it says nothing. */
#define LIST_FIELDS(X)                                                                                                 \
    X(TYPE, type)                                                                                                      \
    X(TLP, tlp)                                                                                                        \
    X(PAP, pap)                                                                                                        \
    X(LABELS, labels) /* separated by semicolons, or by commas where there is no semicolon */                          \
    X(CONFIDENCE, confidence)                                                                                          \
    X(VALID_FROM, valid_from)                                                                                          \
    X(VALID_UNTIL, valid_until)                                                                                        \
    X(COMMENT, comment)                                                                                                \
    X(DESCRIPTION, description)
struct list_row {
#define X(NAME, name) struct span name;
    LIST_FIELDS(X)
#undef X
};

struct list_value {
    enum list_kind kind;
    struct span value; /* normal form */
    uint64_t line;     /* from 1 */
    const struct list_reference *references;
    size_t reference_count;
    const struct list_row *row; /* NULL where there are no such columns */
    uint64_t group; /* number of the group of references, from 0; values of one group have the same references */
};

/* Called while reading; spans are valid during the call only. An error returned ends the reading and is passed on. */
struct list_events {
    void *context;
    enum err (*value)(void *context, const struct list_value *value, struct diag *d);
    /* A line that is not understood; reason is static, text the line (cut to LIST_VALUE_MAX). May be NULL. */
    enum err (*reject)(void *context, uint64_t line, struct span text, const char *reason, struct diag *d);
};

enum list_subject { LIST_SUBJECT_NONE = 0, LIST_SUBJECT_MALWARE, LIST_SUBJECT_INTRUSION_SET };

/* What the file as a whole says. Everything lives in the arena given to list_read(). */
struct list_summary {
    enum list_subject subject;  /* from the file's name: "apt_…" an intrusion set, another malware; NONE for stdin */
    struct span name;           /* of the family or actor: the stem, without "apt_" ("apt_turla.txt" → "turla") */
    const struct span *aliases; /* in the file's order, less duplicates and the name itself */
    size_t alias_count;
    const struct list_reference *references; /* about the subject itself (MITRE's page, CERT-UA's number) */
    size_t reference_count;
    uint64_t lines, values, rejected, groups;
    uint64_t kinds[LIST_KIND_COUNT];
    bool csv;
    uint64_t skipped, first_skipped; /* rows whose type is no kind of value, and the line of the first */
    const struct span *unread;       /* names of the header's columns that nothing is read from, first ones first */
    size_t unread_count;
};

/* Reads all of `in`. `a` keeps the summary and is not otherwise used. Fails only for trouble with the stream, memory,
 * or what an event returned; a line that is not understood is an event. The input's name decides subject and name. */
MUST_CHECK enum err list_read(struct input *in, struct arena *a, const struct list_events *events,
                              struct list_summary *out, struct diag *d);
/* The same over bytes in memory; name is the file's. */
MUST_CHECK enum err list_read_span(struct span text, struct span name, struct arena *a,
                                   const struct list_events *events, struct list_summary *out, struct diag *d);

/* Recognises one value in any accepted spelling. Replaces what `normal` holds with the normal form. LIST_NONE and
 * *reason (may be NULL; static) when it is nothing recognisable. */
enum list_kind list_recognise(struct span text, struct buf *normal, const char **reason);

/* Appends the STIX pattern for a value in normal form:
 * IPV4 [ipv4-addr:value = 'a']; RANGE [ipv4-addr:value ISSUBSET 'a/nn']; PORT [network-traffic:dst_ref.value = 'a' AND
 * network-traffic:dst_port = 443]; DOMAIN [domain-name:value = 'x']; URL [url:value = 'u'] (two spellings joined by OR
 * when it has no path: with "/" behind it and without, which mean the same by RFC 3986 §6.2.3); HOST_PATH [url:value =
 * 'http://…' OR url:value = 'https://…']; PATH [network-traffic:extensions.'http-request-ext'.request_value = '/path'];
 * hashes [file:hashes.'SHA-256' = 'h']; EMAIL [email-addr:value = 'x']. */
void list_pattern(struct buf *out, enum list_kind kind, struct span value);

#endif
