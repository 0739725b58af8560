#include "share/stix20.h"

#include <string.h>

#include "json/write.h"

/* The types of STIX 2.0 (parts 2 and 3), and where 2.1 keeps the words that 2.0 required in labels. */
static const struct {
    const char *name, *words; /* words: NULL when labels meant nothing in particular */
} types[] = {{"attack-pattern", NULL},
             {"campaign", NULL},
             {"course-of-action", NULL},
             {"identity", NULL},
             {"indicator", "indicator_types"},
             {"intrusion-set", NULL},
             {"malware", "malware_types"},
             {"marking-definition", NULL},
             {"observed-data", NULL},
             {"relationship", NULL},
             {"report", "report_types"},
             {"sighting", NULL},
             {"threat-actor", "threat_actor_types"},
             {"tool", "tool_types"},
             {"vulnerability", NULL}};
enum { TYPES = sizeof types / sizeof *types };

static int type_of(struct json_value object) {
    struct json_value type = json_get(object, "type");
    for (int i = 0; i < TYPES; i++)
        if (json_is(type, span_cstr(types[i].name))) return i;
    return -1;
}

bool stix20_is(struct json_value object) {
    return json_type(object) == JSON_OBJECT && !json_exists(json_get(object, "spec_version")) && type_of(object) >= 0;
}

static void add_raw(struct json_writer *w, const char *key, struct json_value value) {
    json_key(w, key);
    json_splice(w, json_raw(value));
}

enum err stix20_upgrade(struct json_value object, struct arena *a, struct span *out, struct diag *d) {
    struct buf text = BUF_EMPTY;
    struct json_writer w = json_writer(&text);
    int type = type_of(object);
    struct json_value labels = json_get(object, "labels");
    const char *words = types[type].words;
    json_begin_object(&w);
    for (struct json_iter it = json_iter(object); json_next(&it);) {
        json_key_span(&w, json_text(it.key, a));
        json_splice(&w, json_raw(it.value));
        if (json_is(it.key, SPAN("type"))) json_member_cstr(&w, "spec_version", "2.1");
    }
    if (words && json_count(labels) > 0 && !json_exists(json_get(object, words))) add_raw(&w, words, labels);
    if (strcmp(types[type].name, "indicator") == 0 && !json_exists(json_get(object, "pattern_type")))
        json_member_cstr(&w, "pattern_type", "stix");
    if (strcmp(types[type].name, "malware") == 0 && !json_exists(json_get(object, "is_family")))
        json_member_truth(&w, "is_family", true);
    json_end_object(&w);
    *out = buf_ok(&text) ? arena_copy(a, buf_span(&text)) : (struct span){0};
    buf_free(&text);
    return out->at ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for an object of STIX 2.0");
}
