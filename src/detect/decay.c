#include "detect/decay.h"

#include <math.h>

double decay_score(const struct decay_model *model, unsigned base, time_us elapsed) {
    if (elapsed <= 0) return base;
    if (elapsed >= model->lifetime) return 0;
    return base * (1 - pow((double)elapsed / (double)model->lifetime, 1 / model->decay_speed));
}

static const struct decay_model *model_for(const struct decay_model *models, size_t count, struct span source,
                                           enum atom_kind kind) {
    for (size_t i = 0; i < count; i++)
        if ((models[i].source.len == 0 || span_equal(models[i].source, source)) &&
            (models[i].kind.len == 0 || span_is(models[i].kind, atom_kind_name(kind))))
            return &models[i];
    return NULL;
}

struct decayed decay_judge(const struct decay_model *models, size_t count, struct span source, enum atom_kind kind,
                           uint8_t confidence, time_us valid_from, time_us seen, time_us at) {
    const struct decay_model *model = model_for(models, count, source, kind);
    if (!model) return (struct decayed){.confidence = confidence};
    time_us start = valid_from, elapsed;
    if (seen != TIME_NONE && seen > start) start = seen; /* TIME_NONE is less than any time */
    if (start == TIME_NONE || start > at) start = at;
    if (__builtin_sub_overflow(at, start, &elapsed)) elapsed = INT64_MAX;
    double score = decay_score(model, confidence == DETECT_CONFIDENCE_NONE ? model->base_score : confidence, elapsed);
    return (struct decayed){.confidence = (uint8_t)lround(score), .gone = score < model->threshold};
}
