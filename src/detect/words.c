#include "detect/words.h"

enum { ENDS = 1, SPECIAL = 2 /* may end a word */ };
static const uint8_t classes[256] = {
    [0 ... ' '] = ENDS, [0x7f] = ENDS, ['"'] = ENDS,    ['\''] = ENDS,   ['`'] = ENDS,    ['<'] = ENDS,
    ['>'] = ENDS,       ['('] = ENDS,  [')'] = ENDS,    ['{'] = ENDS,    ['}'] = ENDS,    [','] = ENDS,
    [';'] = ENDS,       ['|'] = ENDS,  ['='] = SPECIAL, ['['] = SPECIAL, [']'] = SPECIAL, ['/'] = SPECIAL,
};

static inline uint8_t class_of(char c) {
    return classes[(unsigned char)c];
}
static bool ends_word(char c) {
    return class_of(c) == ENDS;
}

/* Brackets end a word but where they hold an IPv6 address: "[2001:db8::1]:443". */
static size_t bracketed(struct span text) {
    if (text.len < 4 || text.at[0] != '[') return 0;
    size_t i = 1;
    bool colon = false;
    while (i < text.len && i < 48 && text.at[i] != ']' && !ends_word(text.at[i])) colon |= text.at[i++] == ':';
    return colon && i < text.len && text.at[i] == ']' ? i + 1 : 0;
}

static size_t word_length(struct span text) {
    size_t i = bracketed(text);
    bool url = false;
    for (; i < text.len; i++) {
        while (i < text.len && !class_of(text.at[i])) i++;
        if (i == text.len) break;
        char c = text.at[i];
        if (ends_word(c)) break;
        if (c == '/') {
            url |= i >= 2 && text.at[i - 1] == '/' && text.at[i - 2] == ':';
        } else if (url && c == '[') { /* http://[2001:db8::1]/ */
            size_t skip = bracketed(span_from(text, i));
            if (skip) i += skip - 1;
        } else if (c != '=' || !url) {
            break;
        }
    }
    return i;
}

bool words_next(struct span *rest, struct span *word) {
    while (rest->len > 0) {
        size_t len = word_length(*rest);
        struct span w = span_first(*rest, len);
        *rest = span_from(*rest, len > 0 ? len : 1);
        while (w.len > 0 && strchr(".:!?", w.at[w.len - 1])) w.len--;
        if (w.len == 0) continue;
        *word = w;
        return true;
    }
    return false;
}
