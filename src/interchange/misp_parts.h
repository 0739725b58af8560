/* What the files that read MISP share: the event under way, drafts of objects, tags. Private to misp_*.c. */
#ifndef RENKEI_INTERCHANGE_MISP_PARTS_H
#define RENKEI_INTERCHANGE_MISP_PARTS_H

#include "base/map.h"
#include "interchange/misp_read.h"
#include "interchange/misp_type.h"

enum {
    MISP_LABELS_MAX = 256,   /* tags of one event or attribute; more are told as not carried */
    MISP_GALAXIES_MAX = 256, /* likewise, clusters */
    MISP_REFS_MAX = 90000,   /* objects a report names: STIX_REFS_MAX less room for what else it names */
    MISP_PARTS_MAX = 64,     /* groupings with what is beyond: more than an event can be large */
    MISP_UUID_LEN = STIX_UUID_LEN
};

/* What holds of an event, and of an object or attribute in it: markings, labels and who may have it. */
struct misp_context {
    enum stix_tlp tlp;
    enum stix_pap pap;
    int confidence; /* -1: not said */
    enum stix_tlp handling;
    int distribution;                         /* the strictest of those around it; -1: not said */
    struct span sharing_group;                /* its name, where distribution is that */
    const struct span *labels, *local_labels; /* tags; local ones do not leave the organisation */
    size_t label_count, local_count;
    const struct misp_galaxy *galaxies;
    size_t galaxy_count;
};

/* A cluster of a galaxy that a tag or a Galaxy entry names, as an object that is there. */
struct misp_galaxy {
    struct span id;        /* NUL-terminated */
    bool may_be_indicated; /* STIX 2.1 §4.7: what an indicator may indicate */
};

struct misp_reader {
    const struct misp_sink *sink;
    struct losses *losses;
    struct arena lasting, passing; /* of the event; of the element at hand */
    struct json_doc head;          /* the event less its long lists */
    struct json_value event;
    struct span uuid; /* of the event, lower case */
    char report[STIX_ID_SIZE], creator[STIX_ID_SIZE];
    time_us time, date; /* timestamp and date of the event */
    struct misp_context context;
    struct buf text, labels; /* the draft at hand; its handling's labels */
    struct json_writer w;
    bool known;              /* a version of the event is held */
    struct span description; /* of the report; empty: the event has none */
    size_t split;            /* where created and modified go */
    struct buf refs;         /* what the report names, as elements of a JSON list */
    size_t ref_count;
    struct buf strict; /* likewise, what is marked more strictly than the event: the report must not name it */
    size_t strict_count;
    struct misp_context strictest; /* of those */
    size_t parts[MISP_PARTS_MAX];  /* where in refs the objects of a further grouping begin */
    size_t part_count;
    struct buf observed; /* likewise, observables just put */
    struct span object;  /* UUID of the object whose attributes are read; empty: they are the event's */
    struct map ids;      /* uuid → const char *: what became of attributes and objects, in `lasting` */
    struct map put_once; /* ids of galaxies, identities and markings already put */
};

/* ---- values ---- */

/* A number, also one in quotes, as MISP likes to write them. */
bool misp_number(struct json_value v, int64_t *out);
/* true, "1", 1. */
bool misp_true(struct json_value v);
/* Unix seconds; TIME_NONE when there are none that make sense. */
time_us misp_seconds(struct json_value v);
/* ISO 8601, as first_seen has it. */
time_us misp_moment(struct json_value v, struct arena *a);
/* A UUID in lower case, in `a`; empty if v is none. */
struct span misp_uuid(struct json_value v, struct arena *a);
/* A UUID from a hash of what it stands for. */
struct span misp_made_uuid(struct arena *a, const char *what, struct span of, struct span more);
/* UUID of the event report that is the description of the report itself. */
struct span misp_description_uuid(struct arena *a, struct span event);
/* "type--uuid" */
void misp_id(char out[STIX_ID_SIZE], const char *type, struct span uuid);

/* ---- drafts (misp_draft.c) ---- */

/* Begins an object: type, spec_version, id and, for what has versions, created_by_ref. r->w writes its properties. */
void misp_begin(struct misp_reader *r, const char *type, const char *id, bool versioned);
/* Begins the extension; members follow, then misp_end_extension(). */
void misp_begin_extension(struct misp_reader *r);
void misp_end_extension(struct misp_reader *r);
/* Members of `from` by these names, where they say anything, as they are. */
void misp_copy_members(struct misp_reader *r, struct json_value from, const char *const *names);
/* Ends the object with what the context says of it and gives it to the sink. created and modified: TIME_NONE where MISP
 * does not say. Named in the report if `named`. */
struct misp_times {
    time_us created, modified;
};
MUST_CHECK enum err misp_put(struct misp_reader *r, const char *type, const char *id, const struct misp_context *c,
                             struct misp_times times, bool versioned, bool named, struct diag *d);
/* Revokes what an earlier version of the event made of a thing: objects of these types (ending with NULL) under its
 * UUID, less the one of type `now`. */
MUST_CHECK enum err misp_revoke_others(struct misp_reader *r, const char *const *types, const char *now,
                                       struct span uuid, struct diag *d);
/* Remembers an object the report is to name; of what `c` marks more strictly than the event, a grouping of its own. */
void misp_name(struct misp_reader *r, const char *id, const struct misp_context *c);

/* ---- tags and galaxies (misp_tag.c, misp_galaxy.c) ---- */

/* What a tag says of confidence (-1: nothing), and the tag that says exactly this (NULL: none does). */
int misp_confidence_of(struct span tag);
const char *misp_confidence_tag(int confidence);
/* Whether a tag is TLP's; one that is none of its levels is the strictest. */
bool misp_tlp_of(struct span tag, enum stix_tlp *out);
/* Whether the marking definition is one of OASIS's of PAP, as they are written here. */
bool misp_is_pap(struct span id);
/* What `element` (the event, an object, an attribute) adds to `outer`. Lists live in `a`. */
MUST_CHECK enum err misp_context_read(struct misp_reader *r, struct json_value element,
                                      const struct misp_context *outer, struct arena *a, struct misp_context *out,
                                      struct diag *d);
/* Its galaxies, put as objects where they are not held. */
MUST_CHECK enum err misp_galaxies_read(struct misp_reader *r, struct json_value element, struct arena *a,
                                       struct misp_context *c, struct diag *d);
/* The stricter of what two contexts say. */
void misp_context_join(struct misp_context *c, const struct misp_context *other);
/* The identity of an organisation; out is empty when it has no name. */
MUST_CHECK enum err misp_organisation(struct misp_reader *r, struct json_value org, char out[STIX_ID_SIZE],
                                      struct diag *d);

/* ---- attributes and objects ---- */

/* What an attribute may be, depending on what MISP says of it; ends with NULL. */
extern const char *const misp_attribute_types[];
/* One attribute, as an object of its own. `id` gets it, empty for none. */
MUST_CHECK enum err misp_attribute(struct misp_reader *r, struct json_value attribute, const struct misp_context *outer,
                                   char id[STIX_ID_SIZE], struct diag *d);
/* What the attributes of an object say together, by the rows of its template (misp_template.c); id of the root
 * observable, empty when there is no template or not enough of it. r->observed has all of them. */
MUST_CHECK enum err misp_compose(struct misp_reader *r, struct span name, struct span uuid,
                                 struct json_value attributes, const struct misp_context *c, char id[STIX_ID_SIZE],
                                 struct diag *d);
/* The attributes of an object that says what an observable says: {"type", "object_relation", "value"…} into a list.
 * *name is the template's. value_of gives what an observable that it names says in one word, empty: nothing. False:
 * there is no template. */
bool misp_decompose(struct buf *list, struct json_value observable, struct span type, struct arena *a,
                    struct span (*value_of)(void *context, struct span id), void *context, const char **name);
MUST_CHECK enum err misp_object(struct misp_reader *r, struct json_value object, struct diag *d);
/* Its references to others, once all are known. */
MUST_CHECK enum err misp_object_references(struct misp_reader *r, struct json_value object, struct diag *d);
/* A relationship; its uuid is made when empty. */
MUST_CHECK enum err misp_relate(struct misp_reader *r, struct span uuid, const char *source, const char *what,
                                const char *target, const struct misp_context *c, struct misp_times times,
                                struct json_value said, struct diag *d);
/* Begins the observed-data of what r->observed names, seen when `said` says. */
void misp_write_observed(struct misp_reader *r, const char *id, struct misp_times times, struct json_value said);
/* Whether a value is of its type, so that STIX takes it. */
bool misp_value_fits(const struct misp_type *type, struct span value);
/* Appends the pattern for a value that fits. False: none can be made. */
bool misp_pattern(struct buf *out, const struct misp_type *type, struct span value);
/* Puts the observables of a value; id gets the root's (empty: none can be made), r->observed all of them. */
MUST_CHECK enum err misp_observable(struct misp_reader *r, const struct misp_type *type, struct span uuid,
                                    struct span value, const struct misp_context *c, char id[STIX_ID_SIZE],
                                    struct diag *d);

#endif
