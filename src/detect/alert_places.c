#include "detect/alert.h"
#include "json/write.h"

void alert_write_places(struct json_writer *w, const struct detect_hit *hit) {
    if (hit->place_count == 0) return;
    json_member_number(w, "observation_count", hit->place_count);
    json_key(w, "observations");
    json_begin_array(w);
    for (uint32_t i = 0; hit->places && i < hit->place_count && i < ALERT_PLACES_MAX; i++) {
        const struct detect_place *p = &hit->places[i];
        json_begin_object(w);
        json_member_cstr(w, "file", p->file);
        json_member_number(w, "line", (int64_t)p->line);
        if (p->time != TIME_NONE) json_member_time(w, "time", p->time);
        json_end_object(w);
    }
    json_end_array(w);
}
