#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "record/slot.h"
#include "shared/control.h"
#include "worker/lane.h"

/*
 * The queue of a lane: connections in order of arrival, each a message with the time at which it was accepted. The
 * scoreboard's count is raised before a message is sent, so a worker that sees none has nothing to take.
 */

/* Leaves a connection to the other workers; the caller still owns `fd`. Returns false while the queue is full. */
bool hathi_lane_leave(const struct hathi_worker *worker, int fd, uint64_t accepted)
{
	hathi_queue_add(worker->slot.header);
	if (hathi_send_descriptor(worker->lane.queue_in, &accepted, sizeof accepted, fd)) return true;
	hathi_queue_remove(worker->slot.header);
	return false;
}

static int take(const struct hathi_worker *worker, uint64_t *accepted)
{
	int fd = -1;
	*accepted = 0;
	if (worker->lane.queue_out < 0 || hathi_queue_length(worker->slot.header) == 0) return -1;
	ssize_t got = hathi_receive_descriptor(worker->lane.queue_out, accepted, sizeof *accepted, &fd);
	if (got > 0) hathi_queue_remove(worker->slot.header);
	return fd;
}

/* The connection that has waited longest; -1 where none waits. The caller owns it. */
int hathi_lane_take(const struct hathi_worker *worker)
{
	uint64_t accepted;
	return take(worker, &accepted);
}

/* The connection that has waited longest, where it was accepted before that time; else -1. The caller owns it. */
int hathi_lane_take_older(const struct hathi_worker *worker, uint64_t micros)
{
	uint64_t accepted;
	if (hathi_queue_length(worker->slot.header) == 0) return -1;
	ssize_t got = recv(worker->lane.queue_out, &accepted, sizeof accepted, MSG_PEEK | MSG_DONTWAIT);
	if (got != (ssize_t)sizeof accepted || accepted >= micros) return -1;
	int fd = take(worker, &accepted);
	/* A worker took that one in between, and this is a younger one: it waits again, behind the others. */
	if (fd < 0 || accepted < micros || !hathi_lane_leave(worker, fd, accepted)) return fd;
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
