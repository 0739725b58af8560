/* Zeek's own tables of any bytes. */
#include "telemetry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_telemetry(data, size, &detect_reader_zeek_tsv);
    return 0;
}
