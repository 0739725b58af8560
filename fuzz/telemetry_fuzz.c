/* Telemetry of any bytes, its format recognised by itself. */
#include "telemetry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_telemetry(data, size, NULL);
    return 0;
}
