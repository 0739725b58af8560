#include "base/encode.h"
#include "http/server.h"

bool http_request_header(const struct http_request *req, const char *name, struct span *value) {
    for (size_t i = 0; i < req->header_count; i++) {
        if (!span_equal_nocase(req->headers[i].name, span_cstr(name))) continue;
        *value = req->headers[i].value;
        return true;
    }
    return false;
}

/* What follows the scheme's name in Authorization. */
static bool credentials(const struct http_request *req, const char *scheme, struct span *out) {
    struct span value;
    if (!http_request_header(req, "Authorization", &value)) return false;
    value = span_trim(value);
    struct span name = span_cut(&value, ' ');
    *out = span_trim(value);
    return span_equal_nocase(name, span_cstr(scheme)) && out->len > 0;
}

bool http_request_basic(const struct http_request *req, struct span *user, struct span *password) {
    struct span coded, text;
    if (!credentials(req, "Basic", &coded) || !base64_read(req->arena, coded, &text)) return false;
    size_t colon = span_find_char(text, ':');
    if (colon == SIZE_MAX) return false;
    *user = span_first(text, colon);
    *password = span_from(text, colon + 1);
    return true;
}

bool http_request_bearer(const struct http_request *req, struct span *token) {
    return credentials(req, "Bearer", token) || credentials(req, "Token", token);
}
