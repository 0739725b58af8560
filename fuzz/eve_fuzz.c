/* JSON lines of any bytes: Suricata's EVE, Zeek's, anybody's. */
#include "telemetry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_telemetry(data, size, &detect_reader_ndjson);
    return 0;
}
