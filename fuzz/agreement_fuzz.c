/* Agreements and their signature files of any bytes: an error with a message, or an agreement that keeps every rule the
 * rest of the program relies on. */
#include <stdlib.h>

#include "policy/decide.h"
#include "policy/describe.h"
#include "policy/lint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

static void decide_everything(const struct agreement *g) {
    for (size_t f = 0; f < g->party_count; f++)
        for (size_t t = 0; t < g->party_count; t++) {
            struct policy_subject s;
            struct policy_decision d;
            struct buf text = BUF_EMPTY;
            policy_subject_init(&s);
            s.type = SPAN("sighting");
            s.sighting_of_recipient = (f + t) % 2;
            policy_decide(g, g->parties[f].id, g->parties[t].id, g->effective, &s, &d);
            policy_explain(&d, &text);
            must(text.len > 0);
            must(f != t || d.outcome == POLICY_WITHHOLD);
            /* What is marked unknown goes nowhere, whatever the agreement says. */
            s.marking_unknown = true;
            policy_decide(g, g->parties[f].id, g->parties[t].id, g->effective, &s, &d);
            must(d.outcome == POLICY_WITHHOLD);
            buf_free(&text);
        }
}

static void take(void *context, const struct policy_lint_finding *f) {
    ++*(unsigned *)context;
    must(f->text[0] && policy_lint_name(f->kind)[0]);
}

/* Nothing is wider than itself, and every language can say it. */
static void say_everything(const struct agreement *g) {
    unsigned alone = 0, beside = 0;
    policy_lint(g, NULL, take, &alone);
    policy_lint(g, g, take, &beside);
    for (int language = 0; language < 3; language++) {
        struct buf out = BUF_EMPTY;
        policy_describe(g, (enum policy_language)language, &out);
        must(out.len > 0);
        buf_free(&out);
    }
}

static void fuzz_national(struct arena *a, struct span bytes) {
    struct national_policy *n;
    struct diag d = {0};
    if (national_policy_read(a, bytes, &n, &d)) {
        must(!n && d.message[0]);
        return;
    }
    struct policy_subject s;
    struct policy_decision decision = {.outcome = POLICY_RELEASE};
    policy_subject_init(&s);
    policy_decide_national(n, 0, &s, &decision);
    must(decision.outcome != POLICY_REFER || decision.approvals == 1 || decision.approvals == 2);
    must(decision.outcome == POLICY_RELEASE || decision.national_clause.len);
}

static void fuzz_agreement(struct arena *a, struct span bytes) {
    struct agreement *g;
    struct diag d = {0};
    if (agreement_read(a, bytes, &g, &d)) {
        must(!g && d.message[0]);
        return;
    }
    must(g->party_count >= 2 && g->direction_count >= 1 && g->ends > g->effective);
    for (size_t i = 0; i < g->party_count; i++) must(agreement_party(g, g->parties[i].id) == &g->parties[i]);
    for (size_t i = 0; i < g->direction_count; i++) {
        const struct agreement_direction *dir = &g->directions[i];
        must(agreement_direction(g, dir->from, dir->to) == dir);
        for (size_t k = 0; k < dir->rules.count; k++) must(dir->rules.at[k].clause.len && dir->rules.at[k].tlp);
    }
    decide_everything(g);
    say_everything(g);
}

static void fuzz_signature(struct arena *a, struct span bytes) {
    struct agreement_signature s, back;
    struct diag d = {0};
    if (agreement_signature_read(a, bytes, &s, &d)) {
        must(d.message[0]);
        return;
    }
    struct buf again = BUF_EMPTY;
    agreement_signature_write(&s, &again);
    must(agreement_signature_read(a, buf_span(&again), &back, &d) == ERR_NONE);
    must(span_equal(s.party, back.party) && s.time == back.time);
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    arena_init(&a, 64 << 20);
    if (size && data[0] == '{')
        fuzz_signature(&a, span_of(data, size));
    else if (span_find(span_of(data, size), SPAN("national-policy")) != SIZE_MAX)
        fuzz_national(&a, span_of(data, size));
    else
        fuzz_agreement(&a, span_of(data, size));
    arena_free(&a);
    return 0;
}
