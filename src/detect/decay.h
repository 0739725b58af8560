/* Decay: what an indicator's confidence is worth as time goes by. The polynomial model of "An indicator scoring method
 * for MISP platforms" (Mokaddem et al., 2019), in MISP's terms:
 *
 *   score(t) = base × (1 − (t / lifetime)^(1 / decay_speed)), not below 0
 *
 * base is the indicator's own confidence, or base_score where it gives none; t is the time since it became valid or was
 * last seen. decay_speed 1 is a straight line; greater: steep at first; smaller: steep at the end. Below the threshold
 * it has decayed: it does not alert.
 *
 * Pure; any thread. */
#ifndef RENKEI_DETECT_DECAY_H
#define RENKEI_DETECT_DECAY_H

#include "detect/index.h"

/* One model, and whom it is for: the first of a list that fits an indicator counts; without one nothing decays. */
struct decay_model {
    struct span source;             /* a party or feed, "own" for this party's; empty = any */
    struct span kind;               /* atom_kind_name(): "domain", "address", …; empty = any */
    unsigned base_score, threshold; /* 0 to 100 */
    time_us lifetime;               /* more than 0 */
    double decay_speed;             /* more than 0 */
};

/* The score, 0 to base, `elapsed` after the start; the whole base before it. */
double decay_score(const struct decay_model *model, unsigned base, time_us elapsed);

struct decayed {
    uint8_t confidence; /* now, rounded to the nearest whole; DETECT_CONFIDENCE_NONE when none and nothing decays */
    bool gone;          /* below the threshold */
};
/* Judges an indicator that alerts by a value of `kind`. `at`: the time it is judged at; `seen`: when it was last seen
 * (TIME_NONE: never). Something seen later than `at` counts as seen at `at`. */
struct decayed decay_judge(const struct decay_model *models, size_t count, struct span source, enum atom_kind kind,
                           uint8_t confidence, time_us valid_from, time_us seen, time_us at);

#endif
