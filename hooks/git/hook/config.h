/* sluice.conf in the repository's folder: `key = value` lines, `#` comments. Written by `install`
 * (hooks/git/install.hpp). */
#ifndef SLUICE_HOOK_CONFIG_H
#define SLUICE_HOOK_CONFIG_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { HOOK_MAX_PROTECT = 64 };

struct hook_config {
    char host[64]; /* server: an IPv4 or [IPv6] address or localhost; there is no TLS, so the
                      loopback is meant */
    int port;
    char project[200]; /* project: [A-Za-z0-9._-]+ */
    char secret[1024]; /* secret, or the first line of secret_file */
    char spool[1024];  /* spool: folder for deliveries that could not be sent; default <git
                          dir>/sluice-spool */
    char url[1024];    /* url: the repository as the server reaches it, for people */
    int timeout_ms;    /* timeout_ms: for one exchange with the server in all; default 2000 */
    char protect[HOOK_MAX_PROTECT][200]; /* protect, repeatable: globs of branches that stay closed
                                            when nobody answers */
    int protect_count;
};

/* Reads <git_dir>/sluice.conf. On failure `error` says what is wrong and where. Files with secrets
 * that all users of the machine may read are refused. */
bool hook_read_config(const char* git_dir, struct hook_config* config, char error[400]);

#ifdef __cplusplus
}
#endif

#endif
