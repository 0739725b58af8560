#include "stix/version.h"

#include "json/write.h"

time_us stix_version_time(const struct stix_object *object) {
    return object->has_modified ? object->modified : object->created;
}

static enum err same_content(struct arena *a, const struct stix_object *one, const struct stix_object *two, bool *same,
                             struct diag *d) {
    struct buf first = BUF_EMPTY, second = BUF_EMPTY;
    *same = span_equal(one->bytes, two->bytes);
    if (*same) return ERR_NONE;
    enum err e = json_canonical(&first, one->json, a, d);
    if (!e) e = json_canonical(&second, two->json, a, d);
    *same = !e && span_equal(buf_span(&first), buf_span(&second));
    buf_free(&first);
    buf_free(&second);
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
