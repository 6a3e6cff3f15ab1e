#include "hooks/git/hook/config.h"

#include "hooks/git/hook/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ERROR_BYTES = 400, CONFIG_BYTES = 65536 };

static bool copy(char* out, size_t room, const char* value) {
    size_t size = strlen(value);
    if (size >= room) return false;
    memcpy(out, value, size + 1);
    return true;
}

static char* trim(char* text) {
    while (*text == ' ' || *text == '\t') ++text;
    size_t size = strlen(text);
    while (size > 0 && strchr(" \t\r", text[size - 1])) text[--size] = '\0';
    return text;
}

static bool read_private(const char* path, struct hook_text* text, char* error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(error, ERROR_BYTES, "cannot open %.200s: %s", path, strerror(errno));
        return false;
    }
    struct stat status;
    bool open_to_all = fstat(fd, &status) == 0 && (status.st_mode & 0007) != 0;
    bool good = !open_to_all && hook_read_all(text, fd, CONFIG_BYTES);
    close(fd);
    if (open_to_all)
        snprintf(error, ERROR_BYTES, "%.200s holds a secret and is open to all users; chmod 600",
                 path);
    else if (!good)
        snprintf(error, ERROR_BYTES, "cannot read %.200s", path);
    return good;
}

static bool read_secret_file(const char* path, struct hook_config* config, char* error) {
    struct hook_text text = {0};
    if (!read_private(path, &text, error)) return false;
    char* line = text.data ? text.data : "";
    size_t size = strcspn(line, "\r\n");
    bool good = size > 0 && size < sizeof config->secret;
    if (good) {
        memcpy(config->secret, line, size);
        config->secret[size] = '\0';
    } else {
        snprintf(error, ERROR_BYTES, "%.200s has no secret in its first line", path);
    }
    hook_free(&text);
    return good;
}

/* host:port, [IPv6]:port */
static bool set_server(struct hook_config* config, const char* value) {
    const char* colon = strrchr(value, ':');
    if (!colon || colon == value) return false;
    char host[sizeof config->host + 2];
    size_t size = (size_t)(colon - value);
    if (size >= sizeof host) return false;
    memcpy(host, value, size);
    host[size] = '\0';
    char* name = host;
    if (host[0] == '[' && host[size - 1] == ']') {
        host[size - 1] = '\0';
        name = host + 1;
    }
    char* end;
    long port = strtol(colon + 1, &end, 10);
    if (*end || end == colon + 1 || port < 1 || port > 65535) return false;
    config->port = (int)port;
    return copy(config->host, sizeof config->host, name);
}

static bool set_project(struct hook_config* config, const char* value) {
    const char* allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return *value && strspn(value, allowed) == strlen(value) &&
           copy(config->project, sizeof config->project, value);
}

static bool set_timeout(struct hook_config* config, const char* value) {
    char* end;
    long ms = strtol(value, &end, 10);
    if (*end || ms < 10 || ms > 60000) return false;
    config->timeout_ms = (int)ms;
    return true;
}

static bool add_protect(struct hook_config* config, const char* value) {
    if (config->protect_count == HOOK_MAX_PROTECT) return false;
    return copy(config->protect[config->protect_count++], sizeof config->protect[0], value);
}

static bool set(struct hook_config* config, const char* key, const char* value, char* error) {
    bool good;
    if (strcmp(key, "server") == 0)
        good = set_server(config, value);
    else if (strcmp(key, "project") == 0)
        good = set_project(config, value);
    else if (strcmp(key, "secret") == 0)
        good = copy(config->secret, sizeof config->secret, value);
    else if (strcmp(key, "secret_file") == 0)
        return read_secret_file(value, config, error);
    else if (strcmp(key, "spool") == 0)
        good = copy(config->spool, sizeof config->spool, value);
    else if (strcmp(key, "url") == 0)
        good = copy(config->url, sizeof config->url, value);
    else if (strcmp(key, "timeout_ms") == 0)
        good = set_timeout(config, value);
    else if (strcmp(key, "protect") == 0)
        good = add_protect(config, value);
    else {
        snprintf(error, ERROR_BYTES, "unknown key %.60s", key);
        return false;
    }
    /* The value is not shown: it may be the secret. */
    if (!good) snprintf(error, ERROR_BYTES, "bad value of %.60s", key);
    return good;
}

static bool set_line(struct hook_config* config, char* line, int number, char* error) {
    char* text = trim(line);
    if (!*text || *text == '#') return true;
    char* equals = strchr(text, '=');
    if (!equals) {
        snprintf(error, ERROR_BYTES, "sluice.conf:%d: expected key = value", number);
        return false;
    }
    *equals = '\0';
    char why[ERROR_BYTES];
    if (set(config, trim(text), trim(equals + 1), why)) return true;
    snprintf(error, ERROR_BYTES, "sluice.conf:%d: %.300s", number, why);
    return false;
}

bool hook_read_config(const char* git_dir, struct hook_config* config, char error[ERROR_BYTES]) {
    memset(config, 0, sizeof *config);
    config->timeout_ms = 2000;
    char path[1024];
    snprintf(path, sizeof path, "%s/sluice.conf", git_dir);
    struct hook_text text = {0};
    if (!read_private(path, &text, error)) return false;
    bool good = true;
    int number = 0;
    for (char* next = text.data; good && next && *next;) {
        char* end = strchr(next, '\n');
        if (end) *end = '\0';
        good = set_line(config, next, ++number, error);
        next = end ? end + 1 : NULL;
    }
    hook_free(&text);
    if (!good) return false;
    const char* missing = !config->port       ? "server"
                          : !*config->project ? "project"
                          : !*config->secret  ? "secret"
                                              : NULL;
    if (missing) {
        snprintf(error, ERROR_BYTES, "sluice.conf: %s is missing", missing);
        return false;
    }
    if (!*config->spool)
        snprintf(config->spool, sizeof config->spool, "%.900s/sluice-spool", git_dir);
    return true;
}
