#include "base/encode.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hex_write(struct span data, char *text) {
    for (size_t i = 0; i < data.len; i++) {
        uint8_t b = (uint8_t)data.at[i];
        text[2 * i] = hex_digits[b >> 4];
        text[2 * i + 1] = hex_digits[b & 15];
    }
    text[2 * data.len] = 0;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_read(struct span text, void *out, size_t out_len) {
    if (text.len != out_len * 2) return false;
    for (size_t i = 0; i < out_len; i++) {
        int high = hex_digit(text.at[2 * i]), low = hex_digit(text.at[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        ((uint8_t *)out)[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void buf_add_hex(struct buf *b, struct span data) {
    char *to = buf_reserve(b, 2 * data.len + 1);
    if (!to) return;
    hex_write(data, to);
    b->len += 2 * data.len;
}

void buf_add_base64(struct buf *b, struct span data) {
    char *to = buf_reserve(b, (data.len + 2) / 3 * 4); /* no overflow: no span takes more than half the memory */
    if (!to) return;
    for (size_t i = 0; i < data.len; i += 3) {
        size_t left = data.len - i;
        uint32_t bits = (uint32_t)(uint8_t)data.at[i] << 16;
        if (left > 1) bits |= (uint32_t)(uint8_t)data.at[i + 1] << 8;
        if (left > 2) bits |= (uint8_t)data.at[i + 2];
        *to++ = base64_digits[bits >> 18];
        *to++ = base64_digits[bits >> 12 & 63];
        *to++ = left > 1 ? base64_digits[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? base64_digits[bits & 63] : '=';
        b->len += 4;
    }
}

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_read(struct arena *a, struct span text, struct span *out) {
    if (text.len % 4 != 0 || text.len == 0) {
        *out = (struct span){0};
        return text.len == 0;
    }
    size_t padding =
        (text.at[text.len - 1] == '=') + (size_t)(text.at[text.len - 1] == '=' && text.at[text.len - 2] == '=');
    size_t len = text.len / 4 * 3 - padding, at = 0;
    uint8_t *to = arena_alloc(a, len + 3);
    if (!to) return false;
    for (size_t i = 0; i < text.len; i += 4) {
        uint32_t bits = 0;
        size_t pad = i + 4 == text.len ? padding : 0;
        for (size_t k = 0; k < 4; k++) {
            int digit = k >= 4 - pad ? 0 : base64_digit(text.at[i + k]);
            if (digit < 0) return false;
            bits = bits << 6 | (uint32_t)digit;
        }
        if ((pad == 1 && (bits & 0xff)) || (pad == 2 && (bits & 0xffff)))
            return false; /* stray bits: two spellings of one value */
        to[at++] = (uint8_t)(bits >> 16);
        if (pad < 2) to[at++] = (uint8_t)(bits >> 8);
        if (pad < 1) to[at++] = (uint8_t)bits;
    }
    *out = span_of(to, len);
    return true;
}

/* Unicode 15 table 3-7. */
size_t utf8_length(struct span text) {
    const uint8_t *at = (const uint8_t *)text.at;
    if (text.len == 0) return 0;
    uint8_t c = at[0], low = 0x80, high = 0xbf;
    size_t len = c < 0x80                 ? 1
                 : c >= 0xc2 && c <= 0xdf ? 2
                 : c >= 0xe0 && c <= 0xef ? 3
                 : c >= 0xf0 && c <= 0xf4 ? 4
                                          : 0;
    if (len < 2) return len;
    if (c == 0xe0) low = 0xa0;
    if (c == 0xed) high = 0x9f;
    if (c == 0xf0) low = 0x90;
    if (c == 0xf4) high = 0x8f;
    if (text.len < len || at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < len; i++)
        if (at[i] < 0x80 || at[i] > 0xbf) return 0;
    return len;
}

bool utf8_valid(struct span text, size_t *bad) {
    for (size_t i = 0; i < text.len;) {
        uint64_t word;
        if (text.len - i >= sizeof word) { /* eight ASCII characters at once */
            memcpy(&word, text.at + i, sizeof word);
            if (!(word & UINT64_C(0x8080808080808080))) {
                i += sizeof word;
                continue;
            }
        }
        size_t len = utf8_length(span_of(text.at + i, text.len - i));
        if (len == 0) {
            if (bad) *bad = i;
            return false;
        }
        i += len;
    }
    return true;
}

void buf_add_utf8(struct buf *b, uint32_t c) {
    if (c < 0x80) {
        buf_add_char(b, (char)c);
    } else if (c < 0x800) {
        buf_add_char(b, (char)(0xc0 | c >> 6));
        buf_add_char(b, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        buf_add_char(b, (char)(0xe0 | c >> 12));
        buf_add_char(b, (char)(0x80 | (c >> 6 & 63)));
        buf_add_char(b, (char)(0x80 | (c & 63)));
    } else {
        buf_add_char(b, (char)(0xf0 | c >> 18));
        buf_add_char(b, (char)(0x80 | (c >> 12 & 63)));
        buf_add_char(b, (char)(0x80 | (c >> 6 & 63)));
        buf_add_char(b, (char)(0x80 | (c & 63)));
    }
}
