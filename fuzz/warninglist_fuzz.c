/* Warning lists of any bytes: no crash; what is read is sorted, each entry once, compiles, and holds each entry that is
 * a value of its own spelling. */
#include <stdlib.h>

#include "detect/warninglist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

static void ask(const struct warninglist_header *h, const struct warninglist *list, struct span entry) {
    struct span by;
    switch (h->type) {
    case WARNINGLIST_CIDR:
        must(warninglist_holds(list, ATOM_ADDRESS, entry, &by));
        break;
    case WARNINGLIST_STRING:
    case WARNINGLIST_SUBSTRING:
        must(warninglist_holds(list, ATOM_FILE_NAME, entry, &by));
        break;
    default:
        (void)warninglist_holds(list, ATOM_DOMAIN, entry, &by);
        (void)warninglist_holds(list, ATOM_URL, entry, &by);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    struct warninglist_header h;
    struct buf entries = BUF_EMPTY;
    struct warninglist *list = NULL;
    struct diag d;
    arena_init(&a, 16 << 20);
    if (warninglist_read(&a, span_of(data, size), &h, &entries, &d) == ERR_NONE) {
        struct span before = {0};
        size_t count = 0;
        must(h.name.len > 0 && warninglist_compile(h.type, buf_span(&entries), &list, &d) == ERR_NONE);
        for (struct span rest = buf_span(&entries); rest.len; count++) {
            struct span entry = span_cut(&rest, '\n');
            must(entry.len > 0 && (count == 0 || span_compare(before, entry) < 0));
            ask(&h, list, entry);
            before = entry;
        }
        must(count == h.entry_count);
    }
    warninglist_free(&list);
    buf_free(&entries);
    arena_free(&a);
    return 0;
}
