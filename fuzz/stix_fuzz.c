/* One object from outside: parsed, validated, searched for references and markings, given an id, compared with
 * itself. What is found must be of the object, and nothing may depend on luck. */
#include <stdlib.h>

#include "stix/id.h"
#include "stix/marking.h"
#include "stix/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

static enum stix_marking lookup(void *context, struct span id, enum stix_tlp *level) {
    (void)context;
    (void)id;
    (void)level;
    return STIX_MARKING_OTHER;
}

static void fuzz_report(const struct stix_report *report, enum err e) {
    must(report->count <= STIX_FINDINGS_MAX && report->count <= report->errors + report->warnings);
    must((e == ERR_INVALID) == (report->errors > 0));
    for (size_t i = 0; i < report->count; i++)
        for (const char *c = report->findings[i].message; *c; c++) must((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void fuzz_refs(struct arena *a, const struct stix_object *object) {
    struct stix_ref *refs;
    size_t count;
    if (stix_object_refs(object, a, &refs, &count)) return;
    for (size_t i = 0; i < count; i++) {
        must(stix_id_valid(refs[i].target) && !span_equal(refs[i].target, object->id));
        for (size_t k = 0; k < i && k < 50; k++) must(!span_equal(refs[i].target, refs[k].target));
    }
}

static void fuzz_object(struct arena *a, struct json_value v) {
    static struct stix_report report;
    struct stix_object object;
    struct stix_marking_summary summary;
    enum stix_tlp level;
    enum stix_version version;
    struct diag d;
    char id[STIX_ID_SIZE];
    enum err e = stix_object_read(a, v, NULL, &object, &report);
    if (e == ERR_NOMEM) return;
    fuzz_report(&report, e);
    if (object.id.len == 0 || object.type.len == 0) return;
    if (!e) must(span_equal(stix_id_type(object.id), object.type));
    fuzz_refs(a, &object);
    stix_marking_effective(&object, lookup, NULL, &summary);
    must(summary.tlp <= STIX_TLP_RED);
    if (stix_marking_classify(&object, &level) == STIX_MARKING_TLP) must(stix_marking_object(object.id).at != NULL);
    if (stix_sco_id(a, v, id, &d) == ERR_NONE) must(stix_id_version(span_cstr(id)) == 5 || object.type.len > 200);
    if (stix_version_compare(a, &object, &object, &version, &d) == ERR_NONE) must(version == STIX_VERSION_SAME);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    struct json_doc doc;
    struct diag d;
    struct span text = span_of(data, size);
    enum stix_tlp level;
    arena_init(&a, 64 << 20);
    (void)stix_id_valid(text);
    if (stix_tlp_parse(text, &level)) must(level <= STIX_TLP_RED);
    if (json_parse(&a, text, &doc, &d) == ERR_NONE) fuzz_object(&a, json_root(&doc));
    arena_free(&a);
    return 0;
}
