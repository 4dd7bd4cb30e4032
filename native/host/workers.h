/* The workers of a host: made (spawn.c), told to end and reaped (workers.c). */
#ifndef HATHI_WORKERS_H
#define HATHI_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "host/host.h"

int hathi_spawn(struct hathi_host *host, uint32_t slot);
void hathi_child_close(struct hathi_child *child);
void hathi_workers_start(struct hathi_host *host, uint32_t slot);
bool hathi_workers_end(struct hathi_host *host, uint32_t slot, const char *mode);
void hathi_workers_accept(struct hathi_host *host);
void hathi_workers_drain(struct hathi_host *host);
void hathi_workers_end_others(struct hathi_host *host);
void hathi_workers_tell_stopped(struct hathi_host *host);
void hathi_workers_reap(struct hathi_host *host);
_Noreturn void hathi_workers_kill(struct hathi_host *host, int code);

#endif
