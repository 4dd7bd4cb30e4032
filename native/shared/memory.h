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
	/* The host is reading the worker's output, and may not have seen yet which request it runs. */
	atomic_uint is_being_read;
	/* The worker has begun a request before the host had read the output of the last one. */
	atomic_uint is_unsure;
	/* The worker must end after its request. */
	atomic_uint is_to_end;
};

/* Connections that a host holds at most for workers that run scripts. */
enum { HATHI_PASSED_MOST = 128 };

struct hathi_shared {
	/*
	 * The host drains: no worker may accept any more. A worker raises `may_accept` before it reads this, and the host
	 * reads `may_accept` after it has raised this. Both are sequentially consistent, so one of them sees the other.
	 */
	atomic_uint draining;
	/* No worker accepts for now. Workers look at it when they are woken, and before they sleep. */
	atomic_uint paused;
	/* Raised when the access log was reopened. */
	atomic_uint log_generation;
	/* CLOCK_MONOTONIC microseconds at which OPcache's figures were last taken. */
	_Atomic uint64_t opcache_at;
	/* CLOCK_MONOTONIC microseconds at which a worker last asked that applications boot anew. */
	_Atomic uint64_t renewal_at;
	/* Connections that the host holds for workers that run scripts (worker mode). */
	atomic_uint passed;
	/* Workers of the lane that sleep until every other worker is busy (worker/lane.c). */
	atomic_uint lane_sleepers;
	/* The slot plus 1 of the worker that changes the table of routes; 0 while no worker does. */
	atomic_uint routes_holder;
	struct hathi_shared_slot slots[];
};

#endif
