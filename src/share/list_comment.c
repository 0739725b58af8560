/* Comments that mean something: aliases of the subject, references of the values that follow. Modelled on the habits
 * (and typing errors) of lists that people keep by hand. */
#include <stdlib.h>

#include "share/list_parts.h"

enum { GROUP_BYTES_MAX = 4 << 20 }; /* texts of one group's references */

bool list_comments_init(struct list_comments *c, struct arena *keep) {
    memset(c, 0, sizeof *c);
    c->keep = keep;
    arena_init(&c->group.arena, GROUP_BYTES_MAX);
    c->aliases = arena_zalloc(keep, LIST_ALIASES_MAX, sizeof *c->aliases);
    c->references = arena_zalloc(keep, LIST_REFERENCES_MAX, sizeof *c->references);
    return c->aliases && c->references;
}

void list_comments_free(struct list_comments *c) {
    arena_free(&c->group.arena);
}

/* A blank line never comes here: references and their values are often set apart. */
static void group_end(struct list_comments *c) {
    if (!c->group_used) return;
    arena_reset(&c->group.arena);
    c->group.count = 0;
    c->group_used = false;
    c->group_number++;
}

void list_comments_value(struct list_comments *c) {
    c->group_used = c->any_value = true;
    c->after_reference = false;
}

/* ---- words
 * ----------------------------------------------------------------------------------------------------------- */

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Edits (a letter more, less, other, or two exchanged) between the word and "reference". */
static unsigned edits_to_reference(struct span word) {
    static const char right[] = "reference";
    enum { N = sizeof right - 1, M = 14 };
    unsigned rows[M + 1][N + 1];
    if (word.len > M) return N;
    for (unsigned j = 0; j <= N; j++) rows[0][j] = j;
    for (unsigned i = 1; i <= word.len; i++) {
        char c = (char)(word.at[i - 1] | 0x20), before = i > 1 ? (char)(word.at[i - 2] | 0x20) : 0;
        rows[i][0] = i;
        for (unsigned j = 1; j <= N; j++) {
            unsigned best = rows[i - 1][j - 1] + (c != right[j - 1]);
            if (rows[i - 1][j] + 1 < best) best = rows[i - 1][j] + 1;
            if (rows[i][j - 1] + 1 < best) best = rows[i][j - 1] + 1;
            if (i > 1 && j > 1 && c == right[j - 2] && before == right[j - 1] && rows[i - 2][j - 2] + 1 < best)
                best = rows[i - 2][j - 2] + 1;
            rows[i][j] = best;
        }
    }
    return rows[word.len][N];
}

/* Whether the comment's first word means "reference"; what follows it is left in *rest. */
static bool is_reference(struct span text, struct span *rest) {
    size_t len = 0;
    while (len < text.len && is_letter(text.at[len])) len++;
    if (len < 7 || (text.at[0] | 0x20) != 'r' || edits_to_reference(span_first(text, len)) > 2) return false;
    *rest = span_from(text, len);
    if (span_starts(*rest, SPAN("(s)"))) *rest = span_from(*rest, 3);
    return true;
}

/* The first http(s) URL in the text, up to white space; empty when there is none. */
static struct span url_in(struct span text) {
    for (size_t i = 0; i + 8 < text.len; i++) {
        struct span rest = span_from(text, i);
        if ((rest.at[0] | 0x20) != 'h') continue;
        if (!span_equal_nocase(span_first(rest, 7), SPAN("http://")) &&
            !span_equal_nocase(span_first(rest, 8), SPAN("https://")))
            continue;
        size_t end = 0;
        while (end < rest.len && (unsigned char)rest.at[end] > ' ') end++;
        while (rest.at[end - 1] == ',' || rest.at[end - 1] == ';') end--; /* the sentence's, not the URL's */
        return span_first(rest, end);
    }
    return SPAN("");
}

static struct span host_of(struct span url) {
    struct span host = span_from(url, span_find(url, SPAN("://")) + 3);
    return span_first(host, span_find_char(host, '/'));
}

/* ---- what they say
 * ----------------------------------------------------------------------------------------------------- */

static bool reference_add(struct arena *a, struct list_reference *list, size_t *count, struct list_reference r) {
    for (size_t i = 0; i < *count; i++)
        if (span_equal(list[i].url, r.url) && span_equal(list[i].id, r.id) && span_equal(list[i].source, r.source))
            return true;
    if (*count == LIST_REFERENCES_MAX) return true;
    r = (struct list_reference){arena_copy(a, r.source), arena_copy(a, r.url), arena_copy(a, r.id)};
    if (a->overflow) return false;
    list[(*count)++] = r;
    return true;
}

static bool alias_add(struct list_comments *c, struct span alias) {
    alias = span_trim(alias);
    if (alias.len == 0 || alias.len > LIST_VALUE_MAX || c->alias_count == LIST_ALIASES_MAX) return true;
    for (size_t i = 0; i < c->alias_count; i++)
        if (span_equal_nocase(c->aliases[i], alias)) return true;
    c->aliases[c->alias_count] = arena_copy(c->keep, alias);
    return c->aliases[c->alias_count++].at != NULL;
}

static bool aliases_take(struct list_comments *c, struct span rest) {
    while (rest.len)
        if (!alias_add(c, span_cut(&rest, ','))) return false;
    return true;
}

static bool group_reference(struct list_comments *c, struct list_reference r) {
    group_end(c);
    c->after_reference = true;
    /* Beyond the group's share of memory further references are left out, like those beyond the count. */
    if (!reference_add(&c->group.arena, c->group.at, &c->group.count, r)) c->group.arena.overflow = false;
    return true;
}

/* "UAC-0010, UAC-0145" or "#3967". In the head of a file it names the subject, later the values that follow. */
static bool cert_ua_take(struct list_comments *c, struct span rest) {
    while (rest.len) {
        struct span item = span_trim(span_cut(&rest, ','));
        struct list_reference r = {SPAN("CERT-UA"), SPAN(""), item};
        bool ok = !item.len           ? true
                  : c->any_value      ? group_reference(c, r)
                  : item.at[0] == '#' ? reference_add(c->keep, c->references, &c->reference_count, r)
                                      : alias_add(c, item);
        if (!ok) return false;
    }
    return true;
}

static bool mitre_take(struct list_comments *c, struct span rest) {
    struct span url = url_in(rest), id = url;
    struct list_reference r = {SPAN("MITRE"), url, SPAN("")};
    if (!url.len) return true;
    if (span_is(host_of(url), "attack.mitre.org")) { /* ATT&CK's own objects cite themselves so */
        while (id.len && id.at[id.len - 1] == '/') id.len--;
        for (size_t i = id.len; i-- > 0;)
            if (id.at[i] == '/') {
                r.id = span_from(id, i + 1);
                r.id.len -= url.len - id.len;
                break;
            }
        r.source = SPAN("mitre-attack");
        r.id = span_of(r.id.at, (size_t)(id.at + id.len - r.id.at));
    }
    return c->any_value ? group_reference(c, r) : reference_add(c->keep, c->references, &c->reference_count, r);
}

static const struct {
    struct span head;
    bool (*take)(struct list_comments *c, struct span rest);
} headed[] = {
    {{"aliases:", 8}, aliases_take}, {{"alias:", 6}, aliases_take}, {{"cert-ua:", 8}, cert_ua_take},
    {{"cert_ua:", 8}, cert_ua_take}, {{"mitre:", 6}, mitre_take},
};

/* A value somebody took out of the list by a comment sign: does not end the group it stands in. */
static bool is_value(struct span text) {
    struct buf normal = BUF_EMPTY;
    bool yes = text.len && !memchr(text.at, ' ', text.len) && list_recognise(text, &normal, NULL) != LIST_NONE;
    buf_free(&normal);
    return yes;
}

bool list_comments_take(struct list_comments *c, struct span text) {
    struct span rest;
    text = span_trim(text);
    if (!text.len) return true;
    for (size_t i = 0; i < sizeof headed / sizeof *headed; i++)
        if (span_equal_nocase(span_first(text, headed[i].head.len), headed[i].head))
            return headed[i].take(c, span_from(text, headed[i].head.len));
    bool reference = is_reference(text, &rest);
    struct span url = url_in(reference ? rest : text);
    if (url.len && (reference || (c->after_reference && url.at == text.at)))
        return group_reference(c, (struct list_reference){host_of(url), url, SPAN("")});
    c->after_reference = false;
    if (!is_value(text)) group_end(c);
    return true;
}
