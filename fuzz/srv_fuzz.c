/* DNS answers, as whoever can send a datagram sends them. What is taken must be fit for a URL and in the order of its
 * priorities. */
#include <stdlib.h>

#include "http/srv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct http_srv found[HTTP_SRV_MAX];
    size_t count;
    if (http_srv_read(span_of(data, size), size, found, &count, NULL)) return 0;
    if (count == 0 || count > HTTP_SRV_MAX) abort();
    for (size_t i = 0; i < count; i++) {
        if (!found[i].port || !found[i].host[0] || strpbrk(found[i].host, "/:@?#\\ %")) abort();
        if (i && found[i].priority < found[i - 1].priority) abort();
    }
    return 0;
}
