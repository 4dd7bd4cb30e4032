/* The lane for requests that must not wait while every worker is busy (lane.c, lane_queue.c). */
#ifndef HATHI_LANE_H
#define HATHI_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/worker.h"

/* lane_queue.c: the connections that a lane has looked at, or a busy worker holds, left to the other workers. */
bool hathi_lane_leave(const struct hathi_worker *worker, int fd, const struct hathi_left *left);
int hathi_lane_take(struct hathi_worker *worker, struct hathi_left *left);
int hathi_lane_take_older(struct hathi_worker *worker, uint64_t micros);
bool hathi_lane_is_full(const struct hathi_worker *worker);
void hathi_lane_wake(const struct hathi_worker *worker);

/* lane.c: the life of a lane's worker. */
struct hathi_connection *hathi_lane_next(struct hathi_worker *worker);

#endif
