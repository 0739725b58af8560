#include "base/encode.h"
#include "pattern/program.h"

/* Bytes of the character at `at`; one for what is not UTF-8. */
static size_t character(struct span text, size_t at, bool bytes) {
    size_t len = bytes ? 1 : utf8_length(span_from(text, at));
    return len ? len : 1;
}

/* Greedy with one place to come back to: a later % makes every earlier choice good enough, so that going back to the
 * last one suffices. */
bool like_matches(struct span pattern, struct span text, bool bytes, struct pattern_budget *budget) {
    size_t p = 0, t = 0, after_percent = SIZE_MAX, resume = 0;
    for (uint64_t steps = 1; t < text.len || p < pattern.len; steps++) {
        if (steps % 64 == 0 && !budget_take(budget, 1)) return false;
        if (p < pattern.len && pattern.at[p] == '%') {
            after_percent = ++p;
            resume = t;
            continue;
        }
        if (p < pattern.len && t < text.len) {
            size_t of_pattern = character(pattern, p, bytes), of_text = character(text, t, bytes);
            bool same = of_pattern == of_text && memcmp(pattern.at + p, text.at + t, of_text) == 0;
            if (same || pattern.at[p] == '_') {
                p += of_pattern;
                t += of_text;
                continue;
            }
        }
        if (after_percent == SIZE_MAX || resume >= text.len) return false;
        resume += character(text, resume, bytes);
        t = resume;
        p = after_percent;
    }
    return true;
}
