/* The fixture's objects: written from a few words, and told again as few. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "ledger/record.h"
#include "stix/id.h"
#include "stix/marking.h"
#include "stix/object.h"
#include "json/write.h"

enum { ARENA_MAX = 1 << 30 };

#define UUID_HEAD "00000000-0000-4000-8000-"

/* ---- ids ----------------------------------------------------------------------------------------------------------
 */

static int party_of(struct span name) {
    for (int i = 0; i < FIXTURE_PARTIES_MAX; i++)
        if (span_is(name, fixture_party[i])) return i;
    return -1;
}

static void identity_of(struct fixture *f, int who, char id[80]) {
    struct node_view *v = node_view(f->nodes[who]);
    snprintf(id, 80, "%.*s", SPAN_ARG(v->own.identity));
    node_view_release(f->nodes[who], &v);
}

void fixture_id(struct fixture *f, int who, struct span shorthand, char id[80]) {
    uint64_t number;
    struct span rest = shorthand, type = span_cut(&rest, ':');
    int party = span_is(shorthand, "own") ? who : party_of(shorthand);
    if (party >= 0 && party < f->count)
        identity_of(f, party, id);
    else if (rest.at && span_u64(rest, &number))
        snprintf(id, 80, "%.*s--" UUID_HEAD "%012u", SPAN_ARG(type), (unsigned)number);
    else
        snprintf(id, 80, "%.*s", SPAN_ARG(shorthand));
}

static void id_short(struct fixture *f, int who, struct span id, char out[80]) {
    char identity[80];
    uint64_t number;
    struct span type = stix_id_type(id), tail = span_from(id, id.len > 12 ? id.len - 12 : 0);
    for (int i = 0; i < f->count; i++) {
        identity_of(f, i, identity);
        if (!span_is(id, identity)) continue;
        snprintf(out, 80, "%s", i == who ? "own" : fixture_party[i]);
        return;
    }
    if (span_find(id, SPAN("--" UUID_HEAD)) != SIZE_MAX && span_u64(tail, &number))
        snprintf(out, 80, "%.*s:%u", SPAN_ARG(type), (unsigned)number);
    else
        snprintf(out, 80, "%.*s:?", SPAN_ARG(type));
}

/* ---- writing ------------------------------------------------------------------------------------------------------
 */

/* What a type cannot be without, where the words do not give it. */
static const struct {
    const char *type, *name, *value;
} required[] = {
    {"indicator", "pattern", "\"[domain-name:value = 'a.example']\""},
    {"indicator", "pattern_type", "\"stix\""},
    {"indicator", "valid_from", "\"2026-01-01T00:00:00Z\""},
    {"malware", "is_family", "false"},
    {"identity", "name", "\"somebody\""},
    {"report", "name", "\"a report\""},
    {"report", "published", "\"2026-01-01T00:00:00Z\""},
    {"note", "content", "\"a note\""},
    {"relationship", "relationship_type", "\"indicates\""},
    {"campaign", "name", "\"a campaign\""},
    {"grouping", "context", "\"suspicious-activity\""},
    {"attack-pattern", "name", "\"a technique\""},
    {"observed-data", "first_observed", "\"2026-01-01T00:00:00Z\""},
    {"observed-data", "last_observed", "\"2026-01-01T00:00:00Z\""},
    {"observed-data", "number_observed", "1"},
    {"marking-definition", "definition_type", "\"statement\""},
    {"marking-definition", "definition", "{\"statement\":\"as is\"}"},
    {"domain-name", "value", "\"a.example\""},
};

static bool is_observable(struct span type) {
    return span_is(type, "domain-name");
}

static void write_value(struct fixture *f, int who, struct buf *out, struct span value) {
    char id[80];
    bool quoted = value.len && value.at[0] == '"', number = value.len && value.at[0] >= '0' && value.at[0] <= '9';
    if (value.len && value.at[0] == '[') {
        struct span rest = span_of(value.at + 1, value.len - 2);
        buf_add_char(out, '[');
        for (bool first = true; rest.len; first = false) {
            if (!first) buf_add_char(out, ',');
            write_value(f, who, out, span_cut(&rest, ','));
        }
        buf_add_char(out, ']');
    } else if (quoted || number || span_is(value, "true") || span_is(value, "false") ||
               (value.len && value.at[0] == '{')) {
        buf_add(out, value);
    } else {
        fixture_id(f, who, value, id);
        buf_printf(out, "\"%s\"", id);
    }
}

static void write_version(struct buf *out, struct span type, unsigned version) {
    if (is_observable(type)) return;
    buf_add_cstr(out, ",\"created\":\"2026-01-01T00:00:00.000Z\"");
    if (!span_is(type, "marking-definition"))
        buf_printf(out, ",\"modified\":\"2026-01-01T%02u:%02u:00.000Z\"", version / 60, version % 60);
}

static void write_required(struct buf *out, struct span type, struct span words) {
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        char given[40];
        snprintf(given, sizeof given, " %s=", required[i].name);
        if (span_is(type, required[i].type) && span_find(words, span_cstr(given)) == SIZE_MAX)
            buf_printf(out, ",\"%s\":%s", required[i].name, required[i].value);
    }
}

void fixture_object(struct fixture *f, int who, struct buf *out, struct span words) {
    struct span rest = span_trim(words), type = span_cut(&rest, ' '), number = span_cut(&rest, ' ');
    struct buf more = BUF_EMPTY;
    char id[80], shorthand[80];
    uint64_t version = 0;
    bool created_by = !is_observable(type), created_by_given = false;
    enum stix_tlp level = STIX_TLP_NONE, stated;
    snprintf(shorthand, sizeof shorthand, "%.*s:%.*s", SPAN_ARG(type), SPAN_ARG(number));
    fixture_id(f, who, span_is(number, "own") ? number : span_cstr(shorthand), id);
    while (rest.at && rest.len) {
        struct span word = span_cut(&rest, ' ');
        size_t equals = span_find_char(word, '=');
        if (word.len == 0) continue;
        if (equals != SIZE_MAX) {
            created_by_given = created_by_given || span_starts(word, SPAN("created_by_ref="));
            buf_printf(&more, ",\"%.*s\":", SPAN_ARG(span_first(word, equals)));
            write_value(f, who, &more, span_from(word, equals + 1));
        } else if (stix_tlp_parse(word, &stated)) {
            level = stated;
        } else if (span_is(word, "revoked")) {
            buf_add_cstr(&more, ",\"revoked\":true");
        } else if (span_is(word, "no-created-by")) {
            created_by = false;
        } else if (word.at[0] != 'v' || !span_u64(span_from(word, 1), &version)) {
            fail_msg("no word %.*s in the fixture", SPAN_ARG(word));
        }
    }
    buf_printf(out, "{\"type\":\"%.*s\",\"spec_version\":\"2.1\",\"id\":\"%s\"", SPAN_ARG(type), id);
    write_version(out, type, (unsigned)version);
    if (created_by && !created_by_given) {
        identity_of(f, who, id);
        buf_printf(out, ",\"created_by_ref\":\"%s\"", id);
    }
    if (level) buf_printf(out, ",\"object_marking_refs\":[\"%.*s\"]", SPAN_ARG(stix_tlp_id(level)));
    write_required(out, type, words);
    buf_add(out, buf_span(&more));
    buf_add_cstr(out, "}\n");
    buf_free(&more);
}

/* ---- ledgers ------------------------------------------------------------------------------------------------------
 */

static void ledger_of(struct fixture *f, struct store_reader *r, int to, struct arena *a, struct store_ledger *out) {
    struct store_ledger *list;
    size_t count;
    struct diag d = {0};
    *out = (struct store_ledger){0};
    assert_int_equal(store_ledger_list(r, a, &list, &count, &d), ERR_NONE);
    for (size_t i = 0; i < count; i++)
        if (span_is(list[i].recipient, fixture_party[to])) *out = list[i];
}

static void entries_of(struct store_reader *r, int64_t ledger, bool all, struct arena *a, struct store_entry **out,
                       size_t *count) {
    struct store_entry_query q = {.ledger = ledger,
                                  .added_after = TIME_NONE,
                                  .modified = TIME_NONE,
                                  .superseded = all,
                                  .withdrawn = all,
                                  .records = all,
                                  .limit = STORE_PAGE_MAX,
                                  .with_body = true,
                                  .with_record = true};
    struct diag d = {0};
    if (store_entry_scan(r, &q, a, out, count, &d)) fail_msg("%s", d.message);
}

const char *fixture_served(struct fixture *f, int who, int to, bool all) {
    static char texts[2][65536];
    static int at;
    struct arena a;
    struct store_reader *r;
    struct store_ledger ledger;
    struct store_entry *entries = NULL;
    size_t count = 0;
    struct diag d = {0};
    char id[80], version[24];
    char *text = texts[at++ & 1];
    size_t len = 0;
    arena_init(&a, ARENA_MAX);
    assert_int_equal(store_reader_open(f->nodes[who]->live.store, &r, &d), ERR_NONE);
    ledger_of(f, r, to, &a, &ledger);
    if (ledger.id) entries_of(r, ledger.id, all, &a, &entries, &count);
    text[0] = 0;
    for (size_t i = 0; i < count; i++) {
        struct ledger_record record;
        time_us start;
        assert_true(time_parse_stix(SPAN("2026-01-01T00:00:00Z"), &start));
        id_short(f, who, entries[i].stix_id, id);
        long long minutes =
            entries[i].modified == TIME_NONE ? 0 : (long long)(entries[i].modified - start) / 60 / TIME_US_PER_S;
        bool plain = minutes <= 0 || minutes > 1439;
        snprintf(version, sizeof version, plain ? "%.0lld" : "@%lld", plain ? 0 : minutes);
        assert_int_equal(ledger_record_read(&a, entries[i].record, &record, &d), ERR_NONE);
        const char *open = i ? " " : "", *close = "";
        if (entries[i].state == STORE_ENTRY_SUPERSEDED) open = i ? " (" : "(", close = ")";
        if (entries[i].state == STORE_ENTRY_WITHDRAWN) open = i ? " [" : "[", close = "]";
        size_t left = sizeof texts[0] - len;
        if (entries[i].state == STORE_ENTRY_RECORD)
            len += (size_t)snprintf(text + len, left, "%s-%d", open, (int)record.withdraws);
        else
            len += (size_t)snprintf(text + len, left, "%s%s%s%s", open, id, version, close);
        if (len >= sizeof texts[0]) fail_msg("too much to tell");
    }
    store_reader_close(&r);
    arena_free(&a);
    return text;
}

/* ---- what must always hold ----------------------------------------------------------------------------------------
 */

static bool was_released(const struct store_entry *entries, size_t count, struct span id) {
    for (size_t i = 0; i < count; i++)
        if (entries[i].state <= STORE_ENTRY_SUPERSEDED && span_equal(entries[i].stix_id, id)) return true;
    return false;
}

static bool partner_knows(struct fixture *f, struct store_reader *r, int who, int to, struct span id) {
    char identity[80];
    enum stix_tlp level;
    uint32_t source;
    bool received = false;
    struct diag d = {0};
    for (int i = 0; i < f->count; i++) {
        identity_of(f, i, identity);
        if ((i == who || i == to) && span_is(id, identity)) return true; /* by the card */
    }
    if (stix_marking_builtin(id, &level)) return true;
    if (store_source_find(r, span_cstr(fixture_party[to]), &source, &d)) return false;
    assert_int_equal(store_received_from(r, id, source, &received, &d), ERR_NONE);
    return received;
}

static void names_only_known(struct fixture *f, struct store_reader *r, int who, int to,
                             const struct store_entry *entries, size_t count, size_t at, struct arena *a) {
    struct json_doc doc;
    struct stix_object o;
    struct stix_ref *refs;
    size_t ref_count;
    struct diag d = {0};
    char id[80], by[80];
    assert_true(entries[at].body.len > 0);
    assert_int_equal(json_parse(a, entries[at].body, &doc, &d), ERR_NONE);
    assert_int_equal(stix_object_view(a, json_root(&doc), &o, &d), ERR_NONE);
    assert_true(span_equal(o.id, entries[at].stix_id));
    assert_int_equal(stix_object_refs(&o, a, &refs, &ref_count), ERR_NONE);
    for (size_t i = 0; i < ref_count; i++) {
        if (was_released(entries, count, refs[i].target) || partner_knows(f, r, who, to, refs[i].target)) continue;
        id_short(f, who, refs[i].target, id);
        id_short(f, who, entries[at].stix_id, by);
        fail_msg("%s is served to %s and names %s, which is not", by, fixture_party[to], id);
    }
}

void fixture_ledger_sound(struct fixture *f, int who, int to) {
    struct arena a;
    struct store_reader *r;
    struct store_ledger ledger;
    struct store_entry *entries;
    size_t count;
    struct diag d = {0};
    char args[64];
    arena_init(&a, ARENA_MAX);
    assert_int_equal(store_reader_open(f->nodes[who]->live.store, &r, &d), ERR_NONE);
    ledger_of(f, r, to, &a, &ledger);
    if (ledger.id) {
        entries_of(r, ledger.id, true, &a, &entries, &count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(entries[i].seq, i);
            if (i) assert_true(entries[i].time > entries[i - 1].time);
            if (entries[i].state == STORE_ENTRY_RECORD) continue;
            for (size_t k = 0; k < i; k++)
                if (entries[k].state < STORE_ENTRY_WITHDRAWN && entries[k].modified == entries[i].modified &&
                    span_equal(entries[k].stix_id, entries[i].stix_id))
                    fail_msg("%.*s is released twice: entries %zu and %zu", SPAN_ARG(entries[i].stix_id), k, i);
            if (entries[i].state <= STORE_ENTRY_SUPERSEDED) names_only_known(f, r, who, to, entries, count, i, &a);
        }
    }
    store_reader_close(&r);
    arena_free(&a);
    if (!ledger.id) return;
    snprintf(args, sizeof args, "{\"to\":\"%s\"}", fixture_party[to]);
    fixture_run(f, who, "ledger.verify", args);
    assert_string_equal(fixture_result(f, 0, "message"), "");
    assert_string_equal(fixture_result(f, 0, "verified"), "true");
}
