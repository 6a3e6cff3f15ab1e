/* `sluice-exec --keep SOCKET`: the first process of a job's container. Returns only when it cannot
 * begin. */
#ifndef SLUICE_AGENT_EXECUTORS_CONTAINER_KEEPER_H
#define SLUICE_AGENT_EXECUTORS_CONTAINER_KEEPER_H

int keep_container(const char* path);

#endif
