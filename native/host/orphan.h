/* A host without a master (orphan.c). */
#ifndef HATHI_ORPHAN_H
#define HATHI_ORPHAN_H

#include <stdbool.h>

#include "host/host.h"

bool hathi_orphan_permit(struct hathi_host *host, const struct hathi_message *message);
bool hathi_orphan_begin(struct hathi_host *host);
bool hathi_orphan_stays(const struct hathi_host *host);
int hathi_orphan_timeout(const struct hathi_host *host);
void hathi_orphan_check(struct hathi_host *host);
void hathi_orphan_on_master(struct hathi_host *host);

#endif
