/* Exports: the indicators in force for sensors, and all that is held for MISP, written to a file the caller opened. */
#include <stdlib.h>

#include "detect/export.h"
#include "interchange/misp_export.h"
#include "interchange/stix20_export.h"
#include "node/op_all.h"

static const struct {
    const char *name;
    uint32_t kinds;
    unsigned digits;
} types[] = {
#define KIND(name) (UINT32_C(1) << ATOM_##name)
    {"address", KIND(ADDRESS), 0}, {"domain", KIND(DOMAIN), 0},       {"url", KIND(URL), 0},
    {"hash", KIND(HASH), 0},       {"md5", KIND(HASH), 32},           {"sha1", KIND(HASH), 40},
    {"sha256", KIND(HASH), 64},    {"sha512", KIND(HASH), 128},       {"email", KIND(EMAIL), 0},
    {"request", KIND(PATH), 0},    {"file-name", KIND(FILE_NAME), 0},
#undef KIND
};

static enum err read_types(struct op_call *call, struct export_options *o, struct diag *d) {
    for (struct json_iter it = json_iter(json_get(call->args, "types")); json_next(&it);) {
        struct span name = json_text(it.value, call->arena);
        size_t i = 0;
        while (i < sizeof types / sizeof *types && !span_is(name, types[i].name)) i++;
        if (i == sizeof types / sizeof *types)
            return diag_set(d, ERR_INVALID,
                            "--type: %.*s is none of address, domain, url, hash, md5, sha1, sha256, sha512, email, "
                            "request, file-name",
                            SPAN_ARG(span_first(name, 64)));
        o->kinds |= types[i].kinds;
        if (types[i].digits) o->hash_digits = types[i].digits;
    }
    if (o->kinds && !(o->kinds & o->format->kinds))
        return diag_set(d, ERR_INVALID, "%s has no place for values of this --type", o->format->name);
    return ERR_NONE;
}

static bool zone_valid(struct span zone) {
    size_t label = 0;
    for (size_t i = 0; i < zone.len; i++) {
        char c = zone.at[i];
        if (c == '.' ? label == 0 : !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > 63) return false;
    }
    return zone.len == 0 || (label > 0 && zone.len <= 100);
}

/* A dataset is of one type of value: which, its rule must say, too. */
static enum err check_single_type(const struct export_options *o, struct diag *d) {
    bool one = o->kinds && !(o->kinds & (o->kinds - 1));
    bool hash = o->kinds == UINT32_C(1) << ATOM_HASH;
    if (!span_is(span_cstr(o->format->name), "suricata-dataset")) return ERR_NONE;
    if (one && (!hash || o->hash_digits == 32 || o->hash_digits == 64)) return ERR_NONE;
    return diag_set(d, ERR_INVALID,
                    "a dataset holds values of one type: --type domain, address, request, md5 or sha256");
}

static enum err read_options(struct op_call *call, struct export_options *o, struct diag *d) {
    struct span format = op_text(call, "format"), tlp = op_text(call, "tlp"), action = op_text(call, "action");
    *o = (struct export_options){.format = export_format_named(format),
                                 .tlp = STIX_TLP_AMBER_STRICT,
                                 .drop = span_is(action, "drop"),
                                 .subdomains = op_flag(call, "subdomains"),
                                 .zone = op_text(call, "zone"),
                                 .now = clock_now(call->realm->clock)};
    if (!o->format)
        return diag_set(
            d, ERR_INVALID,
            "--format: '%.*s' is none of zeek-intel, suricata-rules, suricata-dataset, rpz, list, csv, misp, stix20",
            SPAN_ARG(span_first(format, 64)));
    if (tlp.len && !stix_tlp_parse(tlp, &o->tlp))
        return diag_set(d, ERR_INVALID, "--marking: %.*s is none of clear, green, amber, amber+strict, red",
                        SPAN_ARG(span_first(tlp, 64)));
    if (action.len && !o->drop && !span_is(action, "alert"))
        return diag_set(d, ERR_INVALID, "--action is alert or drop");
    if (o->drop && !o->format->can_drop)
        return diag_set(d, ERR_INVALID, "--action drop is for suricata-rules; %s is what it is", o->format->name);
    if (!zone_valid(o->zone)) return diag_set(d, ERR_INVALID, "--zone is a domain name in lower case");
    enum err e = read_types(call, o, d);
    return e ? e : check_single_type(o, d);
}

static void emit(struct op_call *call, const struct export_options *o, const struct export_result *result) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member_cstr(&w, "format", o->format->name);
    json_member_truth(&w, "blocking", export_blocks(o));
    json_member_number(&w, "indicators", (int64_t)result->indicators);
    json_member_number(&w, "written", (int64_t)result->written);
    json_key(&w, "left_out");
    json_begin_array(&w);
    for (int i = 0; i < EXPORT_REASON_COUNT; i++) {
        if (result->left_out[i] == 0) continue;
        json_begin_object(&w);
        json_member_cstr(&w, "reason", export_reason_text((enum export_reason)i));
        json_member_number(&w, "count", (int64_t)result->left_out[i]);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

static void progress(void *context, uint64_t done, uint64_t total) {
    op_progress(context, "exporting", "holdings", done, total);
}

/* ---- MISP, and STIX 2.0 ---- */

static void write_left_out(struct json_writer *w, uint64_t too_strict, uint64_t not_known) {
    json_key(w, "left_out");
    json_begin_array(w);
    for (int i = 0; i < 2; i++) {
        uint64_t count = i ? not_known : too_strict;
        if (!count) continue;
        json_begin_object(w);
        json_member_cstr(w, "reason", export_reason_text(i ? EXPORT_UNKNOWN_MARKING : EXPORT_TLP));
        json_member_number(w, "count", (int64_t)count);
        json_end_object(w);
    }
    json_end_array(w);
}

static void emit_misp(struct op_call *call, const struct misp_export_result *result) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member_cstr(&w, "format", "misp");
    json_member_number(&w, "events", (int64_t)result->events);
    json_member_number(&w, "written", (int64_t)result->objects);
    write_left_out(&w, result->too_strict, result->not_known);
    losses_write(&w, &result->losses);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

static enum err export_misp(struct op_call *call, struct diag *d) {
    struct span tlp = op_text(call, "tlp");
    struct node_view *v = node_view(call->node);
    struct store_reader *r = NULL;
    struct share_context context;
    struct misp_export_result *result = calloc(1, sizeof *result);
    node_share_context(call->node, call->realm, v, &context);
    struct misp_export_options o = {
        .tlp = STIX_TLP_AMBER_STRICT, .organisation = context.party, .identity = context.identity};
    enum err e = ERR_NONE;
    if (!result) e = diag_set(d, ERR_NOMEM, "no memory for an export");
    if (!e && tlp.len && !stix_tlp_parse(tlp, &o.tlp))
        e = diag_set(d, ERR_INVALID, "--marking: %.*s is none of clear, green, amber, amber+strict, red",
                     SPAN_ARG(span_first(tlp, 64)));
    if (!e && (json_count(json_get(call->args, "types")) || op_text(call, "action").len || op_text(call, "zone").len ||
               op_flag(call, "subdomains")))
        e = diag_set(d, ERR_INVALID,
                     "--type, --action, --zone and --subdomains are for sensors; misp writes all there is");
    if (!e && call->fd_count != 1) e = diag_set(d, ERR_INVALID, "an export needs one file to write to");
    if (!e) e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = misp_export(r, &o, call->fds[0], progress, call, result, d);
    store_reader_close(&r);
    if (!e) emit_misp(call, result);
    free(result);
    node_view_release(call->node, &v);
    return e;
}

static void emit_stix20(struct op_call *call, const struct stix20_export_result *result) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member_cstr(&w, "format", "stix20");
    json_member_number(&w, "objects", (int64_t)result->objects);
    json_member_number(&w, "written", (int64_t)result->objects);
    write_left_out(&w, result->too_strict, result->not_known);
    losses_write(&w, &result->losses);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

static enum err export_stix20(struct op_call *call, struct diag *d) {
    struct span tlp = op_text(call, "tlp");
    struct node_view *v = node_view(call->node);
    struct store_reader *r = NULL;
    struct share_context context;
    struct stix20_export_result *result = calloc(1, sizeof *result);
    node_share_context(call->node, call->realm, v, &context);
    struct stix20_export_options o = {.tlp = STIX_TLP_AMBER_STRICT, .identity = context.identity};
    enum err e = ERR_NONE;
    if (!result) e = diag_set(d, ERR_NOMEM, "no memory for an export");
    if (!e && tlp.len && !stix_tlp_parse(tlp, &o.tlp))
        e = diag_set(d, ERR_INVALID, "--marking: %.*s is none of clear, green, amber, amber+strict, red",
                     SPAN_ARG(span_first(tlp, 64)));
    if (!e && (json_count(json_get(call->args, "types")) || op_text(call, "action").len || op_text(call, "zone").len ||
               op_flag(call, "subdomains")))
        e = diag_set(d, ERR_INVALID,
                     "--type, --action, --zone and --subdomains are for sensors; stix20 writes all there is");
    if (!e && call->fd_count != 1) e = diag_set(d, ERR_INVALID, "an export needs one file to write to");
    if (!e) e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = stix20_export(r, &o, call->fds[0], progress, call, result, d);
    store_reader_close(&r);
    if (!e) emit_stix20(call, result);
    free(result);
    node_view_release(call->node, &v);
    return e;
}

/* {"format", "types", "tlp", "action", "subdomains", "zone"}; the file comes with the call. */
enum err op_export(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct export_options o;
    struct export_result result;
    struct decay_model *models;
    if (span_is(op_text(call, "format"), "misp")) return export_misp(call, d);
    if (span_is(op_text(call, "format"), "stix20")) return export_stix20(call, d);
    enum err e = read_options(call, &o, d);
    if (!e && call->fd_count != 1) e = diag_set(d, ERR_INVALID, "an export needs one file to write to");
    if (!e) e = config_decay_models(call->node->config, call->arena, &models, &o.model_count, d);
    if (!e) o.models = models;
    if (!e) e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = export_run(r, &o, call->fds[0], progress, call, &result, d);
    store_reader_close(&r);
    if (!e) emit(call, &o, &result);
    return e;
}
