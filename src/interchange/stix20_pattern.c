/* Patterns from one version's words to the other's. The text is rewritten token by token, so that everything that is
 * the same in both (nearly all of it) stays as its author spelt it. */
#include "base/buf.h"
#include "interchange/stix20_words.h"

struct rewriting {
    struct span in;
    size_t at;
    bool back;
    struct buf out;
    struct losses *losses;
    struct span id;
};

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static char next_char(const struct rewriting *r) {
    return r->at < r->in.len ? r->in.at[r->at] : 0;
}

static struct span take(struct rewriting *r, size_t len) {
    struct span taken = span_first(span_from(r->in, r->at), len);
    r->at += taken.len;
    return taken;
}

static struct span take_word(struct rewriting *r) {
    size_t len = 0;
    while (r->at + len < r->in.len && is_word(r->in.at[r->at + len])) len++;
    return take(r, len);
}

/* A quoted literal with its quotes; to the end of the text if it has none. */
static struct span take_quoted(struct rewriting *r) {
    size_t i = r->at + 1;
    while (i < r->in.len && r->in.at[i] != '\'') i += r->in.at[i] == '\\' ? 2 : 1;
    return take(r, i + 1 - r->at);
}

static struct span take_comment(struct rewriting *r) {
    struct span rest = span_from(r->in, r->at);
    bool line = rest.at[1] == '/';
    size_t end = span_find(span_from(rest, 2), line ? SPAN("\n") : SPAN("*/"));
    return take(r, end == SIZE_MAX ? rest.len : end + (line ? 3 : 4));
}

/* ---- object paths ---- */

struct path {
    struct span type;   /* of what the next step is a property of; empty: not known */
    bool extension_key; /* the next step names an extension */
    bool hash_key;      /* … a hash algorithm */
    bool header_key;    /* … a header field */
};

/* What a reference leads to, as far as its name says. */
static const char *target_of(struct span ref) {
    static const struct {
        const char *ref, *type;
    } known[] = {{"parent_directory_ref", "directory"},
                 {"binary_ref", "file"},
                 {"image_ref", "file"},
                 {"parent_ref", "process"},
                 {"child_refs", "process"},
                 {"creator_user_ref", "user-account"},
                 {"service_dll_refs", "file"},
                 {"content_ref", "artifact"},
                 {"raw_email_ref", "artifact"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (span_is(ref, known[i].ref)) return known[i].type;
    return "";
}

/* The name of a property, as the other version says it. */
static void add_property(struct rewriting *r, const struct path *p, struct span name) {
    const char *other;
    bool known = r->back ? stix20_renamed_back(p->type, name, &other) : stix20_renamed(p->type, name, &other);
    if (known && other) {
        buf_add_cstr(&r->out, other);
    } else if (known && !r->back && span_is(p->type, "process") && span_is(name, "name")) {
        buf_add_cstr(&r->out, "image_ref.name");
    } else {
        if (known)
            losses_add(r->losses,
                       r->back ? "names in patterns that 2.0 does not know"
                               : "names in patterns that 2.1 does not know",
                       "%.*s: %.*s:%.*s", SPAN_ARG(r->id), SPAN_ARG(p->type), SPAN_ARG(name));
        buf_add(&r->out, name);
    }
}

/* Quoted where it must be: a name with a hyphen. */
static void add_key(struct rewriting *r, struct span name, bool quoted) {
    bool quotes = quoted || span_find_char(name, '-') != SIZE_MAX;
    if (quotes) buf_add_char(&r->out, '\'');
    buf_add(&r->out, name);
    if (quotes) buf_add_char(&r->out, '\'');
}

/* One step; says what the next one is a property of. */
static void rewrite_step(struct rewriting *r, struct path *p) {
    bool quoted = next_char(r) == '\'';
    struct span name = quoted ? take_quoted(r) : take_word(r);
    if (quoted && name.len >= 2) name = span_of(name.at + 1, name.len - 2);
    struct path next = {.extension_key = span_is(name, "extensions"),
                        .hash_key = span_is(name, "hashes"),
                        .header_key = stix20_is_header(name)};
    if (p->extension_key) {
        add_key(r, name, quoted);
        next = (struct path){.type = name};
    } else if (p->hash_key) {
        bool ssdeep = span_equal_nocase(name, SPAN("ssdeep"));
        add_key(r, !ssdeep ? name : r->back ? SPAN("ssdeep") : SPAN("SSDEEP"), quoted);
    } else if (p->header_key) {
        add_key(r, name, quoted);
        if (!r->back && next_char(r) != '[') buf_add_cstr(&r->out, "[*]");
        if (r->back && span_starts(span_from(r->in, r->at), SPAN("[*]"))) (void)take(r, 3);
    } else {
        if (quoted)
            add_key(r, name, true);
        else
            add_property(r, p, name);
        next.type = span_cstr(target_of(name));
    }
    *p = next;
}

static void rewrite_path(struct rewriting *r, struct span type) {
    struct path p = {.type = type};
    buf_add(&r->out, take(r, 1)); /* the colon */
    while (is_word(next_char(r)) || next_char(r) == '\'') {
        rewrite_step(r, &p);
        if (next_char(r) == '[') {
            size_t end = span_find_char(span_from(r->in, r->at), ']');
            buf_add(&r->out, take(r, end == SIZE_MAX ? r->in.len - r->at : end + 1));
        }
        if (next_char(r) != '.') break;
        buf_add(&r->out, take(r, 1));
    }
}

/* ---- the whole ---- */

/* Drafts of 2.0, and tools made after them, wrote the times of START and STOP as strings. */
static void rewrite_word(struct rewriting *r, bool *time_next) {
    struct span word = take_word(r);
    buf_add(&r->out, word);
    *time_next = span_is(word, "START") || span_is(word, "STOP");
    if (next_char(r) == ':') rewrite_path(r, word);
}

struct span stix20_pattern(struct span pattern, bool back, struct span id, struct arena *a, struct losses *l) {
    struct rewriting r = {.in = pattern, .back = back, .losses = l, .id = id};
    bool time_next = false;
    while (r.at < r.in.len) {
        char c = next_char(&r);
        if (c == '\'') {
            if (time_next && !back) buf_add_char(&r.out, 't');
            time_next = false;
            buf_add(&r.out, take_quoted(&r));
        } else if (c == '/' && r.at + 1 < r.in.len && (r.in.at[r.at + 1] == '/' || r.in.at[r.at + 1] == '*')) {
            buf_add(&r.out, take_comment(&r));
        } else if (is_word(c)) {
            rewrite_word(&r, &time_next);
        } else {
            buf_add(&r.out, take(&r, 1));
        }
    }
    struct span copy = buf_ok(&r.out) ? arena_copy(a, r.out.len ? buf_span(&r.out) : SPAN("")) : (struct span){0};
    buf_free(&r.out);
    return copy;
}
