/* Deliveries that could not be sent, one file each, sent in order by later pushes. */
#ifndef SLUICE_HOOK_SPOOL_H
#define SLUICE_HOOK_SPOOL_H

#include "hooks/git/hook/config.h"

#include <stddef.h>

/* Writes the delivery (0600, fsynced, by atomic rename). False with errno when that fails or 10,000
 * wait already. */
bool hook_spool(const struct hook_config* config, const char* delivery, const char* body,
                size_t size);

/* Sends waiting deliveries in order, at most `most` and until the deadline. Returns false when one
 * could not be delivered now; it and those after it keep waiting. One that the server will never
 * take (400, 413) is set aside as *.refused. */
bool hook_drain(const struct hook_config* config, long long deadline, int most);

#endif
