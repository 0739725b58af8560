/* One value against one test: a table of what can be compared with what, and a table of operators. */
#include <stdlib.h>

#include "base/encode.h"
#include "pattern/nfc.h"
#include "pattern/program.h"

/* --- numbers --- */

enum { EXPONENT_MAX = 1000000000 }; /* beyond it, numbers differ by their exponents alone */

struct decimal decimal_read(struct span text) {
    struct decimal n = {0};
    bool minus = text.len && text.at[0] == '-', point = false;
    size_t at = text.len && (text.at[0] == '-' || text.at[0] == '+') ? 1 : 0, first = SIZE_MAX, end = at;
    int64_t before_point = 0, leading = 0; /* digits; zeros after the point before the first that is none */
    for (; end < text.len && text.at[end] != 'e' && text.at[end] != 'E'; end++) {
        if (text.at[end] == '.') {
            point = true;
            continue;
        }
        if (first == SIZE_MAX && text.at[end] == '0') {
            leading += point;
            continue;
        }
        if (first == SIZE_MAX) first = end;
        before_point += !point;
    }
    if (first == SIZE_MAX) return n;
    int64_t exponent = 0;
    bool down = end + 1 < text.len && text.at[end + 1] == '-';
    for (size_t i = end + 1; i < text.len; i++)
        if (text.at[i] >= '0' && text.at[i] <= '9' && exponent < EXPONENT_MAX)
            exponent = exponent * 10 + (text.at[i] - '0');
    n.sign = minus ? -1 : 1;
    n.exponent = before_point - leading + (down ? -exponent : exponent);
    n.digits = span_of(text.at + first, end - first);
    return n;
}

/* The digit at *at, and past it; 0 beyond the last. */
static char next_digit(struct span digits, size_t *at) {
    if (*at < digits.len && digits.at[*at] == '.') ++*at;
    return *at < digits.len ? digits.at[(*at)++] : '0';
}

int decimal_compare(const struct decimal *a, const struct decimal *b) {
    if (a->sign != b->sign) return a->sign < b->sign ? -1 : 1;
    if (a->sign == 0) return 0;
    if (a->exponent != b->exponent) return (a->exponent < b->exponent) == (a->sign > 0) ? -1 : 1;
    for (size_t i = 0, k = 0; i < a->digits.len || k < b->digits.len;) {
        char x = next_digit(a->digits, &i), y = next_digit(b->digits, &k);
        if (x != y) return (x < y) == (a->sign > 0) ? -1 : 1;
    }
    return 0;
}

/* --- times --- */

bool instant_read(struct span text, struct instant *out) {
    enum { SECONDS_LEN = 19 }; /* 2016-05-12T08:17:27 */
    char whole[SECONDS_LEN + 1];
    time_us us;
    if (text.len <= SECONDS_LEN || text.at[text.len - 1] != 'Z') return false;
    memcpy(whole, text.at, SECONDS_LEN);
    whole[SECONDS_LEN] = 'Z';
    if (!time_parse_stix(span_of(whole, sizeof whole), &us)) return false;
    struct span fraction = span_of(text.at + SECONDS_LEN, text.len - SECONDS_LEN - 1);
    if (fraction.len && (fraction.at[0] != '.' || fraction.len == 1)) return false;
    fraction = span_from(fraction, 1);
    for (size_t i = 0; i < fraction.len; i++)
        if (fraction.at[i] < '0' || fraction.at[i] > '9') return false;
    while (fraction.len && fraction.at[fraction.len - 1] == '0') fraction.len--;
    *out = (struct instant){.second = us / TIME_US_PER_S, .fraction = fraction};
    return true; /* us is a whole second: no rounding towards zero before 1970 */
}

static int instant_compare(const struct instant *a, const struct instant *b) {
    if (a->second != b->second) return a->second < b->second ? -1 : 1;
    return span_compare(a->fraction, b->fraction); /* ".1" < ".12" < ".2", as texts */
}

/* --- values --- */

enum value_kind { VALUE_NULL, VALUE_TRUTH, VALUE_NUMBER, VALUE_TEXT, VALUE_BYTES, VALUE_STRUCTURE, VALUE_KIND_COUNT };
struct value {
    enum value_kind kind;
    bool truth;
    struct span text; /* VALUE_TEXT: folded; VALUE_BYTES; VALUE_NUMBER: as spelt */
};

/* A string as what its property's name says it is. */
static bool decode(const struct evaluation *e, enum program_spelling spelling, struct span text, struct span *out) {
    if (spelling == SPELT_BASE64) return base64_read(e->arena, text, out);
    char *bytes = spelling == SPELT_HEX && text.len % 2 == 0 ? arena_alloc(e->arena, text.len / 2 + 1) : NULL;
    if (!bytes || !hex_read(text, bytes, text.len / 2)) return false;
    *out = span_of(bytes, text.len / 2);
    return true;
}

static struct value value_of(const struct evaluation *e, const struct program_test *test, struct json_value v) {
    struct value value = {.kind = VALUE_STRUCTURE};
    switch (json_type(v)) {
    case JSON_NULL:
        value.kind = VALUE_NULL;
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        value.kind = VALUE_TRUTH;
        value.truth = json_type(v) == JSON_TRUE;
        break;
    case JSON_NUMBER:
        value.kind = VALUE_NUMBER;
        value.text = json_raw(v);
        break;
    case JSON_STRING:
        value.kind = VALUE_TEXT;
        value.text = json_text(v, e->arena);
        if (test->spelling != SPELT_PLAIN) { /* what holds no bytes is like no literal */
            value.kind = decode(e, test->spelling, value.text, &value.text) ? VALUE_BYTES : VALUE_STRUCTURE;
        } else if (e->program->settings.fold && test->compare != PATTERN_MATCHES) {
            value.text = e->program->settings.fold(e->arena, test->type, test->property, value.text);
        }
        break;
    default:
        break;
    }
    return value;
}

/* --- a value beside a literal --- */

enum relation {
    UNRELATED, /* of types that are not compared: not equal, and without order even under NOT */
    LESS,      /* the value is less than the literal */
    SAME,
    GREATER
};

static enum relation relation_of(int order) {
    return order < 0 ? LESS : order > 0 ? GREATER : SAME;
}

static enum relation relate_text(const struct program_literal *l, const struct value *v, struct arena *a) {
    (void)a;
    return relation_of(span_compare(v->text, l->text));
}

static enum relation relate_number(const struct program_literal *l, const struct value *v, struct arena *a) {
    (void)a;
    struct decimal n = decimal_read(v->text);
    return relation_of(decimal_compare(&n, &l->number));
}

static enum relation relate_truth(const struct program_literal *l, const struct value *v, struct arena *a) {
    (void)a;
    return v->truth == l->truth ? SAME : UNRELATED;
}

static enum relation relate_bytes_to_text(const struct program_literal *l, const struct value *v, struct arena *a) {
    struct span bytes;
    if (!text_as_bytes(a, l->text, &bytes)) return UNRELATED; /* text that is no byte string */
    return relation_of(span_compare(v->text, bytes));
}

static enum relation relate_text_to_bytes(const struct program_literal *l, const struct value *v, struct arena *a) {
    struct span bytes;
    if (!text_as_bytes(a, v->text, &bytes)) return UNRELATED; /* text that is no byte string */
    return relation_of(span_compare(bytes, l->text));
}

static enum relation relate_time(const struct program_literal *l, const struct value *v, struct arena *a) {
    (void)a;
    struct instant when;
    if (!l->is_time || !instant_read(v->text, &when)) return UNRELATED;
    return relation_of(instant_compare(&when, &l->when));
}

/* What can be compared with what (STIX 2.1 §9.3, §9.6.1); the rest is unrelated. */
static enum relation (*const relations[][VALUE_KIND_COUNT])(const struct program_literal *, const struct value *,
                                                            struct arena *) = {
    [PATTERN_STRING] = {[VALUE_TEXT] = relate_text, [VALUE_BYTES] = relate_bytes_to_text},
    [PATTERN_INTEGER] = {[VALUE_NUMBER] = relate_number},
    [PATTERN_FLOAT] = {[VALUE_NUMBER] = relate_number},
    [PATTERN_BOOLEAN] = {[VALUE_TRUTH] = relate_truth},
    [PATTERN_HEX] = {[VALUE_BYTES] = relate_text, [VALUE_TEXT] = relate_text_to_bytes},
    [PATTERN_BINARY] = {[VALUE_BYTES] = relate_text, [VALUE_TEXT] = relate_text_to_bytes},
    [PATTERN_TIMESTAMP] = {[VALUE_TEXT] = relate_time},
};

static enum relation relate(const struct evaluation *e, const struct program_literal *l, const struct value *v) {
    if (!relations[l->kind][v->kind] || !budget_take(e->budget, 1 + v->text.len / 256)) return UNRELATED;
    return relations[l->kind][v->kind](l, v, e->arena);
}

bool read_network(const struct pattern_program *program, struct span text, struct address *out) {
    enum { MAPPED_BITS = 96 };
    if (!address_parse_network(text, out)) return false;
    if (program->settings.fold || !out->v4 || span_find_char(text, ':') == SIZE_MAX) return true;
    struct address v6 = {.bytes = {[10] = 0xff, [11] = 0xff}, .prefix = (uint8_t)(out->prefix + MAPPED_BITS)};
    memcpy(v6.bytes + 12, out->bytes, 4);
    *out = v6;
    return true;
}

bool text_as_bytes(struct arena *a, struct span text, struct span *out) {
    char *bytes = arena_alloc(a, text.len + 1);
    size_t len = 0;
    *out = span_of(NULL, 0);
    if (!bytes) return false;
    for (size_t i = 0; i < text.len;) {
        unsigned char c = (unsigned char)text.at[i];
        if (c < 0x80) {
            bytes[len++] = text.at[i++];
        } else if ((c == 0xc2 || c == 0xc3) && i + 1 < text.len) {
            bytes[len++] = (char)((c & 3) << 6 | ((unsigned char)text.at[i + 1] & 0x3f));
            i += 2;
        } else {
            return false;
        }
    }
    *out = span_of(bytes, len);
    return true;
}

/* --- operators --- */

enum verdict { NO, YES, NEVER /* no, and no under NOT, too */ };
typedef enum verdict operator_rule(const struct evaluation *e, const struct program_test *test, const struct value *v);

static enum verdict equal(const struct evaluation *e, const struct program_test *test, const struct value *v) {
    return relate(e, test->literals, v) == SAME ? YES : NO;
}

static enum verdict not_equal(const struct evaluation *e, const struct program_test *test, const struct value *v) {
    return equal(e, test, v) == YES ? NO : YES;
}

static enum verdict ordered(const struct evaluation *e, const struct program_test *test, const struct value *v) {
    enum relation r = relate(e, test->literals, v);
    if (r == UNRELATED) return NEVER;
    switch (test->compare) {
    case PATTERN_LESS:
        return r == LESS ? YES : NO;
    case PATTERN_LESS_EQUAL:
        return r == LESS || r == SAME ? YES : NO;
    case PATTERN_GREATER:
        return r == GREATER ? YES : NO;
    default:
        return r == GREATER || r == SAME ? YES : NO;
    }
}

static bool in_sorted(const struct evaluation *e, const struct program_test *test, struct span text) {
    uint32_t low = 0, high = test->literal_count;
    while (low < high && budget_take(e->budget, 1)) {
        uint32_t middle = low + (high - low) / 2;
        int order = span_compare(test->literals[middle].text, text);
        if (order == 0) return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static enum verdict in_set(const struct evaluation *e, const struct program_test *test, const struct value *v) {
    if (test->sorted && v->kind == VALUE_TEXT) return in_sorted(e, test, v->text) ? YES : NO;
    for (uint32_t i = 0; i < test->literal_count; i++)
        if (relate(e, &test->literals[i], v) == SAME) return YES;
    return NO;
}

static enum verdict like(const struct evaluation *e, const struct program_test *test, const struct value *v) {
    if (v->kind == VALUE_BYTES)
        return test->like_fits_bytes && like_matches(test->like_bytes, v->text, true, e->budget) ? YES : NO;
    if (v->kind != VALUE_TEXT) return NO;
    struct span text = test->caseless ? in_lower_case(e->arena, v->text) : v->text;
    return like_matches(test->like, nfc(e->arena, text), false, e->budget) ? YES : NO;
}

static enum verdict matches(const struct evaluation *e, const struct program_test *test, const struct value *v) {
    const struct regex *regex = v->kind == VALUE_TEXT    ? test->text_regex
                                : v->kind == VALUE_BYTES ? test->bytes_regex
                                                         : NULL;
    if (!regex || !budget_take(e->budget, 4 + v->text.len / 16)) return NO;
    enum regex_answer answer = regex_search(regex, v->kind == VALUE_TEXT ? nfc(e->arena, v->text) : v->text);
    if (answer == REGEX_GAVE_UP) e->budget->spent_up = true;
    return answer == REGEX_YES ? YES : NO;
}

static enum verdict is_subset(const struct evaluation *e, const struct program_test *test, const struct value *v) {
    struct address address;
    return v->kind == VALUE_TEXT && read_network(e->program, v->text, &address) &&
                   address_contains(&test->network, &address)
               ? YES
               : NO;
}

static enum verdict is_superset(const struct evaluation *e, const struct program_test *test, const struct value *v) {
    struct address address;
    return v->kind == VALUE_TEXT && read_network(e->program, v->text, &address) &&
                   address_contains(&address, &test->network)
               ? YES
               : NO;
}

/* The path led here: null is a value, too. */
static enum verdict exists(const struct evaluation *e, const struct program_test *test, const struct value *v) {
    (void)e;
    (void)test;
    (void)v;
    return YES;
}

static operator_rule *const rules[PATTERN_OPERATOR_COUNT] = {
    [PATTERN_EQUAL] = equal,
    [PATTERN_NOT_EQUAL] = not_equal,
    [PATTERN_LESS] = ordered,
    [PATTERN_LESS_EQUAL] = ordered,
    [PATTERN_GREATER] = ordered,
    [PATTERN_GREATER_EQUAL] = ordered,
    [PATTERN_IN] = in_set,
    [PATTERN_LIKE] = like,
    [PATTERN_MATCHES] = matches,
    [PATTERN_ISSUBSET] = is_subset,
    [PATTERN_ISSUPERSET] = is_superset,
    [PATTERN_EXISTS] = exists,
};

bool compare_holds(const struct evaluation *e, const struct program_test *test, struct json_value value) {
    struct value v = value_of(e, test, value);
    enum verdict verdict = rules[test->compare](e, test, &v);
    if (e->arena->overflow) e->budget->spent_up = true;
    if (e->budget->spent_up || verdict == NEVER) return false;
    /* NOT EXISTS is decided where the path ends (holds.c): here it is known that something is there. */
    return test->negated && test->compare != PATTERN_EXISTS ? verdict == NO : verdict == YES;
}
