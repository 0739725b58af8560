/* JSON text and its nodes, written together: what is built here need not be parsed again. */
#include "base/encode.h"
#include "detect/observation_draft.h"

enum { TAPE_NODES_FIRST = 64 };

bool tape_begin(struct tape *t, struct arena *a, size_t size) {
    *t = (struct tape){.arena = a, .size = size, .node_size = TAPE_NODES_FIRST};
    t->text = arena_alloc(a, size);
    t->doc = arena_alloc(a, sizeof *t->doc);
    struct json_node *nodes = arena_alloc(a, TAPE_NODES_FIRST * sizeof *nodes);
    if (!t->text || !t->doc || !nodes) {
        t->failed = true;
        return false;
    }
    *t->doc = (struct json_doc){.source = span_of(t->text, 0), .nodes = nodes};
    return true;
}

static bool room(struct tape *t, size_t more) {
    if (t->failed) return false;
    if (t->size - t->len >= more) return true;
    size_t size = t->size;
    while (size - t->len < more) {
        if (size > JSON_SIZE_MAX / 2) return !(t->failed = true);
        size *= 2;
    }
    char *bigger = arena_alloc(t->arena, size);
    if (!bigger) return !(t->failed = true);
    memcpy(bigger, t->text, t->len);
    t->text = bigger;
    t->size = size;
    t->doc->source.at = bigger;
    return true;
}

static void put(struct tape *t, struct span s) {
    if (s.len == 0 || !room(t, s.len)) return;
    memcpy(t->text + t->len, s.at, s.len);
    t->len += s.len;
}

static void put_char(struct tape *t, char c) {
    put(t, span_of(&c, 1));
}

static struct json_node *node(struct tape *t, enum json_type type) {
    static struct json_node nowhere;
    struct json_doc *doc = t->doc;
    if (t->failed) return &nowhere;
    if (doc->count == t->node_size) {
        struct json_node *bigger = arena_alloc(t->arena, (size_t)t->node_size * 2 * sizeof *bigger);
        if (!bigger) {
            t->failed = true;
            return &nowhere;
        }
        memcpy(bigger, doc->nodes, (size_t)t->node_size * sizeof *bigger);
        doc->nodes = bigger;
        t->node_size *= 2;
    }
    struct json_node *n = &doc->nodes[doc->count++];
    *n = (struct json_node){.at = (uint32_t)t->len, .next = doc->count, .type = (uint8_t)type};
    return n;
}

/* A comma before all but the first of a list; an object's values follow their key. */
static void begin_value(struct tape *t, bool key) {
    if (t->depth == 0 || t->failed) return;
    struct json_node *parent = &t->doc->nodes[t->open[t->depth - 1]];
    bool list = parent->type == JSON_ARRAY;
    if (!list && !key) return;
    if (parent->count++) put_char(t, ',');
}

void tape_open(struct tape *t, enum json_type type) {
    begin_value(t, false);
    if (t->depth == JSON_DEPTH_MAX) t->failed = true;
    uint32_t index = t->doc->count;
    node(t, type);
    if (t->failed) return;
    t->open[t->depth++] = index;
    put_char(t, type == JSON_OBJECT ? '{' : '[');
}

void tape_close(struct tape *t) {
    if (t->failed) return;
    struct json_node *n = &t->doc->nodes[t->open[--t->depth]];
    put_char(t, n->type == JSON_OBJECT ? '}' : ']');
    n->len = (uint32_t)t->len - n->at;
    n->next = t->doc->count;
    t->doc->source.len = t->len;
}

static bool is_plain(struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') return false;
    }
    return true;
}

/* Escapes what JSON wants escaped; bytes that are no UTF-8 become U+FFFD. Returns whether there is an escape. */
static bool put_escaped(struct tape *t, struct span text) {
    static const char digits[] = "0123456789abcdef";
    bool escaped = false;
    for (size_t i = 0, len; i < text.len; i += len) {
        unsigned char c = (unsigned char)text.at[i];
        len = utf8_length(span_from(text, i));
        if (len == 0) {
            put(t, SPAN("\xef\xbf\xbd"));
            len = 1;
        } else if (c == '"' || c == '\\') {
            char pair[2] = {'\\', (char)c};
            put(t, span_of(pair, 2));
            escaped = true;
        } else if (c < 0x20) {
            char code[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
            put(t, span_of(code, 6));
            escaped = true;
        } else {
            put(t, span_of(text.at + i, len));
        }
    }
    return escaped;
}

static void put_string(struct tape *t, struct span text) {
    put_char(t, '"');
    uint32_t index = t->doc->count;
    node(t, JSON_STRING);
    bool escaped = false;
    if (is_plain(text))
        put(t, text);
    else
        escaped = put_escaped(t, text);
    if (!t->failed) {
        struct json_node *n = &t->doc->nodes[index];
        n->len = (uint32_t)t->len - n->at;
        n->escaped = escaped;
    }
    put_char(t, '"');
}

void tape_key(struct tape *t, struct span key) {
    begin_value(t, true);
    put_string(t, key);
    put_char(t, ':');
}

void tape_text(struct tape *t, struct span text) {
    begin_value(t, false);
    put_string(t, text);
    t->doc->source.len = t->len;
}

void tape_raw(struct tape *t, enum json_type type, struct span raw) {
    begin_value(t, false);
    struct json_node *n = node(t, type);
    n->len = (uint32_t)raw.len;
    put(t, raw);
}
