#include "interchange/losses.h"

#include <stdarg.h>
#include <stdio.h>

void losses_add(struct losses *l, const char *kind, const char *example, ...) {
    size_t i = 0;
    while (i < l->count && strcmp(l->at[i].kind, kind) != 0) i++;
    if (i == l->count) {
        if (i == LOSSES_MAX) return;
        va_list args;
        va_start(args, example);
        l->at[i] = (struct loss){.kind = kind};
        vsnprintf(l->at[i].example, sizeof l->at[i].example, example, args);
        va_end(args);
        l->count++;
    }
    l->at[i].count++;
}

void losses_write(struct json_writer *w, const struct losses *l) {
    json_key(w, "not_carried");
    json_begin_array(w);
    for (size_t i = 0; i < l->count; i++) {
        json_begin_object(w);
        json_member_cstr(w, "kind", l->at[i].kind);
        json_member_number(w, "count", (int64_t)l->at[i].count);
        json_member_cstr(w, "example", l->at[i].example);
        json_end_object(w);
    }
    json_end_array(w);
}
