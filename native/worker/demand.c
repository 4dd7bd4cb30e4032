#include "worker/demand.h"

#include <poll.h>

/* Tells the other workers whether this one takes the next connection at once and gives up none for it. */
void hathi_demand_show_free(const struct hathi_worker *worker, bool is_free)
{
	atomic_store_explicit(&worker->shared->slots[worker->slot_number].is_free, is_free, memory_order_relaxed);
}

/* Whether another worker waits for any connection and holds none. */
bool hathi_demand_another_is_free(const struct hathi_worker *worker)
{
	for (uint32_t slot = 0; slot < worker->slot_count; slot++) {
		if (slot != worker->slot_number && atomic_load(&worker->shared->slots[slot].is_free) != 0) return true;
	}
	return false;
}

/* Whether a connection waits, on the listening socket or in the lane's queue. */
bool hathi_demand_waits(const struct hathi_worker *worker)
{
	if (hathi_queue_length(worker->slot.header) > 0) return true;
	struct pollfd listener = {.fd = worker->listen_fd, .events = POLLIN};
	return poll(&listener, 1, 0) > 0;
}

/* Whether a connection waits and no other worker is free. */
bool hathi_demand_wants(const struct hathi_worker *worker)
{
	return hathi_demand_waits(worker) && !hathi_demand_another_is_free(worker);
}
