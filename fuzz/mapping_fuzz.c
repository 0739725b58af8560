/* A mapping file of any bytes. */
#include "detect/mapping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct mapping *m;
    struct diag d;
    if (mapping_read(span_of(data, size), "fuzz", &m, &d)) return 0;
    mapping_free(&m);
    return 0;
}
