#include "stix/marking.h"

#include "base/buf.h"
#include "json/write.h"

#define TLP_EXTENSION "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

/* The nine objects of the specifications, whole (TLP 1.0: STIX 2.1 §7.2.1.4; TLP 2.0: its OASIS extension definition).
 */
#define TLP_2(level, uuid, value, label)                                                                               \
    {                                                                                                                  \
        level, "marking-definition--" uuid,                                                                            \
            "{\"type\":\"marking-definition\",\"spec_version\":\"2.1\",\"id\":\"marking-definition--" uuid             \
            "\",\"created\":\"2022-10-01T00:00:00.000Z\",\"name\":\"" label "\",\"extensions\":{\"" TLP_EXTENSION      \
            "\":{\"extension_type\":\"property-extension\",\"tlp_2_0\":\"" value "\"}}}"                               \
    }
#define TLP_1(level, uuid, value, label)                                                                               \
    {                                                                                                                  \
        level, "marking-definition--" uuid,                                                                            \
            "{\"type\":\"marking-definition\",\"spec_version\":\"2.1\",\"id\":\"marking-definition--" uuid             \
            "\",\"created\":\"2017-01-20T00:00:00.000Z\",\"definition_type\":\"tlp\",\"name\":\"" label                \
            "\",\"definition\":{\"tlp\":\"" value "\"}}"                                                               \
    }

static const struct builtin {
    enum stix_tlp level;
    const char *id, *text;
} builtins[] = {
    TLP_2(STIX_TLP_CLEAR, "94868c89-83c2-464b-929b-a1a8aa3c8487", "clear", "TLP:CLEAR"),
    TLP_2(STIX_TLP_GREEN, "bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "green", "TLP:GREEN"),
    TLP_2(STIX_TLP_AMBER, "55d920b0-5e8b-4f79-9ee9-91f868d9b421", "amber", "TLP:AMBER"),
    TLP_2(STIX_TLP_AMBER_STRICT, "939a9414-2ddd-4d32-a0cd-375ea402b003", "amber+strict", "TLP:AMBER+STRICT"),
    TLP_2(STIX_TLP_RED, "e828b379-4e03-4974-9ac4-e53a884c97c1", "red", "TLP:RED"),
    TLP_1(STIX_TLP_CLEAR, "613f2e26-407d-48c7-9eca-b8e91df99dc9", "white", "TLP:WHITE"),
    TLP_1(STIX_TLP_GREEN, "34098fce-860f-48ae-8e50-ebd3cc5e41da", "green", "TLP:GREEN"),
    TLP_1(STIX_TLP_AMBER, "f88d31f6-486f-44da-b317-01333bde0b82", "amber", "TLP:AMBER"),
    TLP_1(STIX_TLP_RED, "5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "red", "TLP:RED"),
};
enum { BUILTINS = sizeof builtins / sizeof *builtins };

static const char *const names[STIX_TLP_COUNT] = {"none", "clear", "green", "amber", "amber+strict", "red"};
static const char *const labels[STIX_TLP_COUNT] = {"",          "TLP:CLEAR",        "TLP:GREEN",
                                                   "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"};

bool stix_tlp_parse(struct span text, enum stix_tlp *out) {
    if (text.len > 4 && span_equal_nocase(span_first(text, 4), SPAN("tlp:"))) text = span_from(text, 4);
    if (span_equal_nocase(text, SPAN("white"))) text = SPAN("clear");
    for (int i = 0; i < STIX_TLP_COUNT; i++)
        if (span_equal_nocase(text, span_cstr(names[i]))) {
            *out = (enum stix_tlp)i;
            return true;
        }
    return false;
}

const char *stix_tlp_name(enum stix_tlp level) {
    return (unsigned)level < STIX_TLP_COUNT ? names[level] : "red";
}
const char *stix_tlp_label(enum stix_tlp level) {
    return (unsigned)level < STIX_TLP_COUNT ? labels[level] : "TLP:RED";
}

static const struct builtin *builtin_of_level(enum stix_tlp level) {
    for (int i = 0; i < BUILTINS; i++)
        if (builtins[i].level == level) return &builtins[i]; /* TLP 2.0 comes first */
    return NULL;
}

static const struct builtin *builtin_of_id(struct span id) {
    for (int i = 0; i < BUILTINS; i++)
        if (span_equal_nocase(id, span_cstr(builtins[i].id))) return &builtins[i];
    return NULL;
}

struct span stix_tlp_object(enum stix_tlp level) {
    const struct builtin *b = builtin_of_level(level);
    return b ? span_cstr(b->text) : (struct span){0};
}

struct span stix_tlp_id(enum stix_tlp level) {
    const struct builtin *b = builtin_of_level(level);
    return b ? span_cstr(b->id) : SPAN("");
}

struct span stix_marking_object(struct span id) {
    const struct builtin *b = builtin_of_id(id);
    return b ? span_cstr(b->text) : (struct span){0};
}

bool stix_marking_builtin(struct span id, enum stix_tlp *level) {
    const struct builtin *b = builtin_of_id(id);
    if (b) *level = b->level;
    return b != NULL;
}

/* ---- what a marking definition is ---- */

/* Equal as JSON, timestamps by value: a marking may be spelt "…00Z" or "…00.000Z". */
static bool same_member(struct json_value mine, struct json_value theirs, struct arena *a) {
    struct buf one = BUF_EMPTY, two = BUF_EMPTY;
    struct diag d;
    time_us t, u;
    bool same = json_type(mine) == json_type(theirs) && !json_canonical(&one, mine, a, &d) &&
                !json_canonical(&two, theirs, a, &d) && span_equal(buf_span(&one), buf_span(&two));
    if (!same && time_parse_stix(json_text(mine, a), &t) && time_parse_stix(json_text(theirs, a), &u)) same = t == u;
    buf_free(&one);
    buf_free(&two);
    return same;
}

/* All of the object and nothing besides. Only the name of a TLP 1.0 marking may be absent: drafts of STIX 2.1 had none.
 */
static bool exact(struct json_value object, const struct builtin *b) {
    struct arena a;
    struct json_doc doc;
    struct diag d;
    bool same;
    arena_init(&a, 1 << 20);
    same = json_parse(&a, span_cstr(b->text), &doc, &d) == ERR_NONE;
    uint32_t matched = 0;
    for (struct json_iter it = json_iter(json_root(&doc)); same && json_next(&it);) {
        char key[64] = "";
        struct span name = json_spelt(it.key);
        if (name.len < sizeof key) memcpy(key, name.at, name.len);
        struct json_value theirs = json_get(object, key);
        if (!json_exists(theirs) && strcmp(key, "name") == 0 && json_exists(json_get(object, "definition_type")))
            continue;
        same = same_member(it.value, theirs, &a);
        matched++;
    }
    if (same) same = json_count(object) == matched; /* nothing besides */
    arena_free(&a);
    return same;
}

/* Whether a text says what a TLP label says, however it is spelt: "TLP:RED", "tlp amber-strict". */
static bool says_tlp(struct span text) {
    static const char *const colours[] = {"clear", "white", "green", "amber", "red"};
    text = span_trim(text);
    if (!span_equal_nocase(span_first(text, 3), SPAN("tlp"))) return false;
    text = span_from(text, 3);
    while (text.len && strchr(" :_-", text.at[0])) text = span_from(text, 1);
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
        if (span_equal_nocase(span_first(text, strlen(colours[i])), span_cstr(colours[i]))) return true;
    return false;
}

/* Whether it pretends to be TLP: by its type, its extension, its name or its statement. */
static bool claims_tlp(struct json_value object, struct arena *a) {
    struct json_value extensions = json_get(object, "extensions"), definition = json_get(object, "definition");
    if (json_exists(json_get(definition, "tlp")) || json_exists(json_get(extensions, TLP_EXTENSION))) return true;
    for (struct json_iter it = json_iter(extensions); json_next(&it);)
        if (json_exists(json_get(it.value, "tlp_2_0"))) return true;
    struct span type = json_text(json_get(object, "definition_type"), a);
    return span_equal_nocase(type, SPAN("tlp")) || says_tlp(json_text(json_get(object, "name"), a)) ||
           says_tlp(json_text(json_get(definition, "statement"), a));
}

enum stix_marking stix_marking_classify(const struct stix_object *marking, enum stix_tlp *level) {
    const struct builtin *b = builtin_of_id(marking->id);
    struct arena a;
    *level = STIX_TLP_NONE;
    if (b) {
        if (!exact(marking->json, b)) return STIX_MARKING_ALTERED;
        *level = b->level;
        return STIX_MARKING_TLP;
    }
    arena_init(&a, 1 << 20);
    bool claims = claims_tlp(marking->json, &a) || a.overflow;
    arena_free(&a);
    if (claims) return STIX_MARKING_ALTERED;
    bool statement = json_is(json_get(marking->json, "definition_type"), SPAN("statement")) &&
                     !json_exists(json_get(marking->json, "extensions"));
    return statement ? STIX_MARKING_STATEMENT : STIX_MARKING_OTHER;
}

/* ---- what an object carries ---- */

static void carry(struct span id, stix_marking_lookup lookup, void *context, struct stix_marking_summary *out) {
    enum stix_tlp level = STIX_TLP_NONE;
    enum stix_marking what = STIX_MARKING_TLP;
    if (!stix_marking_builtin(id, &level)) what = lookup(context, id, &level);
    if (what == STIX_MARKING_TLP) {
        if (level > out->tlp) out->tlp = level;
    } else if (what != STIX_MARKING_STATEMENT && !out->strictest) {
        out->strictest = true;
        out->offending = id;
    }
}

void stix_marking_effective(const struct stix_object *object, stix_marking_lookup lookup, void *context,
                            struct stix_marking_summary *out) {
    struct json_value refs = json_get(object->json, "object_marking_refs"),
                      granular = json_get(object->json, "granular_markings");
    *out = (struct stix_marking_summary){0};
    if ((json_exists(refs) && json_type(refs) != JSON_ARRAY) ||
        (json_exists(granular) && json_type(granular) != JSON_ARRAY))
        out->strictest = true; /* bytes that were never validated */
    for (struct json_iter it = json_iter(refs); json_next(&it);) carry(json_spelt(it.value), lookup, context, out);
    for (struct json_iter it = json_iter(granular); json_next(&it);) {
        struct json_value ref = json_get(it.value, "marking_ref");
        if (json_exists(ref)) carry(json_spelt(ref), lookup, context, out);
    }
}
