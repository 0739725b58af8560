/* YAML, narrowed to what a signed or security-relevant file may hold: one document, no anchors, aliases, tags, merge
 * keys or duplicate keys, UTF-8. Files that pass are then read by libcyaml with their schema; positions of every node
 * stay known here for messages about meaning. */
#ifndef RENKEI_BASE_YAML_H
#define RENKEI_BASE_YAML_H

#include <cyaml/cyaml.h>

#include "base/arena.h"
#include "base/err.h"

enum { YAML_DEPTH_MAX = 16, YAML_SIZE_MAX = 1 << 20 }; /* an agreement is written and read by people */

/* Where things stand in a checked file. */
struct yaml_places;

/* Checks the narrowing above; *out (in the arena) answers yaml_place(). Errors carry line and column. */
MUST_CHECK enum err yaml_check(struct arena *a, struct span text, struct yaml_places **out, struct diag *d);
/* Line and column (from 1) of a node by path, e.g. "release[0].rules[2].tlp"; of its nearest existing ancestor
 * otherwise. */
void yaml_place(const struct yaml_places *p, const char *path, uint64_t *line, uint64_t *column);
/* Checks the narrowing above and reads the file as its schema says. What libcyaml logs becomes one diagnosis with line,
 * column, key path and, where there is a choice, what would be right. *out is freed with yaml_unload(). */
MUST_CHECK enum err yaml_load(struct span text, const cyaml_schema_value_t *schema, void **out, struct diag *d);
/* Frees what yaml_load() made; data may be NULL. (libyaml exports a yaml_free() of its own.) */
void yaml_unload(const cyaml_schema_value_t *schema, void *data);

#endif
