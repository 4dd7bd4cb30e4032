/* The status page of a host without a master (orphan_status.c). */
#ifndef HATHI_ORPHAN_STATUS_H
#define HATHI_ORPHAN_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "host/host.h"

bool hathi_orphan_look(struct hathi_host *host, uint64_t now_ms);
int hathi_orphan_page(struct hathi_host *host, const struct hathi_status_selection *selection);

#endif
