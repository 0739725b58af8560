/* The formats: how each begins and how it writes a value. */
#include <stdio.h>

#include "base/encode.h"
#include "detect/export.h"
#include "detect/normalise.h"

#define KIND(name) (UINT32_C(1) << ATOM_##name)
enum { CSV_LABELS_ARENA_MAX = 64 << 20 }; /* of one indicator's labels, which an object of 8 MB bounds */

#define ALL_KINDS (KIND(ADDRESS) | KIND(DOMAIN) | KIND(URL) | KIND(HASH) | KIND(EMAIL) | KIND(PATH) | KIND(FILE_NAME))

static bool is_network(const struct detect_value *v) {
    return v->kind == ATOM_ADDRESS && !address_is_single(&v->address);
}

static struct span less_scheme(struct span url) {
    size_t scheme = span_find(url, SPAN("://"));
    return scheme == SIZE_MAX ? url : span_from(url, scheme + 3);
}

/* ---- Zeek: tab-separated, \xHH for what is not plain (Zeek's ASCII reader undoes it) ---- */

static void zeek_field(struct buf *out, struct span text) {
    if (text.len == 0 || span_is(text, "-") || span_is(text, "(empty)")) {
        buf_add_cstr(out, text.len == 0 ? "-" : "\\x");
        if (text.len) buf_printf(out, "%02x", (unsigned char)text.at[0]);
        if (text.len) buf_add(out, span_from(text, 1));
        return;
    }
    size_t start = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c >= ' ' && c != '\\' && c != 0x7f) continue;
        buf_add(out, span_of(text.at + start, i - start));
        buf_printf(out, "\\x%02x", c);
        start = i + 1;
    }
    buf_add(out, span_from(text, start));
}

static void zeek_begin(struct buf *out, const struct export_options *o) {
    (void)o;
    buf_add_cstr(out, "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\n");
}

static bool zeek_write(struct buf *out, const struct export_options *o, const struct export_item *item) {
    const struct detect_value *v = item->value;
    static const char *const types[ATOM_KIND_COUNT] = {
        [ATOM_ADDRESS] = "Intel::ADDR",   [ATOM_DOMAIN] = "Intel::DOMAIN", [ATOM_URL] = "Intel::URL",
        [ATOM_HASH] = "Intel::FILE_HASH", [ATOM_EMAIL] = "Intel::EMAIL",   [ATOM_FILE_NAME] = "Intel::FILE_NAME"};
    (void)o;
    if (v->certificate && v->value.len != 40) return false; /* Zeek looks for SHA-1 of certificates */
    zeek_field(out, v->kind == ATOM_URL ? less_scheme(v->value) : v->value);
    buf_printf(out, "\t%s\t", v->certificate ? "Intel::CERT_HASH" : is_network(v) ? "Intel::SUBNET" : types[v->kind]);
    buf_add_cstr(out, "renkei:");
    zeek_field(out, item->source);
    buf_add_char(out, '\t');
    zeek_field(out, item->id);
    buf_add_char(out, '\n');
    return true;
}

/* ---- Suricata's rules ---- */

/* Text in a rule's quotes: in content |HH| for what means something there. */
static void rule_content(struct buf *out, struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c <= ' ' || c >= 0x7f || strchr("\"\\;:|", c))
            buf_printf(out, "|%02X|", c);
        else
            buf_add_char(out, text.at[i]);
    }
}

static void rule_message(struct buf *out, struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        buf_add_char(out, c < ' ' || c >= 0x7f || strchr("\"\\;|", c) ? '_' : text.at[i]);
    }
}

static void rule_exactly(struct buf *out, const char *buffer, struct span text, bool nocase) {
    buf_printf(out, " %s; content:\"", buffer);
    rule_content(out, text);
    buf_printf(out, "\";%s bsize:%zu;", nocase ? " nocase;" : "", text.len);
}

/* `.name` at the end, or all of the buffer: what stands below a domain as well as itself. */
static void rule_domain(struct buf *out, const struct export_options *o, struct span name) {
    if (!o->subdomains) {
        rule_exactly(out, "dns.query", name, true);
        return;
    }
    buf_add_cstr(out, " dns.query; dotprefix; content:\".");
    rule_content(out, name);
    buf_add_cstr(out, "\"; nocase; endswith;");
}

static void rules_begin(struct buf *out, const struct export_options *o) {
    char time[TIME_TEXT_SIZE];
    buf_printf(out, "# Indicators in force at %s.\n", time_format_stix(o->now, time));
}

static void rule_head(struct buf *out, const struct export_options *o, const struct export_item *item) {
    const struct detect_value *v = item->value;
    buf_add_cstr(out, o->drop ? "drop" : "alert");
    if (v->kind == ATOM_ADDRESS) {
        buf_printf(out, " ip any any %s ", v->port < 0 ? "<>" : "->");
        if (v->address.v4 || is_network(v))
            buf_add(out, v->value);
        else
            buf_printf(out, "[%.*s]", SPAN_ARG(v->value));
        if (v->port < 0)
            buf_add_cstr(out, " any (");
        else
            buf_printf(out, " %d (", v->port);
    } else {
        buf_printf(out, " %s any any -> any any (", v->kind == ATOM_DOMAIN ? "dns" : "http");
    }
    buf_add_cstr(out, "msg:\"renkei ");
    rule_message(out, item->source);
    buf_add_char(out, ' ');
    rule_message(out, item->name.len ? span_first(item->name, 100) : span_first(v->value, 100));
    buf_add_cstr(out, "\";");
}

static bool rules_write(struct buf *out, const struct export_options *o, const struct export_item *item) {
    const struct detect_value *v = item->value;
    struct span rest = less_scheme(v->value), host = span_first(rest, span_find_char(rest, '/'));
    struct span path = span_from(rest, host.len);
    int32_t port;
    rule_head(out, o, item);
    switch (v->kind) {
    case ATOM_ADDRESS:
        buf_add_cstr(out, " threshold:type limit, track by_src, seconds 3600, count 1;");
        break;
    case ATOM_DOMAIN:
        rule_domain(out, o, v->value);
        break;
    case ATOM_URL:
        (void)split_host_port(host, &host, &port); /* http.host has no port */
        buf_add_cstr(out, " flow:established,to_server;");
        rule_exactly(out, "http.host", host, false);
        rule_exactly(out, "http.uri.raw", path.len ? path : SPAN("/"), false);
        break;
    default:
        buf_add_cstr(out, " flow:established,to_server;");
        rule_exactly(out, "http.uri.raw", v->value, false);
    }
    buf_add_cstr(out, " classtype:trojan-activity; metadata:renkei_indicator ");
    buf_add(out, item->id);
    buf_printf(out, "; sid:%u; rev:1;)\n", item->number);
    return true;
}

/* ---- Suricata's datasets: a value a line, text in base64, hashes in hexadecimal, addresses as they are ---- */

static void nothing(struct buf *out, const struct export_options *o) {
    (void)out;
    (void)o;
}

static bool dataset_write(struct buf *out, const struct export_options *o, const struct export_item *item) {
    const struct detect_value *v = item->value;
    (void)o;
    if (v->kind == ATOM_HASH && ((v->value.len != 32 && v->value.len != 64) || v->certificate)) return false;
    if (v->kind == ATOM_HASH || v->kind == ATOM_ADDRESS)
        buf_add(out, v->value);
    else
        buf_add_base64(out, v->value);
    buf_add_char(out, '\n');
    return true;
}

/* ---- RPZ: a zone of names that do not exist ---- */

enum { LABEL_MAX = 63, NAME_MAX_WIRE = 255 };
#define ZONE_DEFAULT "rpz.renkei"

static struct span zone_of(const struct export_options *o) {
    return o->zone.len ? o->zone : SPAN(ZONE_DEFAULT);
}

static void rpz_begin(struct buf *out, const struct export_options *o) {
    uint64_t serial = (uint64_t)(o->now / TIME_US_PER_S) & 0xffffffff;
    struct span zone = zone_of(o);
    buf_printf(out,
               "$TTL 300\n$ORIGIN %.*s.\n@ IN SOA localhost. hostmaster.localhost. %llu 3600 600 604800 300\n"
               "@ IN NS localhost.\n",
               SPAN_ARG(zone), (unsigned long long)serial);
}

/* A name as a master file writes it (RFC 1035 §5.1); false when it is too long under the zone, or of one label: that
 * would be a whole top-level domain. */
static bool rpz_name(struct buf *out, struct span name, struct span zone) {
    size_t label = 0, dots = 0, start = out->len;
    /* on the wire: a length byte a label and the root's; "*." and the zone behind it */
    if (name.len + zone.len + 2 + 2 > NAME_MAX_WIRE) return false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];
        if (c == '.') {
            if (label == 0) return false;
            label = 0;
            dots++;
            buf_add_char(out, '.');
            continue;
        }
        if (++label > LABEL_MAX) return false;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
            buf_add_char(out, (char)c);
        else
            buf_printf(out, "\\%03u", c);
    }
    return out->len > start && label > 0 && dots > 0;
}

/* An address in a zone: prefix, then the parts from the last to the first; "zz" is IPv6's "::". */
static void rpz_address(struct buf *out, const struct address *a) {
    buf_printf(out, "%u", a->prefix);
    if (a->v4) {
        for (int i = 3; i >= 0; i--) buf_printf(out, ".%u", a->bytes[i]);
    } else {
        /* BIND wants the one spelling it would print itself: the longest run of two zero groups or more is "zz" */
        unsigned group[8], best = 8, best_len = 1;
        for (unsigned i = 0; i < 8; i++) group[i] = (unsigned)a->bytes[2 * i] << 8 | a->bytes[2 * i + 1];
        for (unsigned i = 0; i < 8;) {
            unsigned len = 0;
            while (i + len < 8 && group[i + len] == 0) len++;
            if (len > best_len) {
                best = i;
                best_len = len;
            }
            i += len ? len : 1;
        }
        for (unsigned i = 8; i-- > 0;) {
            if (best < 8 && i >= best && i < best + best_len) {
                if (i == best) buf_add_cstr(out, ".zz");
                continue;
            }
            buf_printf(out, ".%x", group[i]);
        }
    }
    buf_add_cstr(out, ".rpz-ip");
}

static bool rpz_write(struct buf *out, const struct export_options *o, const struct export_item *item) {
    const struct detect_value *v = item->value;
    size_t start = out->len;
    if (v->kind == ATOM_ADDRESS) {
        if (v->address.prefix == 0) return false; /* all of the Internet */
        rpz_address(out, &v->address);
    } else if (!rpz_name(out, v->value, zone_of(o))) {
        return false;
    }
    size_t end = out->len;
    buf_add_cstr(out, " CNAME .\n");
    if (v->kind == ATOM_DOMAIN && o->subdomains && buf_ok(out)) {
        struct buf name = BUF_EMPTY;
        buf_add(&name, span_of(out->at + start, end - start));
        buf_printf(out, "*.%.*s CNAME .\n", SPAN_ARG(buf_span(&name)));
        buf_free(&name);
    }
    return true;
}

/* ---- plain lists and CSV ---- */

static bool list_write(struct buf *out, const struct export_options *o, const struct export_item *item) {
    const struct detect_value *v = item->value;
    (void)o;
    for (size_t i = 0; i < v->value.len; i++)
        if ((unsigned char)v->value.at[i] < ' ') return false; /* a line would be two */
    bool v6 = v->kind == ATOM_ADDRESS && !v->address.v4 && v->port >= 0;
    buf_printf(out, v6 ? "[%.*s]" : "%.*s", SPAN_ARG(v->value));
    if (v->port >= 0) buf_printf(out, ":%d", v->port);
    buf_add_char(out, '\n');
    return true;
}

static void csv_begin(struct buf *out, const struct export_options *o) {
    (void)o;
    buf_add_cstr(out,
                 "id,type,value,port,pattern,tlp,pap,labels,confidence,valid_from,valid_until,created_by,source,name,"
                 "description\r\n");
}

/* RFC 4180; a text that a spreadsheet would take for a formula gets an apostrophe before it (as does one that begins
 * like that, so that reading it back is certain). A row is a line: line breaks become spaces. */
static void csv_field(struct buf *out, struct span text) {
    struct span bare = text.len && text.at[0] == '\'' ? span_from(text, 1) : text;
    bool formula = bare.len && strchr("=+-@\t\r", bare.at[0]);
    bool quoted = formula;
    for (size_t i = 0; i < text.len; i++) quoted |= text.at[i] && strchr(",;\"\r\n\t", text.at[i]);
    if (quoted) buf_add_char(out, '"');
    if (formula) buf_add_char(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '"') buf_add_char(out, '"');
        buf_add_char(out, c == '\n' || c == '\r' || c == 0 ? ' ' : c);
    }
    if (quoted) buf_add_char(out, '"');
}

static void csv_next(struct buf *out, struct span text) {
    buf_add_char(out, ',');
    csv_field(out, text);
}

static void csv_time(struct buf *out, time_us t) {
    char text[TIME_TEXT_SIZE];
    buf_add_char(out, ',');
    if (t != TIME_NONE) buf_add_cstr(out, time_format_stix(t, text));
}

/* Labels in one cell, each with a semicolon behind it. One of a label's own has no place there. */
static void csv_labels(struct buf *out, struct span labels) {
    struct arena a;
    struct json_doc doc;
    struct diag ignored;
    struct buf all = BUF_EMPTY;
    arena_init(&a, CSV_LABELS_ARENA_MAX);
    if (labels.len && json_parse(&a, labels, &doc, &ignored) == ERR_NONE)
        for (struct json_iter it = json_iter(json_root(&doc)); json_next(&it);) {
            struct span label = json_text(it.value, &a);
            for (size_t i = 0; i < label.len; i++) buf_add_char(&all, label.at[i] == ';' ? ',' : label.at[i]);
            if (label.len) buf_add_char(&all, ';');
        }
    if (!buf_ok(&all)) out->failed = true;
    csv_next(out, buf_span(&all));
    buf_free(&all);
    arena_free(&a);
}

static bool csv_write(struct buf *out, const struct export_options *o, const struct export_item *item) {
    const struct detect_value *v = item->value;
    (void)o;
    csv_field(out, item->id);
    buf_printf(out, ",%s", v->certificate ? "certificate-hash" : atom_kind_name(v->kind));
    csv_next(out, v->value);
    buf_add_char(out, ',');
    if (v->port >= 0) buf_printf(out, "%d", v->port);
    csv_next(out, item->pattern);
    buf_printf(out, ",%s,%s", item->marking.tlp ? stix_tlp_name(item->marking.tlp) : "",
               item->marking.pap ? stix_pap_name(item->marking.pap) : "");
    csv_labels(out, item->labels);
    buf_add_char(out, ',');
    if (item->confidence != DETECT_CONFIDENCE_NONE) buf_printf(out, "%u", item->confidence);
    csv_time(out, item->valid_from);
    csv_time(out, item->valid_until);
    csv_next(out, item->created_by);
    csv_next(out, item->source);
    csv_next(out, item->name);
    csv_next(out, item->description);
    buf_add_cstr(out, "\r\n");
    return true;
}

const struct export_format export_formats[] = {
    {.name = "zeek-intel",
     .what = "Zeek's intelligence framework",
     .kinds = ALL_KINDS & ~KIND(PATH),
     .networks = true,
     .begin = zeek_begin,
     .write = zeek_write},
    {.name = "suricata-rules",
     .what = "Suricata's rules",
     .can_drop = true,
     .numbered = true,
     .kinds = KIND(ADDRESS) | KIND(DOMAIN) | KIND(URL) | KIND(PATH),
     .ports = true,
     .networks = true,
     .begin = rules_begin,
     .write = rules_write},
    {.name = "suricata-dataset",
     .what = "a Suricata dataset, of one --type",
     .blocking = true,
     .kinds = KIND(ADDRESS) | KIND(DOMAIN) | KIND(PATH) | KIND(HASH),
     .begin = nothing,
     .write = dataset_write},
    {.name = "rpz",
     .what = "a DNS response policy zone",
     .blocking = true,
     .kinds = KIND(ADDRESS) | KIND(DOMAIN),
     .networks = true,
     .begin = rpz_begin,
     .write = rpz_write},
    {.name = "list",
     .what = "values, one a line",
     .blocking = true,
     .kinds = ALL_KINDS,
     .ports = true,
     .networks = true,
     .begin = nothing,
     .write = list_write},
    {.name = "csv",
     .what = "values with what is said of them, for people and `renkei import --list`",
     .kinds = ALL_KINDS,
     .described = true,
     .ports = true,
     .networks = true,
     .begin = csv_begin,
     .write = csv_write},
};
const size_t export_format_count = sizeof export_formats / sizeof *export_formats;

const struct export_format *export_format_named(struct span name) {
    for (size_t i = 0; i < export_format_count; i++)
        if (span_is(name, export_formats[i].name)) return &export_formats[i];
    return NULL;
}
