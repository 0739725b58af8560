/* What the files that write MISP share: the export under way, one event, one STIX object as read. Private to them. */
#ifndef RENKEI_INTERCHANGE_MISP_WRITER_H
#define RENKEI_INTERCHANGE_MISP_WRITER_H

#include "base/map.h"
#include "detect/export_marking.h"
#include "interchange/misp_export.h"
#include "interchange/misp_parts.h"

/* One event under way; the lists are elements of JSON lists. */
struct misp_out {
    struct buf attributes, objects, reports, galaxies, tags;
    struct buf kept;  /* "uuid id\n": texts that belong into the object with this UUID */
    struct map named; /* tags and clusters that stand in it */
    uint64_t items;   /* STIX objects written into it */
    uint64_t part;    /* of a creator's: number of the event */
    time_us latest;
    enum stix_tlp tlp;
    enum stix_pap pap;
    int confidence, distribution;
    bool in_part; /* what a further grouping of the report names is being written */
    char creator[STIX_ID_SIZE];
};

struct misp_exporter {
    struct store_reader *reader;
    const struct misp_export_options *options;
    struct misp_export_result *result;
    struct export_markings markings;
    struct map done;             /* ids that stand in an event, or were left out */
    struct arena arena, related; /* of the object at hand; of what it is looked up with */
    struct buf text;
    int fd;
    bool any; /* an event was written */
};

/* The version of an object that counts, as read. Lives in the arena it was read into. */
struct misp_item {
    struct json_value o, said; /* the object; what MISP said of it (its extension) */
    struct span id, type, uuid;
    struct json_doc doc;
    struct export_marking marking; /* less what only MISP's distribution left */
    enum stix_tlp handling;        /* with it */
    struct span handling_labels;
    int distribution; /* -1: MISP never said */
    bool there, revoked;
    time_us created, modified;
};

/* Reads it; ->there is false when it is not held. */
MUST_CHECK enum err misp_item_read(struct misp_exporter *x, struct span id, struct arena *a, struct misp_item *out,
                                   struct diag *d);
/* Whether MISP's object stands in it: a grouping or note that has one in its extension. */
bool misp_is_object(const struct misp_item *i);
/* Whether it may go out; counts it when not. */
bool misp_item_may(struct misp_exporter *x, const struct misp_item *i);
/* Calls each() for the visible objects of these types (words of STIX, enclosed by spaces) that name `id`. */
MUST_CHECK enum err misp_each_naming(struct misp_exporter *x, struct span id, const char *types,
                                     enum err (*each)(void *context, const struct misp_item *i, struct diag *d),
                                     void *context, struct diag *d);
bool misp_done(const struct misp_exporter *x, struct span id);
MUST_CHECK enum err misp_set_done(struct misp_exporter *x, struct span id, struct diag *d);

/* A writer for one more element of a list. */
struct json_writer misp_element(struct buf *list);
/* Members of `said` by these names that are no lists, objects, nulls or empty texts. */
void misp_write_members(struct json_writer *w, struct json_value said, const char *const *names);
/* Counts the properties of an object that are in none of `carried` (words enclosed by spaces), nor in every object. */
void misp_tell_properties(struct misp_exporter *x, const struct misp_item *i, const char *carried);
/* "Tag": of labels and markings, as far as the event (NULL: this is it) does not say the same. */
void misp_write_tags(struct misp_exporter *x, struct buf *list, struct map *named, const struct misp_item *i,
                     const struct misp_out *event);
void misp_write_distribution(struct json_writer *w, struct misp_exporter *x, const struct misp_item *i,
                             const struct misp_out *event);

/* ---- attributes (misp_write_attribute.c) ---- */

/* An attribute of an indicator, observed-data, note or named object into a list. *written: it could be one. */
MUST_CHECK enum err misp_write_attribute(struct misp_exporter *x, struct misp_out *event, struct buf *list,
                                         const struct misp_item *i, bool *written, struct diag *d);

/* ---- objects (misp_write_object.c) ---- */

/* Any object into the event: where it belongs, or a loss. */
MUST_CHECK enum err misp_write_item(struct misp_exporter *x, struct misp_out *event, const struct misp_item *i,
                                    struct diag *d);
/* A cluster of a galaxy into a list of Galaxy entries, and its tag. */
bool misp_is_cluster(struct span type);
void misp_write_cluster(struct misp_exporter *x, struct buf *galaxies, struct buf *tags, struct map *named,
                        const struct misp_item *i);
/* {"uuid", "name"} of an identity; the options' own for an empty id. */
MUST_CHECK enum err misp_write_organisation(struct misp_exporter *x, struct json_writer *w, struct span id,
                                            struct diag *d);

#endif
