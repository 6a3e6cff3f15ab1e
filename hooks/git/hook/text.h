/* Text that grows, JSON out of bytes of any kind, and globs over branch names. Running out of
 * memory ends the program: a hook has nothing better to do. */
#ifndef SLUICE_HOOK_TEXT_H
#define SLUICE_HOOK_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Start as {0}; `data` is NULL or ends with a NUL that `size` does not count. */
struct hook_text {
    char* data;
    size_t size;
    size_t room;
};

void hook_append(struct hook_text* text, const void* bytes, size_t size);
void hook_append_text(struct hook_text* text, const char* bytes);
void hook_free(struct hook_text* text);
/* Reads to the end of the descriptor; false on an error or beyond `limit` bytes. */
bool hook_read_all(struct hook_text* text, int fd, size_t limit);

/* Appends a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD: git allows any
 * bytes in a name. */
void hook_append_json(struct hook_text* text, const char* bytes, size_t size);

/* The string member `key` of a reply that was serialised without blanks, unescaped, with control
 * characters and everything beyond `room` cut; false when there is none. Quotes inside strings are
 * escaped in JSON, so `"key":"` cannot be part of a value. */
bool hook_json_member(const char* json, const char* key, char* out, size_t room);

/* `*` and `?` stay within a path part, `**` crosses. Time is pattern times name. */
bool hook_glob(const char* pattern, const char* name);

#ifdef __cplusplus
}
#endif

#endif
