/* Memory that a host and its workers share beside the scoreboard. */
#ifndef HATHI_SHARED_MEMORY_H
#define HATHI_SHARED_MEMORY_H

#include <stdatomic.h>
#include <stdint.h>

struct hathi_shared_slot {
	/* The worker waits for any connection and holds none. */
	atomic_uint is_free;
	/* The worker is where it may accept one. */
	atomic_uint may_accept;
	/* The host reads what the worker wrote, and may not have seen yet which request it runs. */
	atomic_uint is_being_read;
	/* The worker runs a request although it may not have been. */
	atomic_uint is_unsure;
	/* The worker is to end after its request. */
	atomic_uint is_to_end;
};

struct hathi_shared {
	/*
	 * The host drains: no worker is to accept any more. A worker raises `may_accept` before it looks here, the host
	 * looks at `may_accept` after it has raised this, both sequentially consistent: one of them sees the other.
	 */
	atomic_uint draining;
	/* Raised when the access log was opened anew. */
	atomic_uint log_generation;
	/* When OPcache's figures were last taken, CLOCK_MONOTONIC microseconds. */
	_Atomic uint64_t opcache_at;
	/* The slot, and 1, of the worker that changes the table of routes; 0 for none. */
	atomic_uint routes_holder;
	struct hathi_shared_slot slots[];
};

#endif
