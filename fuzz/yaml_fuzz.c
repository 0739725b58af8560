/* YAML, narrowed: what passes the check has a place for every path, and loads under a schema with every kind of node or
 * is refused with a sentence. */
#include <stdlib.h>

#include "base/yaml.h"

enum { MEMORY = 32 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rule {
    char *to;
    int tlp;
    unsigned confidence;
    char **labels;
    unsigned labels_count;
};
struct file {
    char *name;
    bool open;
    struct rule *rules;
    unsigned rules_count;
};

static const cyaml_strval_t levels[] = {{"clear", 0}, {"green", 1}, {"amber", 2}, {"red", 3}};
static const cyaml_schema_value_t label_schema = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, 64)};
static const cyaml_schema_field_t rule_fields[] = {
    CYAML_FIELD_STRING_PTR("to", CYAML_FLAG_POINTER, struct rule, to, 1, 64),
    CYAML_FIELD_ENUM("tlp", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct rule, tlp, levels, 4),
    CYAML_FIELD_UINT("confidence", CYAML_FLAG_OPTIONAL, struct rule, confidence),
    CYAML_FIELD_SEQUENCE("labels", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct rule, labels, &label_schema, 0, 8),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t rule_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct rule, rule_fields)};
static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct file, name, 1, 64),
    CYAML_FIELD_BOOL("open", CYAML_FLAG_OPTIONAL, struct file, open),
    CYAML_FIELD_SEQUENCE("rules", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file, rules, &rule_schema, 0, 8),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t file_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, file_fields)};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    struct yaml_places *places;
    struct diag d = {0};
    uint64_t line = 0, column = 0;
    void *loaded;
    arena_init(&a, MEMORY);
    enum err checked = yaml_check(&a, span_of(data, size), &places, &d);
    if (checked && (d.code != checked || !d.message[0])) abort();
    yaml_place(places, "rules[0].labels[1]", &line, &column);
    if (!line || !column) abort();
    arena_free(&a);
    enum err e = yaml_load(span_of(data, size), &file_schema, &loaded, &d);
    if (e && (loaded || !d.message[0])) abort();
    if (checked == ERR_INVALID && !e) abort();
    if (!e) yaml_unload(&file_schema, loaded);
    return 0;
}
