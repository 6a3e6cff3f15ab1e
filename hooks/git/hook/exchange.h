/* One signed HTTP/1.1 request over a fresh connection, bounded in time as a whole. */
#ifndef SLUICE_HOOK_EXCHANGE_H
#define SLUICE_HOOK_EXCHANGE_H

#include "hooks/git/hook/config.h"
#include "hooks/git/hook/text.h"

/* On the monotonic clock, in milliseconds: now and the configuration's timeout. */
long long hook_deadline(const struct hook_config* config);

/* A 128-bit random id in hex. */
void hook_new_delivery(char id[33]);

/* POSTs the body to /hooks/git/<project><suffix> with X-Sluice-Signature-256 and X-Sluice-Delivery.
 * Returns the HTTP status and the reply's body (at most 64 KiB), or 0 and why there is no answer by
 * the deadline. */
int hook_post(const struct hook_config* config, long long deadline, const char* suffix,
              const char* delivery, const char* body, size_t size, struct hook_text* reply,
              char why[200]);

#endif
