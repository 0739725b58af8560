/* Galaxies: a cluster of MITRE ATT&CK is ATT&CK's own object where that is held (MISP gives its clusters the same
 * UUIDs), otherwise an object of its own that names ATT&CK's number. A public catalogue's cluster is one object
 * wherever it is met, TLP:CLEAR; what somebody defined himself, or only a tag names, is an object of this event, marked
 * as it is. */
#include "interchange/misp_parts.h"

struct kind {
    const char *galaxy; /* its type, or what its type ends with */
    const char *type;   /* STIX */
    bool ends, may_be_indicated;
};

static const struct kind kinds[] = {{"attack-pattern", "attack-pattern", true, true},
                                    {"mitre-ics-techniques", "attack-pattern", false, true},
                                    {"intrusion-set", "intrusion-set", true, true},
                                    {"mitre-ics-groups", "intrusion-set", false, true},
                                    {"course-of-action", "course-of-action", true, false},
                                    {"mitre-ics-software", "malware", false, true},
                                    {"malware", "malware", true, true},
                                    {"malpedia", "malware", false, true},
                                    {"ransomware", "malware", false, true},
                                    {"banker", "malware", false, true},
                                    {"botnet", "malware", false, true},
                                    {"rat", "malware", false, true},
                                    {"stealer", "malware", false, true},
                                    {"backdoor", "malware", false, true},
                                    {"cryptominers", "malware", false, true},
                                    {"android", "malware", false, true},
                                    {"tool", "tool", true, true},
                                    {"exploit-kit", "tool", false, true},
                                    {"tds", "tool", false, true},
                                    {"threat-actor", "threat-actor", true, true},
                                    {"microsoft-activity-group", "threat-actor", false, true},
                                    {"campaign", "campaign", true, true},
                                    {"campaigns", "campaign", true, true},
                                    {"branded-vulnerability", "vulnerability", false, false}};

static const struct kind *kind_of(struct span galaxy) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (span_is(galaxy, kinds[i].galaxy) || (kinds[i].ends && span_ends(galaxy, span_cstr(kinds[i].galaxy))))
            return &kinds[i];
    return NULL;
}

/* One cluster, from a Galaxy entry or a tag alone. */
struct cluster {
    struct span galaxy, value, tag, uuid, description;
    struct json_value said, galaxy_said; /* all that MISP says of it, and of its galaxy */
    bool public;
};

/* "Spearphishing Link - T1566.002": name and number. */
static struct span attack_number(struct span value, struct span *name) {
    *name = value;
    for (size_t i = value.len; i > 3; i--) {
        if (!span_starts(span_from(value, i - 3), SPAN(" - "))) continue;
        struct span number = span_from(value, i);
        if (number.len < 4 || number.len > 12 || number.at[0] < 'A' || number.at[0] > 'Z') return (struct span){0};
        for (size_t k = 1; k < number.len; k++)
            if (!(number.at[k] >= '0' && number.at[k] <= '9') && number.at[k] != '.') return (struct span){0};
        *name = span_first(value, i - 3);
        return number;
    }
    return (struct span){0};
}

static bool of_mitre(const struct cluster *k) {
    return span_starts(k->galaxy, SPAN("mitre-"));
}

static void write_references(struct misp_reader *r, const struct cluster *k, struct span number) {
    json_key(&r->w, "external_references");
    json_begin_array(&r->w);
    if (of_mitre(k) && number.len) {
        json_begin_object(&r->w);
        json_member_cstr(&r->w, "source_name", "mitre-attack");
        json_member(&r->w, "external_id", number);
        json_end_object(&r->w);
    }
    json_begin_object(&r->w);
    json_member_cstr(&r->w, "source_name", "misp-galaxy");
    json_member(&r->w, "external_id", k->tag);
    json_end_object(&r->w);
    json_end_array(&r->w);
}

static void write_synonyms(struct misp_reader *r, struct json_value meta, const char *type, struct span name) {
    bool any = false;
    if (strcmp(type, "course-of-action") == 0 || strcmp(type, "vulnerability") == 0) return;
    for (struct json_iter it = json_iter(json_get(meta, "synonyms")); json_next(&it);) {
        struct span text = json_text(it.value, &r->passing);
        if (!text.len || span_equal(text, name)) continue;
        if (!any) json_key(&r->w, "aliases");
        if (!any) json_begin_array(&r->w);
        any = true;
        json_string(&r->w, text);
    }
    if (any) json_end_array(&r->w);
}

static bool is_texts(struct json_value list) {
    uint32_t texts = 0;
    if (json_type(list) != JSON_ARRAY) return false;
    for (struct json_iter it = json_iter(list); json_next(&it);) texts += json_spelt(it.value).len > 0;
    return texts > 0 && texts == json_count(list);
}

/* Texts and lists of texts, whatever their names: MISP lets every galaxy have its own. */
static void write_meta(struct misp_reader *r, struct json_value meta) {
    bool any = false;
    for (struct json_iter it = json_iter(meta); json_type(meta) == JSON_OBJECT && json_next(&it);) {
        if (!is_texts(it.value) && !json_spelt(it.value).len) continue;
        if (!any) json_key(&r->w, "meta");
        if (!any) json_begin_object(&r->w);
        any = true;
        json_key_span(&r->w, json_text(it.key, &r->passing));
        json_splice(&r->w, json_raw(it.value));
    }
    if (any) json_end_object(&r->w);
}

static void write_galaxy(struct misp_reader *r, struct json_value galaxy) {
    static const char *const carried[] = {"uuid", "name", "description", "version", "icon", "namespace", NULL};
    bool any = false;
    for (size_t i = 0; carried[i]; i++) any = any || json_spelt(json_get(galaxy, carried[i])).len;
    if (!any) return;
    json_key(&r->w, "galaxy");
    json_begin_object(&r->w);
    misp_copy_members(r, galaxy, carried);
    json_end_object(&r->w);
}

static enum err put_cluster(struct misp_reader *r, const struct cluster *k, const struct kind *kind, const char *id,
                            const struct misp_context *c, struct diag *d) {
    struct misp_context mark = {.confidence = -1, .distribution = -1, .tlp = STIX_TLP_CLEAR};
    static const char *const carried[] = {"source", "version", "default", NULL};
    struct span name, number = attack_number(k->value, &name);
    char creator[STIX_ID_SIZE];
    if (!k->public) {
        mark.tlp = c->tlp;
        mark.pap = c->pap;
        mark.handling = c->handling;
        mark.distribution = c->distribution;
        mark.sharing_group = c->sharing_group;
    }
    memcpy(creator, r->creator, sizeof creator);
    if (k->public) r->creator[0] = 0; /* the event's creator did not make the catalogue */
    misp_begin(r, kind->type, id, true);
    memcpy(r->creator, creator, sizeof creator);
    json_member(&r->w, "name", name);
    if (k->description.len) json_member(&r->w, "description", k->description);
    if (strcmp(kind->type, "malware") == 0) json_member_truth(&r->w, "is_family", true);
    write_synonyms(r, json_get(k->said, "meta"), kind->type, name);
    write_references(r, k, number);
    misp_begin_extension(r);
    json_key(&r->w, "cluster");
    json_begin_object(&r->w);
    json_member(&r->w, "type", k->galaxy);
    json_member(&r->w, "value", k->value);
    json_member(&r->w, "tag_name", k->tag);
    misp_copy_members(r, k->said, carried);
    if (is_texts(json_get(k->said, "authors"))) {
        json_key(&r->w, "authors");
        json_splice(&r->w, json_raw(json_get(k->said, "authors")));
    }
    write_meta(r, json_get(k->said, "meta"));
    write_galaxy(r, k->galaxy_said);
    if (k->uuid.len) json_member(&r->w, "uuid", k->uuid);
    json_end_object(&r->w);
    misp_end_extension(r);
    return misp_put(r, kind->type, id, &mark, (struct misp_times){TIME_NONE, TIME_NONE}, true, false, d);
}

/* The object a cluster is: *id empty if it is none. */
static enum err find_cluster(struct misp_reader *r, const struct cluster *k, const struct misp_context *c,
                             struct misp_galaxy *out, struct diag *d) {
    const struct kind *kind = kind_of(k->galaxy);
    char id[STIX_ID_SIZE];
    bool held = false, again = false;
    enum err e = ERR_NONE;
    *out = (struct misp_galaxy){0};
    if (!kind) {
        losses_add(r->losses, "galaxies of kinds that STIX has no object for: kept as labels", "%.*s",
                   SPAN_ARG(k->tag));
        return ERR_NONE;
    }
    if (k->uuid.len) {
        misp_id(id, kind->type, k->uuid);
        if (r->sink->held && of_mitre(k)) e = r->sink->held(r->sink->context, span_cstr(id), &held, d);
        if (e) return e;
    }
    if (!held && (of_mitre(k) || !k->uuid.len))
        misp_id(id, kind->type, misp_made_uuid(&r->lasting, "cluster", k->tag, k->public ? (struct span){0} : r->uuid));
    *out = (struct misp_galaxy){span_cstr(arena_cstr(&r->lasting, span_cstr(id))), kind->may_be_indicated};
    if (!out->id.at || !map_set(&r->put_once, out->id, 1, &again))
        return diag_set(d, ERR_NOMEM, "no memory for an event");
    if (again) return ERR_NONE;
    misp_name(r, id, &r->context);
    return held ? ERR_NONE : put_cluster(r, k, kind, id, c, d);
}

static enum err add(struct misp_reader *r, const struct cluster *k, struct misp_galaxy *list, struct misp_context *c,
                    struct diag *d) {
    struct misp_galaxy found;
    enum err e = find_cluster(r, k, c, &found, d);
    if (e || !found.id.len) return e;
    for (size_t i = 0; i < c->galaxy_count; i++)
        if (span_equal(list[i].id, found.id)) return ERR_NONE;
    if (c->galaxy_count == MISP_GALAXIES_MAX)
        losses_add(r->losses, "galaxy clusters beyond 256 of one attribute or event", "%.*s", SPAN_ARG(k->tag));
    else
        list[c->galaxy_count++] = found;
    return ERR_NONE;
}

static struct span tag_of(struct json_value cluster, struct span galaxy, struct span value, struct arena *a) {
    struct span tag = json_text(json_get(cluster, "tag_name"), a);
    if (tag.len) return tag;
    return arena_printf(a, "misp-galaxy:%.*s=\"%.*s\"", SPAN_ARG(galaxy), SPAN_ARG(value));
}

static bool covered(struct json_value galaxies, struct span tag, struct arena *a) {
    for (struct json_iter g = json_iter(galaxies); json_next(&g);)
        for (struct json_iter it = json_iter(json_get(g.value, "GalaxyCluster")); json_next(&it);) {
            struct span galaxy = json_text(json_get(it.value, "type"), a);
            if (span_equal(tag_of(it.value, galaxy, json_text(json_get(it.value, "value"), a), a), tag)) return true;
        }
    return false;
}

static enum err from_entries(struct misp_reader *r, struct json_value galaxies, struct arena *a,
                             struct misp_galaxy *list, struct misp_context *c, struct diag *d) {
    for (struct json_iter g = json_iter(galaxies); json_next(&g);)
        for (struct json_iter it = json_iter(json_get(g.value, "GalaxyCluster")); json_next(&it);) {
            struct json_value said = json_get(it.value, "default");
            struct cluster k = {.galaxy = json_text(json_get(it.value, "type"), a),
                                .value = json_text(json_get(it.value, "value"), a),
                                .uuid = misp_uuid(json_get(it.value, "uuid"), a),
                                .description = json_text(json_get(it.value, "description"), a),
                                .said = it.value,
                                .galaxy_said = g.value,
                                .public = !json_exists(said) || misp_true(said)};
            if (!k.galaxy.len) k.galaxy = json_text(json_get(g.value, "type"), a);
            if (!k.galaxy.len || !k.value.len) {
                losses_add(r->losses, "galaxy clusters without type or value", "%.*s",
                           SPAN_ARG(span_first(json_raw(it.value), 100)));
                continue;
            }
            k.tag = tag_of(it.value, k.galaxy, k.value, a);
            enum err e = add(r, &k, list, c, d);
            if (e) return e;
        }
    return ERR_NONE;
}

enum err misp_galaxies_read(struct misp_reader *r, struct json_value element, struct arena *a, struct misp_context *c,
                            struct diag *d) {
    static const struct span head = {"misp-galaxy:", 12};
    struct json_value galaxies = json_get(element, "Galaxy");
    struct misp_galaxy *list = NULL;
    bool any = json_count(galaxies) > 0;
    for (size_t i = 0; i < c->label_count && !any; i++) any = span_starts(c->labels[i], head);
    if (!any) return ERR_NONE;
    list = arena_zalloc(a, MISP_GALAXIES_MAX, sizeof *list);
    if (!list) return diag_set(d, ERR_NOMEM, "no memory for the galaxies of an event");
    c->galaxies = list;
    enum err e = from_entries(r, galaxies, a, list, c, d);
    for (size_t i = 0; !e && i < c->label_count; i++) {
        struct span tag = c->labels[i], value = span_from(tag, head.len);
        if (!span_starts(tag, head) || covered(galaxies, tag, a)) continue;
        struct cluster k = {.galaxy = span_cut(&value, '='), .tag = tag};
        if (value.len < 3 || value.at[0] != '"' || value.at[value.len - 1] != '"') continue;
        k.value = span_of(value.at + 1, value.len - 2);
        k.public = of_mitre(&k);
        e = add(r, &k, list, c, d);
    }
    return e;
}
