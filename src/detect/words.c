#include "detect/words.h"

static bool ends_word(char c) {
    return (unsigned char)c <= ' ' || c == 0x7f || c == '"' || c == '\'' || c == '`' || c == '<' || c == '>' ||
           c == '(' || c == ')' || c == '{' || c == '}' || c == ',' || c == ';' || c == '|';
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
        char c = text.at[i];
        if (ends_word(c)) break;
        url |= c == '/' && i >= 2 && text.at[i - 1] == '/' && text.at[i - 2] == ':';
        if (url && c == '[' && i + 1 < text.len) { /* http://[2001:db8::1]/ */
            i += bracketed(span_from(text, i));
            if (i >= text.len || ends_word(text.at[i])) break;
        } else if ((c == '=' && !url) || c == '[' || c == ']') {
            break;
        }
    }
    return i < text.len ? i : text.len;
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
