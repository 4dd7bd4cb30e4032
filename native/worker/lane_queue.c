#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "record/slot.h"
#include "shared/control.h"
#include "worker/lane.h"

/*
 * The queue: connections in order of arrival, each a message. The scoreboard's count is raised before a message is
 * sent, so a worker that sees none has nothing to take. The host, which counts again after the death of a worker, may
 * miss one; who has seen that the queue is readable looks whatever the count says.
 */

/* Leaves a connection to the other workers; the caller still owns `fd`. Returns false while the queue is full. */
bool hathi_lane_leave(const struct hathi_worker *worker, int fd, const struct hathi_left *left)
{
	hathi_queue_add(worker->slot.header);
	if (hathi_send_descriptor(worker->lane.queue_in, left, sizeof *left, fd)) return true;
	hathi_queue_remove(worker->slot.header);
	return false;
}

/* The connection that has waited longest; -1 where none waits. The caller owns it. */
int hathi_lane_take(struct hathi_worker *worker, struct hathi_left *left)
{
	int fd = -1;
	*left = (struct hathi_left){0};
	if (!worker->sees_left && hathi_queue_length(worker->slot.header) == 0) return -1;
	worker->sees_left = false;
	ssize_t got = hathi_receive_descriptor(worker->lane.queue_out, left, sizeof *left, &fd);
	if (got > 0) hathi_queue_remove(worker->slot.header);
	return fd;
}

/* The connection that has waited longest, where it waits since before that time; else -1. The caller owns it. */
int hathi_lane_take_older(struct hathi_worker *worker, uint64_t micros)
{
	struct hathi_left left;
	if (hathi_queue_length(worker->slot.header) == 0) return -1;
	ssize_t got = recv(worker->lane.queue_out, &left, sizeof left, MSG_PEEK | MSG_DONTWAIT);
	if (got != (ssize_t)sizeof left || left.since >= micros) return -1;
	int fd = hathi_lane_take(worker, &left);
	/* A worker took that one in between, and this is a younger one: it waits again, behind the others. */
	if (fd < 0 || left.since < micros || !hathi_lane_leave(worker, fd, &left)) return fd;
	close(fd);
	return -1;
}

/* Whether there are workers and none of them is idle. The caller's own slot does not count. */
bool hathi_lane_is_full(const struct hathi_worker *worker)
{
	bool exists = false;
	uint32_t most = worker->booted_slots < worker->lane.first_slot ? worker->booted_slots : worker->lane.first_slot;
	for (uint32_t slot = 0; slot < most; slot++) {
		if (!hathi_slot_is_taken(worker->slot.header, slot)) continue;
		exists = true;
		if (slot == worker->slot_number) continue;
		if (hathi_slot_state(worker->slot.header, slot) == HATHI_STAGE_IDLE) return false;
	}
	return exists;
}

/*
 * This worker has just begun a request: wakes the lane where no other worker is idle. A worker writes its state before
 * it reads whether the lane sleeps, and the lane says that it sleeps before it reads the states, so one sees the other.
 */
void hathi_lane_wake(const struct hathi_worker *worker)
{
	const uint64_t one = 1;
	if (worker->lane.wake < 0) return;
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&worker->shared->lane_sleepers) == 0 || !hathi_lane_is_full(worker)) return;
	/* It fails where the lane has been woken often and has not looked yet. */
	if (write(worker->lane.wake, &one, sizeof one) < 0) return;
}
