/* From an event's facts to drafts of objects. Private to observed-data. */
#ifndef RENKEI_DETECT_OBSERVATION_EVENT_H
#define RENKEI_DETECT_OBSERVATION_EVENT_H

#include "detect/fields.h"
#include "detect/observation_draft.h"

/* The order in which objects are written: what others name goes first. */
enum draft_rank { RANK_VALUE, RANK_FOLDER, RANK_FILE, RANK_OTHER, RANK_FLOW, RANK_PARENT };

struct observing {
    struct draft draft;
    const struct detect_event *event;
    bool folded;
    struct draft_object **values; /* of each observable; NULL where it is part of something */
    struct draft_object *flow, *file, *certificate, *message, *account, *software;
    struct draft_object *query, *first_query; /* the DNS name answers belong to */
    struct span name, folder, share;          /* of the file under way */
    struct span method, request, version;
    struct span header; /* the name just read */
    struct span login, realm;
    struct draft_object *envelope_from;
    time_us start, end;
};

void observe_flow_fact(struct observing *o, const struct event_fact *fact);
void observe_file_fact(struct observing *o, const struct event_fact *fact);
void observe_certificate_fact(struct observing *o, const struct event_fact *fact);
void observe_message_fact(struct observing *o, const struct event_fact *fact);
void observe_account_fact(struct observing *o, const struct event_fact *fact);
void observe_software_fact(struct observing *o, const struct event_fact *fact);
/* A property by its path, "process:image_ref.name" (mapping.h says what is understood). */
void observe_path(struct observing *o, struct span path, struct span text);

/* The ends: the file's name and folder, the flow's ends and request, the message's envelope, the account's realm. */
void observe_finish_file(struct observing *o);
void observe_finish_flow(struct observing *o);
void observe_finish_message(struct observing *o);
void observe_finish_account(struct observing *o);

/* Sets the plain property of the fact's target on the object. */
void observe_property(struct observing *o, struct draft_object *object, const struct event_fact *fact);
/* The text of an observable as the observation has it: in the one spelling, or as logged. */
struct span observed_text(struct observing *o, const struct observable *observable);
/* "MD5", "SHA-1", … by the digest's length. */
const char *observed_hash_name(const struct observable *observable);

#endif
