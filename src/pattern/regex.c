#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "pattern/regex.h"

struct regex {
    pcre2_code *code;
    pcre2_match_context *limits;
};

static enum err no_memory(struct diag *d) {
    return diag_set(d, ERR_NOMEM, "out of memory for a regular expression");
}

static pcre2_code *compile(struct span expression, uint32_t options, struct diag *d, enum err *error) {
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    int number = 0;
    PCRE2_SIZE at = 0;
    if (!context) {
        *error = no_memory(d);
        return NULL;
    }
    pcre2_set_parens_nest_limit(context, REGEX_GROUPS_DEPTH_MAX);
    pcre2_set_max_pattern_length(context, REGEX_LENGTH_MAX);
    PCRE2_SPTR text = (PCRE2_SPTR)(expression.len ? expression.at : "");
    pcre2_code *code = pcre2_compile(text, expression.len, options, &number, &at, context);
    pcre2_compile_context_free(context);
    if (!code) {
        PCRE2_UCHAR message[256];
        pcre2_get_error_message(number, message, sizeof message);
        *error = diag_set(d, ERR_SYNTAX, "the regular expression does not compile: %s", (const char *)message);
        if (d) diag_at(d, 0, 0, at);
    }
    return code;
}

enum err regex_compile(struct span expression, enum regex_subject subject, bool caseless, struct regex **out,
                       struct diag *d) {
    uint32_t options = PCRE2_DOTALL | PCRE2_NEVER_BACKSLASH_C | (caseless ? PCRE2_CASELESS : 0);
    options |= subject == REGEX_TEXT ? PCRE2_UTF | PCRE2_UCP : PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
    enum err error = ERR_NONE;
    struct regex *regex = calloc(1, sizeof *regex);
    *out = NULL;
    if (!regex) return no_memory(d);
    regex->code = compile(expression, options, d, &error);
    if (error) goto out;
    regex->limits = pcre2_match_context_create(NULL);
    if (!regex->limits) {
        error = no_memory(d);
        goto out;
    }
    pcre2_set_match_limit(regex->limits, REGEX_STEPS_MAX);
    pcre2_set_depth_limit(regex->limits, REGEX_STEPS_MAX);
    pcre2_set_heap_limit(regex->limits, REGEX_HEAP_KIB);
    (void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE); /* without it, the interpreter does */
    *out = regex;
    regex = NULL;
out:
    regex_free(&regex);
    return error;
}

void regex_free(struct regex **regex) {
    if (!*regex) return;
    pcre2_code_free((*regex)->code);
    pcre2_match_context_free((*regex)->limits);
    free(*regex);
    *regex = NULL;
}

/* The just-in-time code's 32 KiB of stack did not suffice: once more with a larger one. */
static int search_again(const struct regex *regex, struct span subject, pcre2_match_data *found) {
    pcre2_match_context *limits = pcre2_match_context_copy(regex->limits);
    pcre2_jit_stack *stack = pcre2_jit_stack_create(32 << 10, REGEX_JIT_STACK, NULL);
    int result = PCRE2_ERROR_NOMEMORY;
    if (limits && stack) {
        pcre2_jit_stack_assign(limits, NULL, stack);
        result = pcre2_match(regex->code, (PCRE2_SPTR)subject.at, subject.len, 0, 0, found, limits);
    }
    pcre2_match_context_free(limits);
    pcre2_jit_stack_free(stack);
    return result;
}

enum regex_answer regex_search(const struct regex *regex, struct span subject) {
    pcre2_match_data *found = pcre2_match_data_create(1, NULL); /* where it stands does not matter */
    if (!found) return REGEX_GAVE_UP;
    if (!subject.len) subject = SPAN("");
    int result = pcre2_match(regex->code, (PCRE2_SPTR)subject.at, subject.len, 0, 0, found, regex->limits);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = search_again(regex, subject, found);
    pcre2_match_data_free(found);
    if (result >= 0) return REGEX_YES; /* 0: more groups than we asked to be told of */
    /* A text that is not UTF-8 is matched by no expression of characters. */
    bool not_text = result <= PCRE2_ERROR_UTF8_ERR1 && result >= PCRE2_ERROR_UTF8_ERR21;
    return result == PCRE2_ERROR_NOMATCH || not_text ? REGEX_NO : REGEX_GAVE_UP;
}
