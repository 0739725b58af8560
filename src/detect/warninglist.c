/* A compiled list: a table of the entries' offsets, or the expressions. */
#include "detect/warninglist.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

enum {
    GRAM = 4,                 /* bytes an entry of a substring list is looked up by */
    HOST_LENGTH_MAX = 1024,   /* longer is no name */
    MATCH_STEPS_MAX = 100000, /* of one expression on one value: a value is a line at most */
    MATCH_MEMORY_MAX_KIB = 4096
};

/* Open addressing, a power of two, at most half full. */
struct slot {
    uint32_t tag; /* upper half of the hash */
    uint32_t at;  /* offset of the entry + 1; 0 = free */
};

struct warninglist {
    enum warninglist_type type;
    struct span entries; /* borrowed; a line each, sorted */
    struct slot *slots;
    size_t size;
    uint64_t prefixes[2][3]; /* of a cidr list, by family: bit n = some network has n bits */
    bool below;              /* a string list with host names in it */
    pcre2_code **expressions;
    struct span *sources; /* of the expressions */
    size_t expression_count;
    pcre2_match_context *limits;
};

static uint64_t hash_bytes(uint64_t seed, struct span s) {
    uint64_t h = seed ^ (s.len * UINT64_C(0x9e3779b97f4a7c15));
    for (; s.len >= 8; s = span_from(s, 8)) {
        uint64_t word;
        memcpy(&word, s.at, 8);
        h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
    }
    uint64_t last = 0;
    if (s.len) memcpy(&last, s.at, s.len);
    h = (h ^ last) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 29;
}

static struct span entry_at(const struct warninglist *l, size_t at) {
    struct span rest = span_from(l->entries, at);
    return span_first(rest, span_find_char(rest, '\n'));
}

static uint64_t address_hash(const struct address *a) {
    char key[sizeof a->bytes + 2];
    memcpy(key, a->bytes, sizeof a->bytes);
    key[sizeof a->bytes] = (char)a->prefix;
    key[sizeof a->bytes + 1] = (char)a->v4;
    return hash_bytes(1, span_of(key, sizeof key));
}

/* What an entry is found by: a substring list's by its first bytes. */
static struct span key_of(const struct warninglist *l, struct span entry) {
    return l->type == WARNINGLIST_SUBSTRING ? span_first(entry, GRAM) : entry;
}

static void put(struct warninglist *l, uint64_t hash, size_t at, struct span key) {
    size_t i = hash & (l->size - 1);
    for (; l->slots[i].at; i = (i + 1) & (l->size - 1)) /* of substrings with one beginning the first one leads */
        if (l->type == WARNINGLIST_SUBSTRING && l->slots[i].tag == hash >> 32 &&
            span_equal(key, key_of(l, entry_at(l, l->slots[i].at - 1))))
            return;
    l->slots[i] = (struct slot){(uint32_t)(hash >> 32), (uint32_t)at + 1};
}

static bool find(const struct warninglist *l, struct span key, struct span *entry) {
    uint64_t hash = hash_bytes(0, key);
    for (size_t i = hash & (l->size - 1); l->slots[i].at; i = (i + 1) & (l->size - 1)) {
        if (l->slots[i].tag != hash >> 32) continue;
        struct span found = entry_at(l, l->slots[i].at - 1);
        if (!span_equal(key, key_of(l, found))) continue;
        *entry = found;
        return true;
    }
    return false;
}

static bool find_network(const struct warninglist *l, const struct address *network, struct span *entry) {
    uint64_t hash = address_hash(network);
    for (size_t i = hash & (l->size - 1); l->slots[i].at; i = (i + 1) & (l->size - 1)) {
        struct address other;
        if (l->slots[i].tag != hash >> 32) continue;
        *entry = entry_at(l, l->slots[i].at - 1);
        if (address_parse_network(*entry, &other) && other.v4 == network->v4 && other.prefix == network->prefix &&
            memcmp(other.bytes, network->bytes, network->v4 ? 4 : 16) == 0)
            return true;
    }
    return false;
}

/* ---- compiling ---- */

/* Takes PHP's delimiters off: /…/i, #…#, ~…~. Returns the pattern; *options gets what the letters behind say. */
static struct span undelimited(struct span text, uint32_t *options) {
    static const char delimiters[] = "/#~%@!";
    size_t end = text.len;
    *options = PCRE2_CASELESS; /* values have their letters folded */
    if (text.len < 2 || !strchr(delimiters, text.at[0])) return text;
    while (end > 1 && text.at[end - 1] != text.at[0]) end--;
    if (end <= 1) return text;
    for (size_t i = end; i < text.len; i++) switch (text.at[i]) {
        case 'm':
            *options |= PCRE2_MULTILINE;
            break;
        case 's':
            *options |= PCRE2_DOTALL;
            break;
        case 'x':
            *options |= PCRE2_EXTENDED;
            break;
        case 'u':
            *options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
            break;
        case 'i':
        case 'D':
        case 'S':
            break;
        default:
            return text; /* no delimiters after all */
        }
    return span_of(text.at + 1, end - 2);
}

static enum err compile_expression(struct span text, pcre2_code **out, struct diag *d) {
    uint32_t options;
    int code;
    PCRE2_SIZE at;
    struct span pattern = undelimited(text, &options);
    *out = pcre2_compile((PCRE2_SPTR)pattern.at, pattern.len, options | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
    if (*out) return ERR_NONE;
    PCRE2_UCHAR said[160] = "";
    pcre2_get_error_message(code, said, sizeof said);
    return diag_set(d, ERR_INVALID, "list: '%.*s' is no regular expression: %s", SPAN_ARG(span_first(text, 100)),
                    (const char *)said);
}

static enum err compile_expressions(struct warninglist *l, size_t count, struct diag *d) {
    l->expressions = calloc(count + 1, sizeof *l->expressions);
    l->sources = calloc(count + 1, sizeof *l->sources);
    l->limits = pcre2_match_context_create(NULL);
    if (!l->expressions || !l->sources || !l->limits) return diag_set(d, ERR_NOMEM, "no memory for a warning list");
    pcre2_set_match_limit(l->limits, MATCH_STEPS_MAX);
    pcre2_set_heap_limit(l->limits, MATCH_MEMORY_MAX_KIB);
    enum err e = ERR_NONE;
    for (size_t at = 0; !e && at < l->entries.len;) {
        struct span entry = entry_at(l, at);
        l->sources[l->expression_count] = entry;
        e = compile_expression(entry, &l->expressions[l->expression_count], d);
        if (!e) l->expression_count++;
        at += entry.len + 1;
    }
    return e;
}

static void put_entry(struct warninglist *l, size_t at, struct span entry) {
    struct address network;
    if (l->type != WARNINGLIST_CIDR) {
        struct span key = key_of(l, entry);
        l->below |= entry.len > 0 && entry.at[0] == '.';
        put(l, hash_bytes(0, key), at, key);
    } else if (address_parse_network(entry, &network)) {
        l->prefixes[network.v4][network.prefix / 64] |= UINT64_C(1) << network.prefix % 64;
        put(l, address_hash(&network), at, entry);
    }
}

static enum err fill(struct warninglist *l, size_t count, struct diag *d) {
    for (l->size = 16; l->size < count * 2;) l->size *= 2;
    if (!(l->slots = calloc(l->size, sizeof *l->slots))) return diag_set(d, ERR_NOMEM, "no memory for a warning list");
    for (size_t at = 0; at < l->entries.len;) {
        struct span entry = entry_at(l, at);
        put_entry(l, at, entry);
        at += entry.len + 1;
    }
    return ERR_NONE;
}

enum err warninglist_compile(enum warninglist_type type, struct span entries, struct warninglist **out,
                             struct diag *d) {
    struct warninglist *l = *out = calloc(1, sizeof *l);
    size_t count = 0;
    if (!l) return diag_set(d, ERR_NOMEM, "no memory for a warning list");
    if (entries.len >= UINT32_MAX) {
        warninglist_free(out);
        return diag_set(d, ERR_LIMIT, "a warning list of more than 4 GiB");
    }
    l->type = type;
    l->entries = entries;
    for (size_t i = 0; i < entries.len; i++) count += entries.at[i] == '\n';
    enum err e = type == WARNINGLIST_REGEX ? compile_expressions(l, count, d) : fill(l, count, d);
    if (e) warninglist_free(out);
    return e;
}

void warninglist_free(struct warninglist **list) {
    struct warninglist *l = *list;
    if (!l) return;
    for (size_t i = 0; i < l->expression_count; i++) pcre2_code_free(l->expressions[i]);
    pcre2_match_context_free(l->limits);
    free(l->expressions);
    free(l->sources);
    free(l->slots);
    free(l);
    *list = NULL;
}

size_t warninglist_bytes(const struct warninglist *l) {
    return sizeof *l + l->size * sizeof *l->slots + l->expression_count * 256;
}

/* ---- asking ---- */

/* The host of a URL in normal form, or all of another value. */
static struct span host_of(enum atom_kind kind, struct span value) {
    if (kind != ATOM_URL) return value;
    size_t scheme = span_find(value, SPAN("://"));
    struct span host = scheme == SIZE_MAX ? value : span_from(value, scheme + 3);
    host = span_first(host, span_find_char(host, '/'));
    size_t at = span_find_char(host, '@');
    if (at != SIZE_MAX) host = span_from(host, at + 1);
    return host.len && host.at[0] == '[' ? host : span_first(host, span_find_char(host, ':'));
}

/* The name itself and then each of the names it stands below; `dotted`: as ".example.com". */
static bool holds_host(const struct warninglist *l, struct span host, bool dotted, struct span *entry) {
    char text[HOST_LENGTH_MAX + 1];
    if (host.len == 0 || host.len > HOST_LENGTH_MAX) return false;
    text[0] = '.';
    memcpy(text + 1, host.at, host.len);
    for (size_t i = 0; i < host.len; i++)
        if (text[i] == '.' && find(l, span_of(text + i + !dotted, host.len + dotted - i), entry)) return true;
    return false;
}

static bool holds_part(const struct warninglist *l, struct span value, struct span *entry) {
    for (size_t i = 0; i < value.len; i++) {
        struct span rest = span_from(value, i), first;
        for (size_t len = 1; len <= GRAM && len <= rest.len; len++) {
            if (!find(l, span_first(rest, len), &first)) continue;
            /* entries with one beginning are neighbours: sorted */
            for (struct span at = first; at.at < l->entries.at + l->entries.len;) {
                if (!span_starts(at, span_first(rest, len))) break;
                if ((at.len == len || len == GRAM) && span_starts(rest, at)) {
                    *entry = at;
                    return true;
                }
                at = entry_at(l, (size_t)(at.at - l->entries.at) + at.len + 1);
            }
        }
    }
    return false;
}

static bool holds_address(const struct warninglist *l, struct span value, struct span *entry) {
    struct address address;
    if (!address_parse_network(value, &address)) return false;
    for (unsigned n = address.prefix + 1; n-- > 0;) {
        if (!(l->prefixes[address.v4][n / 64] >> n % 64 & 1)) continue;
        struct address network = address_masked(&address, n);
        if (find_network(l, &network, entry)) return true;
    }
    return false;
}

static bool holds_expression(const struct warninglist *l, struct span value, struct span *entry) {
    for (size_t i = 0; i < l->expression_count; i++) {
        pcre2_match_data *match = pcre2_match_data_create(1, NULL);
        int found =
            match ? pcre2_match(l->expressions[i], (PCRE2_SPTR)value.at, value.len, 0, 0, match, l->limits) : -1;
        pcre2_match_data_free(match);
        if (found < 0) continue;
        *entry = l->sources[i];
        return true;
    }
    return false;
}

bool warninglist_holds(const struct warninglist *l, enum atom_kind kind, struct span value, struct span *entry) {
    char text[WARNINGLIST_ENTRY_LENGTH_MAX];
    struct span ignored;
    if (!entry) entry = &ignored;
    if (value.len == 0 || value.len > sizeof text) return false;
    for (size_t i = 0; i < value.len; i++)
        text[i] = value.at[i] >= 'A' && value.at[i] <= 'Z' ? (char)(value.at[i] + 32) : value.at[i];
    value = span_of(text, value.len);
    switch (l->type) {
    case WARNINGLIST_STRING:
        return find(l, value, entry) || (l->below && holds_host(l, host_of(kind, value), true, entry));
    case WARNINGLIST_HOSTNAME:
        return holds_host(l, host_of(kind, value), false, entry);
    case WARNINGLIST_SUBSTRING:
        return holds_part(l, value, entry);
    case WARNINGLIST_CIDR:
        return kind == ATOM_ADDRESS && holds_address(l, value, entry);
    case WARNINGLIST_REGEX:
        return holds_expression(l, value, entry);
    }
    return false;
}
