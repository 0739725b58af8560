#include "detect/reader.h"

/* A row a format, the surest wins; text, which takes anything, is the last resort. */
const struct detect_reader *const detect_readers[] = {&detect_reader_ndjson, &detect_reader_zeek_tsv,
                                                      &detect_reader_csv, &detect_reader_text, NULL};

const struct detect_reader *detect_reader_by_name(const char *name) {
    for (size_t i = 0; detect_readers[i]; i++)
        if (strcmp(detect_readers[i]->name, name) == 0) return detect_readers[i];
    return NULL;
}

const struct detect_reader *detect_reader_for(struct span sample) {
    const struct detect_reader *best = &detect_reader_text;
    int surest = 0;
    for (size_t i = 0; detect_readers[i]; i++) {
        int sure = detect_readers[i]->recognise(sample);
        if (sure > surest) {
            surest = sure;
            best = detect_readers[i];
        }
    }
    return best;
}
