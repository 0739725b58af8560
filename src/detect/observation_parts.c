/* What of an event is neither a value nor the flow: files, certificates, messages, accounts, software, and properties
 * that are named by a path. */
#include "detect/observation_event.h"
#include "stix/schema.h"

/* ---- files ---- */

static void set_hashes(struct observing *o, struct draft_object *object, const struct event_fact *fact) {
    for (uint32_t i = fact->first; i < fact->first + fact->count; i++) {
        const struct observable *v = &o->event->observables[i];
        struct span keys[] = {SPAN("hashes"), span_cstr(observed_hash_name(v))};
        draft_set(&o->draft, object, keys, 2, DRAFT_TEXT, false, observed_text(o, v));
    }
}

static bool has_hash(struct observing *o, const struct draft_object *object, const struct event_fact *fact) {
    if (fact->count == 0) return false;
    struct span name = span_cstr(observed_hash_name(&o->event->observables[fact->first]));
    for (const struct draft_property *p = object ? object->first : NULL; p; p = p->next)
        if (p->depth == 2 && span_is(p->keys[0], "hashes") && span_equal(p->keys[1], name)) return true;
    return false;
}

static struct draft_object *file(struct observing *o) {
    if (!o->file) o->file = draft_object(&o->draft, "file", RANK_FILE);
    return o->file;
}

/* "\\SERVER\share" and "folder\name": one below the other. */
static struct span joined(struct observing *o, struct span share, struct span folder) {
    if (share.len == 0 || folder.len == 0) return share.len ? share : folder;
    while (share.len > 1 && share.at[share.len - 1] == '\\') share.len--;
    while (folder.len > 1 && folder.at[0] == '\\') folder = span_from(folder, 1);
    return arena_printf(o->draft.arena, "%.*s\\%.*s", SPAN_ARG(share), SPAN_ARG(folder));
}

static struct draft_object *folder(struct observing *o, struct span path) {
    struct draft_object *object = path.len ? draft_object(&o->draft, "directory", RANK_FOLDER) : NULL;
    draft_text(&o->draft, object, "path", path);
    return object;
}

/* The file under way is done. A file is known by its name or hashes (§6.7): without, it is none. */
void observe_finish_file(struct observing *o) {
    struct draft_object *where = folder(o, joined(o, o->share, o->folder));
    if (o->file) {
        draft_text(&o->draft, o->file, "name", o->name);
        if (draft_has(o->file, "name")) draft_ref(&o->draft, o->file, "parent_directory_ref", where, false);
        o->file->left_out = !draft_has(o->file, "name") && !draft_has(o->file, "hashes");
    }
    if (o->folded && o->file && draft_has(o->file, "hashes")) { /* a file on the wire is its artifact as well */
        struct draft_object *artifact = draft_object(&o->draft, "artifact", RANK_FILE);
        for (const struct draft_property *p = o->file->first; p; p = p->next)
            if (span_is(p->keys[0], "hashes"))
                draft_set(&o->draft, artifact, p->keys, p->depth, DRAFT_TEXT, false, p->text);
    }
    o->file = NULL;
    o->name = o->folder = span_of(NULL, 0);
}

/* A path to the folder (empty without) and the name in it. */
static void split_path(struct span path, struct span *where, struct span *name) {
    size_t start = path.len, end;
    while (start > 0 && path.at[start - 1] != '/' && path.at[start - 1] != '\\') start--;
    if (start == path.len) start = 0;    /* ends in a slash: all there is */
    end = start > 1 ? start - 1 : start; /* without the separator, unless it is the root */
    *name = span_from(path, start);
    *where = span_first(path, end);
}

static void file_name(struct observing *o, const struct event_fact *fact) {
    if (o->name.len) observe_finish_file(o); /* another file */
    split_path(fact->text, &o->folder, &o->name);
    file(o);
}

void observe_file_fact(struct observing *o, const struct event_fact *fact) {
    switch (fact->target) {
    case TO_FILE_NAME:
        file_name(o, fact);
        return;
    case TO_FILE_HASH:
        if (has_hash(o, o->file, fact)) observe_finish_file(o);
        set_hashes(o, file(o), fact);
        return;
    case TO_SHARE:
        o->share = fact->text;
        return;
    default:
        observe_property(o, file(o), fact);
    }
}

/* ---- certificates ---- */

static struct draft_object *certificate(struct observing *o) {
    if (!o->certificate) o->certificate = draft_object(&o->draft, "x509-certificate", RANK_OTHER);
    return o->certificate;
}

/* "DNS:a.example, IP:198.51.100.7", as certificates' printers have it. */
static void alternative_name(struct observing *o, struct span text) {
    struct span keys[] = {SPAN("x509_v3_extensions"), SPAN("subject_alternative_name")};
    struct draft_object *object = certificate(o);
    struct address address;
    const char *kind = address_parse(text, &address) ? "IP" : "DNS";
    for (struct draft_property *p = object ? object->first : NULL; p; p = p->next) {
        if (!span_equal(p->keys[0], keys[0])) continue;
        enum { NAMES_SIZE_MAX = 16384 }; /* some certificates have a thousand names; joining is quadratic */
        if (p->text.len < NAMES_SIZE_MAX)
            p->text = arena_printf(o->draft.arena, "%.*s, %s:%.*s", SPAN_ARG(p->text), kind, SPAN_ARG(text));
        return;
    }
    draft_set(&o->draft, object, keys, 2, DRAFT_TEXT, false,
              arena_printf(o->draft.arena, "%s:%.*s", kind, SPAN_ARG(text)));
}

void observe_certificate_fact(struct observing *o, const struct event_fact *fact) {
    switch (fact->target) {
    case TO_CERTIFICATE_HASH:
    case TO_CHAIN_HASH:
        if (fact->count == 0) return;
        set_hashes(o,
                   has_hash(o, o->certificate, fact) ? draft_object(&o->draft, "x509-certificate", RANK_OTHER)
                                                     : certificate(o),
                   fact);
        return;
    case TO_OTHER_CERTIFICATE:
        if (fact->count) set_hashes(o, draft_object(&o->draft, "x509-certificate", RANK_OTHER), fact);
        return;
    case TO_ALTERNATIVE_NAME:
        alternative_name(o, fact->text);
        return;
    default:
        observe_property(o, certificate(o), fact);
    }
}

/* ---- messages ---- */

static struct draft_object *message(struct observing *o) {
    if (!o->message) {
        o->message = draft_object(&o->draft, "email-message", RANK_OTHER);
        draft_raw(&o->draft, o->message, "is_multipart", SPAN("false")); /* required (§6.6); no sensor tells */
    }
    return o->message;
}

static void people(struct observing *o, const char *key, const struct event_fact *fact, bool list) {
    for (uint32_t i = fact->first; i < fact->first + fact->count; i++)
        draft_ref(&o->draft, message(o), key, o->values[i], list);
}

static void mail_header(struct observing *o, const char *name, struct span text) {
    struct span keys[] = {SPAN("additional_header_fields"), span_cstr(name)};
    draft_set(&o->draft, message(o), keys, 2, DRAFT_TEXT, false, text);
}

void observe_message_fact(struct observing *o, const struct event_fact *fact) {
    static const struct span received = SPAN("received_lines");
    switch (fact->target) {
    case TO_FROM:
        people(o, "from_ref", fact, false);
        return;
    case TO_RECIPIENT:
    case TO_CC:
    case TO_BCC:
        people(o, field_targets[fact->target].property, fact, true);
        return;
    case TO_ENVELOPE_FROM:
        message(o);
        if (fact->count) o->envelope_from = o->values[fact->first];
        return;
    case TO_ENVELOPE_TO:
        message(o); /* at the end: when the header's are known */
        return;
    case TO_RECEIVED:
        draft_set(&o->draft, message(o), &received, 1, DRAFT_TEXT, true, fact->text);
        return;
    case TO_REPLY_TO:
        mail_header(o, "Reply-To", fact->text);
        return;
    case TO_MAIL_HEADER:
        mail_header(o, fact->key, fact->text);
        return;
    default:
        observe_property(o, message(o), fact);
    }
}

/* However the envelope and the header spell the domain. */
static bool same_address(const struct draft_object *a, const struct draft_object *b) {
    if (a == b || !a || !b) return a == b;
    size_t at = span_find_char(a->value, '@');
    if (a->value.len != b->value.len || at == SIZE_MAX) return false;
    return span_equal(span_first(a->value, at), span_first(b->value, at)) &&
           span_equal_nocase(span_from(a->value, at), span_from(b->value, at));
}

static bool names_as(const struct draft_object *m, const struct draft_object *who, const char *a, const char *b) {
    for (const struct draft_property *p = m->first; p; p = p->next)
        if ((span_is(p->keys[0], a) || span_is(p->keys[0], b)) && same_address(p->ref, who)) return true;
    return false;
}

/* Whom the envelope names and no header does was written to blind; without headers, simply to. */
void observe_finish_message(struct observing *o) {
    struct draft_object *m = o->message;
    if (!m) return;
    const char *key = draft_has(m, "to_refs") || draft_has(m, "cc_refs") ? "bcc_refs" : "to_refs";
    if (!names_as(m, o->envelope_from, "from_ref", "sender_ref"))
        draft_ref(&o->draft, m, draft_has(m, "from_ref") ? "sender_ref" : "from_ref", o->envelope_from, false);
    for (uint32_t i = 0; i < o->event->fact_count; i++) {
        const struct event_fact *fact = &o->event->facts[i];
        if (fact->target != TO_ENVELOPE_TO) continue;
        for (uint32_t k = fact->first; k < fact->first + fact->count; k++)
            if (o->values[k] && !names_as(m, o->values[k], "to_refs", "cc_refs"))
                draft_ref(&o->draft, m, key, o->values[k], true);
    }
}

/* ---- accounts and software ---- */

void observe_account_fact(struct observing *o, const struct event_fact *fact) {
    static const struct span cookie = SPAN("mstshash=");
    struct span text = fact->text;
    if (fact->target == TO_REALM) {
        o->realm = text;
        return;
    }
    if (span_starts(text, cookie)) text = span_from(text, cookie.len); /* how RDP's clients put it */
    size_t slash = text.len;
    while (fact->target == TO_PRINCIPAL && slash > 0 && text.at[slash - 1] != '/') slash--;
    if (fact->target == TO_PRINCIPAL && slash > 0) {
        o->realm = span_from(text, slash);
        text = span_first(text, slash - 1);
    }
    if (o->login.len == 0) o->login = text;
}

void observe_finish_account(struct observing *o) {
    if (o->login.len == 0 || span_is(o->login, "<empty>")) return; /* what Suricata writes for no name */
    if (!o->account) o->account = draft_object(&o->draft, "user-account", RANK_OTHER);
    if (o->realm.len)
        draft_text(&o->draft, o->account, "user_id",
                   arena_printf(o->draft.arena, "%.*s@%.*s", SPAN_ARG(o->login), SPAN_ARG(o->realm)));
    draft_text(&o->draft, o->account, "account_login", o->login);
}

/* "SSH-2.0-OpenSSH_8.9p1 Ubuntu-3" is OpenSSH, version 8.9p1. */
static void banner(struct observing *o, struct span text) {
    struct draft_object *software;
    if (span_starts(text, SPAN("SSH-"))) {
        size_t dash = span_find_char(span_from(text, 4), '-');
        if (dash != SIZE_MAX) text = span_from(text, 4 + dash + 1);
    }
    size_t blank = span_find_char(text, ' ');
    if (blank != SIZE_MAX) text = span_first(text, blank);
    if (text.len == 0 || !(software = draft_object(&o->draft, "software", RANK_OTHER))) return;
    size_t split = text.len;
    while (split > 0 && text.at[split - 1] != '_') split--;
    bool version = split > 1 && split < text.len && text.at[split] >= '0' && text.at[split] <= '9';
    draft_text(&o->draft, software, "name", version ? span_first(text, split - 1) : text);
    if (version) draft_text(&o->draft, software, "version", span_from(text, split));
}

void observe_software_fact(struct observing *o, const struct event_fact *fact) {
    if (fact->target == TO_BANNER) {
        banner(o, fact->text);
        return;
    }
    if (!o->software) o->software = draft_object(&o->draft, "software", RANK_OTHER);
    observe_property(o, o->software, fact);
}

/* ---- by path ---- */

static const struct property *property_of(const struct schema *schema, struct span name) {
    for (const struct property *p = schema ? schema->properties : NULL; p && p->name; p++)
        if (span_is(name, p->name)) return p;
    return NULL;
}

/* The next key of "a.'b.c'[*].d". */
static bool next_key(struct span *rest, struct span *key) {
    if (rest->len && rest->at[0] == '.') *rest = span_from(*rest, 1);
    if (rest->len == 0) return false;
    size_t end = 0;
    bool quoted = rest->at[0] == '\'';
    if (quoted) {
        *rest = span_from(*rest, 1);
        while (end < rest->len && rest->at[end] != '\'') end++;
    } else {
        while (end < rest->len && rest->at[end] != '.' && rest->at[end] != '[') end++;
    }
    *key = span_first(*rest, end);
    *rest = span_from(*rest, end + quoted);
    if (span_starts(*rest, SPAN("[*]"))) *rest = span_from(*rest, 3);
    return key->len > 0;
}

/* The object of a type that paths speak of: the one the log's own fields make, too, where there is one. */
static struct draft_object *object_of_type(struct observing *o, struct span type) {
    if (span_is(type, "file")) return file(o);
    if (span_is(type, "x509-certificate")) return certificate(o);
    if (span_is(type, "email-message")) return message(o);
    if (span_is(type, "user-account") && o->account) return o->account;
    if (span_is(type, "software") && o->software) return o->software;
    if (span_is(type, "network-traffic") && o->flow) return o->flow;
    for (struct draft_object *at = o->draft.first; at; at = at->next)
        if (span_is(type, at->type) && at->rank == RANK_PARENT) return at;
    char *name = arena_cstr(o->draft.arena, type);
    bool flow = span_is(type, "network-traffic");
    struct draft_object *made = name ? draft_object(&o->draft, name, flow ? RANK_FLOW : RANK_PARENT) : NULL;
    if (flow) o->flow = made;
    if (span_is(type, "user-account")) o->account = made;
    if (span_is(type, "software")) o->software = made;
    return made;
}

/* The object a reference of `from` leads to; made when there is none. */
static struct draft_object *referred(struct observing *o, struct draft_object *from, const struct property *p) {
    for (const struct draft_property *at = from->first; at; at = at->next)
        if (at->ref && span_is(at->keys[0], p->name)) return at->ref;
    struct span words = span_trim(span_cstr(p->words)), type = span_cut(&words, ' ');
    char *name = type.len ? arena_cstr(o->draft.arena, type) : NULL;
    struct draft_object *to = name ? draft_object(&o->draft, name, RANK_FILE) : NULL;
    draft_ref(&o->draft, from, p->name, to, p->flags & PROPERTY_LIST);
    return to;
}

static void set_typed(struct observing *o, struct draft_object *object, const struct span *keys, unsigned depth,
                      const struct property *p, struct span text) {
    bool list = p && p->flags & PROPERTY_LIST;
    enum draft_kind kind = DRAFT_TEXT;
    uint64_t number;
    time_us time;
    char spelt[TIME_TEXT_SIZE];
    switch (p ? p->kind : PROPERTY_STRING) {
    case PROPERTY_INTEGER:
        if (!span_u64(text, &number) || number >> 53) return;
        text = arena_printf(o->draft.arena, "%llu", (unsigned long long)number);
        kind = DRAFT_RAW;
        break;
    case PROPERTY_BOOLEAN:
        if (!span_equal_nocase(text, SPAN("true")) && !span_equal_nocase(text, SPAN("false"))) return;
        text = (text.at[0] | 0x20) == 't' ? SPAN("true") : SPAN("false");
        kind = DRAFT_RAW;
        break;
    case PROPERTY_TIME:
        if (!field_time(text, o->event->zone_us, &time)) return;
        text = arena_copy(o->draft.arena, span_cstr(time_format_stix(time, spelt)));
        break;
    default:
        break;
    }
    draft_set(&o->draft, object, keys, depth, kind, list, text);
}

void observe_path(struct observing *o, struct span path, struct span text) {
    struct span rest = path, keys[DRAFT_DEPTH_MAX], key;
    struct span type = span_cut(&rest, ':');
    const struct schema *schema = stix_schema(type);
    struct draft_object *object = object_of_type(o, type);
    const struct property *p = NULL;
    unsigned depth = 0;
    const char *of;
    while (object && depth < DRAFT_DEPTH_MAX && next_key(&rest, &key)) {
        p = depth == 0 ? property_of(schema, key) : NULL;
        if (depth == 2 && span_is(keys[0], "extensions")) p = property_of(stix_schema_extension(keys[1], &of), key);
        if (p && p->kind == PROPERTY_ID && rest.len) {
            object = referred(o, object, p);
            schema = object ? stix_schema(span_cstr(object->type)) : NULL;
            depth = 0;
            continue;
        }
        keys[depth++] = key;
    }
    if (!object || !depth || rest.len) return;
    if (depth == 1 && strcmp(object->type, "file") == 0 && span_is(keys[0], "name")) {
        struct span where;
        split_path(text, &where, &text);
        draft_ref(&o->draft, object, "parent_directory_ref", folder(o, where), false);
    }
    set_typed(o, object, keys, depth, p, text);
}
