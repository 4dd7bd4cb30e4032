/* Requests on their way from a worker with an application to one that runs scripts (passed.c). */
#ifndef HATHI_PASSED_H
#define HATHI_PASSED_H

#include <stdbool.h>
#include <stdint.h>

#include "host/host.h"

void hathi_passed_take(struct hathi_host *host, uint32_t slot, uint32_t type, int *descriptor);
void hathi_passed_waits(struct hathi_host *host, uint32_t slot);
void hathi_passed_again(struct hathi_host *host);
bool hathi_passed_is_empty(void);
void hathi_passed_close(void);

#endif
