/* In place of the evaluator where it is not built: every full pattern is refused with a reason. */
#include "pattern/evaluate.h"

enum err pattern_program_build(struct arena *a, const struct pattern *pattern, const struct pattern_settings *settings,
                               struct pattern_program **out, struct diag *d) {
    (void)a;
    (void)pattern;
    (void)settings;
    *out = NULL;
    return diag_set(d, ERR_UNSUPPORTED, "this pattern");
}

void pattern_program_free(struct pattern_program **program) {
    *program = NULL;
}

uint32_t pattern_program_observation_count(const struct pattern_program *program) {
    (void)program;
    return 0;
}

bool pattern_program_holds(const struct pattern_program *program, uint32_t observation_number,
                           const struct pattern_observation *observation, struct arena *a,
                           struct pattern_budget *budget, uint32_t *object) {
    (void)program;
    (void)observation_number;
    (void)observation;
    (void)a;
    (void)budget;
    (void)object;
    return false;
}
