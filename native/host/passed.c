#include "host/passed.h"

#include <stdatomic.h>
#include <unistd.h>

#include "shared/control.h"

/*
 * Worker mode: requests for scripts beside the application. The host queues their connections until a worker that
 * runs scripts waits for one. Without such a worker it asks the master for one at a time. The host does not look into
 * passed requests.
 */

struct passed {
	int head;
	int connection;
};

/* In order of arrival. */
static struct passed queue[HATHI_PASSED_MOST];
static uint32_t queue_start;
static uint32_t queue_length;
/* The master was asked for a worker. */
static bool has_asked;

/* Whether no request waits. */
bool hathi_passed_is_empty(void)
{
	return queue_length == 0;
}

/* Whether the slot is one of workers that run scripts beside an application. */
static bool runs_scripts(const struct hathi_host *host, uint32_t slot)
{
	return slot >= host->booted_slots && slot < host->lane.first_slot;
}

static struct hathi_child *find_waiting(struct hathi_host *host)
{
	for (uint32_t slot = host->booted_slots; slot < host->lane.first_slot; slot++) {
		struct hathi_child *child = host->children + slot;
		if (child->pid != 0 && child->is_waiting && !child->is_leaving && child->control >= 0) return child;
	}
	return NULL;
}

/* Passes requests to waiting workers, and asks for another worker when none waits. */
static void hand_out(struct hathi_host *host)
{
	const struct hathi_control head = {.type = HATHI_CONTROL_PASSED_HEAD};
	const struct hathi_control connection = {.type = HATHI_CONTROL_PASSED};
	while (queue_length > 0) {
		struct hathi_child *child = find_waiting(host);
		if (child == NULL) break;
		struct passed passed = queue[queue_start];
		queue_start = (queue_start + 1) % HATHI_PASSED_MOST;
		queue_length--;
		child->is_waiting = false;
		/* If the worker is ending at this moment, the client sees its connection end. */
		if (hathi_control_send(child->control, &head, passed.head))
			hathi_control_send(child->control, &connection, passed.connection);
		close(passed.head);
		close(passed.connection);
	}
	atomic_store(&host->shared->passed, queue_length);
	if (queue_length == 0 || has_asked) return;
	has_asked = true;
	host->orphan.wants_other = true;
	hathi_channel_word(&host->channel, "wanted");
}

/*
 * Handles one of the two messages by which a worker passes a connection on, and takes the descriptor if it is needed.
 * Beyond the limit, which workers themselves respect, the connection ends.
 */
void hathi_passed_take(struct hathi_host *host, uint32_t slot, uint32_t type, int *descriptor)
{
	struct hathi_child *child = host->children + slot;
	bool is_head = type == HATHI_CONTROL_PASSED_HEAD;
	if ((!is_head && type != HATHI_CONTROL_PASSED) || *descriptor < 0 || runs_scripts(host, slot)) return;
	if (is_head) {
		if (child->passed_head >= 0) close(child->passed_head);
		child->passed_head = *descriptor;
		*descriptor = -1;
		return;
	}
	if (child->passed_head < 0 || queue_length == HATHI_PASSED_MOST) return;
	queue[(queue_start + queue_length++) % HATHI_PASSED_MOST] = (struct passed){child->passed_head, *descriptor};
	child->passed_head = -1;
	*descriptor = -1;
	hand_out(host);
}

/* A worker that runs scripts waits for a request. */
void hathi_passed_waits(struct hathi_host *host, uint32_t slot)
{
	if (!runs_scripts(host, slot)) return;
	host->children[slot].is_waiting = true;
	has_asked = false;
	hand_out(host);
}

/* A worker has ended. It may be the one that was asked for. */
void hathi_passed_again(struct hathi_host *host)
{
	has_asked = false;
	hand_out(host);
}

/* In a new worker: closes the host's queue. */
void hathi_passed_close(void)
{
	while (queue_length > 0) {
		close(queue[queue_start].head);
		close(queue[queue_start].connection);
		queue_start = (queue_start + 1) % HATHI_PASSED_MOST;
		queue_length--;
	}
}
