/* Demand for workers: waiting connections, and other workers that are free (demand.c). */
#ifndef HATHI_DEMAND_H
#define HATHI_DEMAND_H

#include <stdbool.h>

#include "worker/worker.h"

void hathi_demand_show_free(const struct hathi_worker *worker, bool is_free);
bool hathi_demand_another_is_free(const struct hathi_worker *worker);
bool hathi_demand_waits(const struct hathi_worker *worker);
bool hathi_demand_wants(const struct hathi_worker *worker);

#endif
