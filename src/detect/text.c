/* Plain text: a line is its words, and a word is what it looks like. */
#include "detect/reader.h"
#include "detect/words.h"

static enum err read_line(struct span line, const struct reader_header *header, struct arena *a,
                          const struct detect_event **out, struct diag *d) {
    (void)header;
    struct event_builder b;
    struct span word, rest = line;
    event_begin(&b, a);
    b.event.log = "text";
    for (bool first = true; words_next(&rest, &word); first = false) {
        if (first && time_parse_rfc3339(word, &b.event.time)) continue;
        event_add_by_shape(&b, 0, word);
    }
    *out = event_end(&b);
    return *out ? ERR_NONE : diag_set(d, ERR_NOMEM, "the line is too large for memory");
}

static int recognise(struct span sample) {
    (void)sample;
    return 1;
}

const struct detect_reader detect_reader_text = {
    .name = "text", .shape = READER_TEXT, .recognise = recognise, .read = read_line};
