/* OPcache's figures for the master (opcache.c). */
#ifndef HATHI_OPCACHE_H
#define HATHI_OPCACHE_H

#include <stdint.h>

#include "worker/worker.h"

void hathi_opcache_publish(struct hathi_worker *worker, uint64_t now);

#endif
