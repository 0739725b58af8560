#include "stix/version.h"

#include "json/write.h"

time_us stix_version_time(const struct stix_object *object) {
    return object->has_modified ? object->modified : object->created;
}

/* A property that says what its absence says (§3.6): writing it or not makes no difference. */
static bool is_default(struct json_value key, struct json_value value) {
    return json_type(value) == JSON_FALSE && (json_is(key, SPAN("revoked")) || json_is(key, SPAN("defanged")));
}

static uint32_t count_telling(struct json_value object) {
    uint32_t count = 0;
    for (struct json_iter it = json_iter(object); json_next(&it);) count += !is_default(it.key, it.value);
    return count;
}

static struct json_value find(struct json_value object, struct span key) {
    for (struct json_iter it = json_iter(object); json_next(&it);)
        if (json_is(it.key, key)) return it.value;
    return JSON_MISSING;
}

static enum err same_value(struct arena *a, struct json_value one, struct json_value two, bool *same, struct diag *d) {
    struct buf first = BUF_EMPTY, second = BUF_EMPTY;
    enum err e = ERR_NONE;
    *same = span_equal(json_raw(one), json_raw(two));
    if (*same || json_type(one) != json_type(two)) return ERR_NONE;
    if (!(e = json_canonical(&first, one, a, d))) e = json_canonical(&second, two, a, d);
    *same = !e && span_equal(buf_span(&first), buf_span(&second));
    buf_free(&first);
    buf_free(&second);
    return e;
}

static enum err same_content(struct arena *a, const struct stix_object *one, const struct stix_object *two, bool *same,
                             struct diag *d) {
    enum err e = ERR_NONE;
    *same = span_equal(one->bytes, two->bytes);
    if (*same || count_telling(one->json) != count_telling(two->json)) return ERR_NONE;
    *same = true;
    for (struct json_iter it = json_iter(one->json); !e && *same && json_next(&it);)
        if (!is_default(it.key, it.value)) e = same_value(a, it.value, find(two->json, json_text(it.key, a)), same, d);
    return e;
}

enum err stix_version_compare(struct arena *a, const struct stix_object *held, const struct stix_object *offered,
                              enum stix_version *out, struct diag *d) {
    time_us was = stix_version_time(held), is = stix_version_time(offered);
    bool same;
    if (is != was) {
        *out = is > was ? STIX_VERSION_NEWER : STIX_VERSION_OLDER;
        return ERR_NONE;
    }
    enum err e = same_content(a, held, offered, &same, d);
    if (!e) *out = same ? STIX_VERSION_SAME : STIX_VERSION_CONFLICT;
    return e;
}
