/*
 * Descriptors of a pool's queue and lane, made by the host and inherited by its workers (host/setup.c, worker/lane.c,
 * worker/lane_queue.c).
 */
#ifndef HATHI_SHARED_LANE_H
#define HATHI_SHARED_LANE_H

#include <stdint.h>

enum {
	/* Room in the queue, bytes; the kernel doubles it (socket(7)). */
	HATHI_LANE_BYTES = 1024 * 1024,
	/* Connections that it can hold: each takes more than 512 bytes and less than 1 KiB. As in src/pool/lane.ts. */
	HATHI_LANE_MOST = 2 * HATHI_LANE_BYTES / 512,
};

/* A message of the queue, times by CLOCK_MONOTONIC in microseconds. */
struct hathi_left {
	/* Waits since then. */
	uint64_t since;
	/* The client has until then to send something; 0 without a limit. */
	uint64_t deadline;
	/* Not 0: it is between two requests. */
	uint64_t is_kept;
};

struct hathi_lane {
	/* The first slot of the lane's workers; the number of slots where the pool has no lane. */
	uint32_t first_slot;
	/*
	 * Two ends of a socket pair that keeps messages apart: each message is a connection that waits for a worker, one that
	 * the lane has looked at or that a busy worker has left. The kernel keeps them, so none is lost with a worker.
	 */
	int queue_in;
	int queue_out;
	/* eventfd(2): every worker is busy. -1 without a lane. */
	int wake;
};

#endif
