/* Descriptors of a pool's lane, made by the host and inherited by its workers (host/setup.c, worker/lane.c). */
#ifndef HATHI_SHARED_LANE_H
#define HATHI_SHARED_LANE_H

#include <stdint.h>

enum {
	/* Room in the queue, bytes; the kernel doubles it (socket(7)). */
	HATHI_LANE_BYTES = 1024 * 1024,
	/* Connections that it can hold: each takes more than 512 bytes and less than 1 KiB. As in src/pool/lane.ts. */
	HATHI_LANE_MOST = 2 * HATHI_LANE_BYTES / 512,
};

struct hathi_lane {
	/* The first slot of the lane's workers; the number of slots where the pool has no lane. */
	uint32_t first_slot;
	/*
	 * Two ends of a socket pair that keeps messages apart: each message is a connection that waits for a worker. The
	 * kernel keeps them, so none is lost with a worker. -1 without a lane.
	 */
	int queue_in;
	int queue_out;
	/* eventfd(2): every worker is busy. -1 without a lane. */
	int wake;
};

#endif
