/* A worker's memory for the master (memory.c). */
#ifndef HATHI_MEMORY_H
#define HATHI_MEMORY_H

#include <stdint.h>

#include "host/host.h"
#include "shared/control.h"

void hathi_memory_prepare(struct hathi_host *host);
void hathi_memory_guard(struct hathi_host *host);
void hathi_memory_offer(struct hathi_host *host, int control);
void hathi_memory_pass(struct hathi_host *host, uint32_t slot);
void hathi_memory_relay(struct hathi_host *host, uint32_t slot, const struct hathi_control *offer, int descriptor);

#endif
