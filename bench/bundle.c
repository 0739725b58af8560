/* Writes a STIX 2.1 bundle of N objects to stdout: malware families, and for each its indicators and the relationships
 * between them. The same N gives the same bytes, and every indicator another value.
 *
 *   bundle N
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { PER_FAMILY = 400 };

static uint64_t state = 88172645463325252u;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void id(char out[40]) {
    uint64_t a = next(), b = next();
    snprintf(out, 40, "%08" PRIx32 "-%04x-4%03x-a%03x-%012" PRIx64, (uint32_t)a, (unsigned)(a >> 32 & 0xffff),
             (unsigned)(a >> 48 & 0xfff), (unsigned)(b & 0xfff), b >> 16);
}

#define COMMON                                                                                                         \
    "\"spec_version\":\"2.1\",\"created\":\"2026-01-02T03:04:05.678Z\",\"modified\":\"2026-01-02T03:04:05.678Z\""
#define TLP_GREEN "\"object_marking_refs\":[\"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb\"]"

int main(int argc, char **argv) {
    uint64_t count = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
    char family[40] = "", indicator[40], relationship[40];
    if (count == 0) {
        fputs("usage: bundle N\n", stderr);
        return 2;
    }
    printf("{\"type\":\"bundle\",\"id\":\"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d\",\"objects\":[");
    for (uint64_t i = 0, written = 0; written < count; i++) {
        if (i % PER_FAMILY == 0) {
            id(family);
            printf("%s\n{\"type\":\"malware\",\"id\":\"malware--%s\"," COMMON ",\"name\":\"family-%" PRIu64
                   "\",\"is_family\":true," TLP_GREEN "}",
                   written ? "," : "", family, i / PER_FAMILY);
            if (++written == count) break;
        }
        id(indicator);
        printf(",\n{\"type\":\"indicator\",\"id\":\"indicator--%s\"," COMMON ",\"name\":\"host-%" PRIu64
               ".example.net\",\"description\":\"Seen as a command and control "
               "server of this family; one of the hosts its configuration "
               "names.\",\"indicator_types\":[\"malicious-activity\"],\"pattern\":\"[domain-name:value = "
               "'host-%" PRIu64 ".example.net']\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-01T00:00:00Z\","
                                "\"confidence\":75,\"labels\":[\"c2\"]," TLP_GREEN "}",
               indicator, i, i);
        if (++written == count) break;
        id(relationship);
        printf(",\n{\"type\":\"relationship\",\"id\":\"relationship--%s\"," COMMON
               ",\"relationship_type\":\"indicates\",\"source_ref\":\"indicator--%s\","
               "\"target_ref\":\"malware--%s\"," TLP_GREEN "}",
               relationship, indicator, family);
        written++;
    }
    printf("\n]}\n");
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
