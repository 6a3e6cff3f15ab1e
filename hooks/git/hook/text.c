#include "hooks/git/hook/text.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void hook_append(struct hook_text* text, const void* bytes, size_t size) {
    if (text->size + size + 1 > text->room) {
        size_t room = (text->size + size + 1) * 2;
        char* data = realloc(text->data, room);
        if (!data) {
            fputs("sluice: out of memory\n", stderr);
            exit(1);
        }
        text->data = data;
        text->room = room;
    }
    if (size > 0) memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void hook_append_text(struct hook_text* text, const char* bytes) {
    hook_append(text, bytes, strlen(bytes));
}

void hook_free(struct hook_text* text) {
    free(text->data);
    memset(text, 0, sizeof *text);
}

bool hook_read_all(struct hook_text* text, int fd, size_t limit) {
    char buffer[16384];
    for (;;) {
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got == 0;
        hook_append(text, buffer, (size_t)got);
        if (text->size > limit) return false;
    }
}

/* The length of the valid UTF-8 sequence at the start of `bytes`, 0 when there is none (RFC 3629).
 */
static size_t sequence(const unsigned char* bytes, size_t size) {
    unsigned char lead = bytes[0];
    if (lead < 0x80) return 1;
    size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                    : lead >= 0xe0 && lead <= 0xef ? 3
                    : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                   : 0;
    if (length == 0 || length > size) return 0;
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (bytes[1] < low || bytes[1] > high) return 0;
    for (size_t i = 2; i < length; ++i)
        if (bytes[i] < 0x80 || bytes[i] > 0xbf) return 0;
    return length;
}

void hook_append_json(struct hook_text* text, const char* bytes, size_t size) {
    const unsigned char* next = (const unsigned char*)bytes;
    hook_append(text, "\"", 1);
    while (size > 0) {
        size_t length = sequence(next, size);
        if (length == 0) {
            hook_append_text(text, "\\ufffd");
            length = 1;
        } else if (*next == '"' || *next == '\\') {
            hook_append(text, "\\", 1);
            hook_append(text, next, 1);
        } else if (*next < 0x20) {
            char escaped[7];
            snprintf(escaped, sizeof escaped, "\\u%04x", *next);
            hook_append_text(text, escaped);
        } else {
            hook_append(text, next, length);
        }
        next += length;
        size -= length;
    }
    hook_append(text, "\"", 1);
}

bool hook_json_member(const char* json, const char* key, char* out, size_t room) {
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"%s\":\"", key);
    const char* next = json ? strstr(json, wanted) : NULL;
    if (!next || room == 0) return false;
    next += strlen(wanted);
    size_t size = 0;
    for (; *next && *next != '"'; ++next) {
        char c = *next;
        if (c == '\\' && next[1]) {
            c = *++next;
            /* \uXXXX and control characters are not for a terminal. */
            if (c == 'u') {
                c = '?';
                for (int i = 0; i < 4 && next[1] && next[1] != '"'; ++i) ++next;
            } else if (c != '"' && c != '\\' && c != '/') {
                c = ' ';
            }
        }
        if ((unsigned char)c < 0x20 || c == 0x7f) c = ' ';
        if (size + 1 < room) out[size++] = c;
    }
    out[size] = '\0';
    return *next == '"';
}

bool hook_glob(const char* pattern, const char* name) {
    /* One row of the table "does the pattern so far match the name so far". */
    size_t length = strlen(name);
    bool* row = calloc(length + 1, sizeof *row);
    if (!row) return true; /* a branch that cannot be judged counts as protected */
    row[0] = true;
    for (const char* p = pattern; *p; ++p) {
        bool crosses = p[0] == '*' && p[1] == '*';
        bool star = *p == '*';
        if (crosses) ++p;
        bool before = row[0];
        row[0] = row[0] && star;
        for (size_t i = 1; i <= length; ++i) {
            bool above = row[i];
            bool slash = name[i - 1] == '/';
            if (star)
                row[i] = above || (row[i - 1] && (crosses || !slash));
            else
                row[i] = before && (*p == name[i - 1] || (*p == '?' && !slash));
            before = above;
        }
    }
    bool matched = row[length];
    free(row);
    return matched;
}
