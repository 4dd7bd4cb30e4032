#include "worker/next_request.h"

#include <sys/epoll.h>

#include "shared/clock.h"
#include "shared/control.h"
#include "worker/demand.h"
#include "worker/faults.h"
#include "worker/held.h"
#include "worker/worker_control.h"

/*
 * A worker accepts connections by itself. Idle workers without a connection sleep in epoll sets of their own with
 * EPOLLEXCLUSIVE, so a new connection wakes one of them. The kernel passes that wake-up to nobody else. So a worker
 * that left epoll_wait(2) tries to accept before anything else, even when it was told to end meanwhile. Otherwise the
 * connection would wait while all others sleep, also those of a newer generation on the same socket. A worker that is
 * killed in between cannot accept; its host then tells the others to look (HATHI_CONTROL_LOOK_AGAIN). A worker
 * outside of epoll_wait(2) takes no wake-up.
 *
 * A worker that holds connections, silent or kept, waits with poll(2) for them and for new ones, beside the worker
 * that is woken. So no client can occupy it by silence.
 */

enum {
	/* A worker with held connections leaves a new one to free workers for this many milliseconds. */
	LEAVE_TO_OTHERS_MS = 50,
	/*
	 * A worker that must end waits this long for clients that have connected and not sent their request yet. In a drain
	 * others serve already, and nothing but memory is lost by waiting: there it is their usual time.
	 */
	GRACE_MICROS = 1000 * 1000,
	DRAIN_GRACE_MICROS = 5 * 1000 * 1000,
	/* A shorter wait was no sleep: the next connection was already there. */
	PRESSED_MICROS = 10,
};

/* Makes the epoll set of a worker without connections. Returns false when the system has none left. */
bool hathi_worker_wait_prepare(struct hathi_worker *worker)
{
	worker->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (worker->epoll < 0) return false;
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = HATHI_WAIT_CONTROL};
	if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, worker->control, &event) != 0) return false;
	event.data.u32 = HATHI_WAIT_QUIT;
	return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, hathi_quit_fd(), &event) == 0;
}

/* Without connections: sleeps until a connection, a message of the host or the order to quit. */
static void wait_free(struct hathi_worker *worker)
{
	struct epoll_event events[4];
	hathi_worker_listen(worker);
	uint64_t before = hathi_clock(CLOCK_MONOTONIC);
	int count = epoll_wait(worker->epoll, events, 4, -1);
	worker->owes_accept = worker->listens;
	worker->is_pressed = hathi_clock(CLOCK_MONOTONIC) - before < PRESSED_MICROS;
	for (int index = 0; index < count; index++) {
		if (events[index].data.u32 == HATHI_WAIT_CONTROL) hathi_worker_control(worker);
		else if (events[index].data.u32 == HATHI_WAIT_LEFT) worker->sees_left = true;
	}
}

/* Whether the worker ends after its request: on a signal, on the host's order or by itself. */
bool hathi_worker_is_to_end(const struct hathi_worker *worker)
{
	return hathi_is_quitting() || worker->retires ||
		atomic_load(&worker->shared->slots[worker->slot_number].is_to_end) != 0;
}

/* Whether the worker may accept. Asked before each accept(2), after the worker has raised `may_accept`. */
bool hathi_worker_may_accept(const struct hathi_worker *worker)
{
	return !hathi_worker_is_to_end(worker) && atomic_load(&worker->shared->draining) == 0;
}

/* Whether the worker takes new connections. While its host pauses it takes the one that it was woken for. */
static bool takes_new(const struct hathi_worker *worker)
{
	return worker->accepting && (worker->owes_accept || atomic_load(&worker->shared->paused) == 0);
}

/* The worker stops accepting for now. A host that drains waits for that. */
void hathi_worker_leave_accepting(struct hathi_worker *worker)
{
	atomic_uint *may_accept = &worker->shared->slots[worker->slot_number].may_accept;
	if (atomic_exchange(may_accept, 0) == 0 || atomic_load(&worker->shared->draining) == 0) return;
	struct hathi_control stopped = {.type = HATHI_CONTROL_STOPPED};
	hathi_control_send(worker->control, &stopped, -1);
}

/* The same once: connections that it holds, and those that others have left. */
static struct hathi_connection *settle_held(struct hathi_worker *worker, bool serves_left)
{
	bool ignored;
	if (serves_left) {
		/* The host, which counts again when a worker has ended, may have missed one. */
		worker->sees_left = true;
		struct hathi_connection *left = hathi_accept_left(worker);
		if (left != NULL) return left;
	}
	uint64_t latest = hathi_clock(CLOCK_MONOTONIC) + (serves_left ? DRAIN_GRACE_MICROS : GRACE_MICROS);
	for (uint32_t index = worker->held_count; index-- > 0;) {
		uint64_t *deadline = &worker->held[index]->deadline;
		if (*deadline == 0 || *deadline > latest) *deadline = latest;
		if (!worker->held[index]->is_kept) continue;
		struct hathi_connection *ready = hathi_held_read(worker, index);
		if (ready != NULL) return ready;
		if (index >= worker->held_count || !worker->held[index]->is_kept) continue;
		/* Another one follows a worker that retires. Without one, idle connections are no reason to have a worker. */
		if (worker->retires) hathi_connection_leave(worker, worker->held[index]);
		hathi_held_close(worker, index);
	}
	while (worker->held_count > 0) {
		struct hathi_connection *ready = hathi_held_wait(worker, false, -1, &ignored);
		if (ready != NULL) return ready;
	}
	return NULL;
}

/*
 * Closes idle connections, and waits for clients that have connected and not sent their request yet. Connections in
 * the queue belong to this generation: its workers serve them before they end. Returns a request; NULL when
 * no connection is left.
 */
struct hathi_connection *hathi_next_while_quitting(struct hathi_worker *worker)
{
	bool ignored;
	if (worker->owes_accept) {
		struct hathi_connection *ready = hathi_accept(worker, &ignored);
		if (ready != NULL) return ready;
	}
	hathi_worker_leave_accepting(worker);
	for (;;) {
		bool serves_left = !hathi_is_quitting() && !worker->retires && atomic_load(&worker->shared->draining) != 0;
		struct hathi_connection *ready = settle_held(worker, serves_left);
		if (ready != NULL) return ready;
		if (!serves_left || hathi_queue_length(worker->slot.header) == 0) return NULL;
	}
}

/* Takes a connection that waits, or sleeps until one does. Returns a request that is complete. */
static struct hathi_connection *take_new(struct hathi_worker *worker)
{
	bool is_free = worker->held_count == 0;
	hathi_demand_show_free(worker, is_free);
	if (is_free && !worker->is_pressed && !worker->owes_accept) {
		wait_free(worker);
		return NULL;
	}
	bool took;
	struct hathi_connection *ready = hathi_accept(worker, &took);
	if (!took) worker->is_pressed = false;
	return ready;
}

/* Finds the next complete request; NULL when the worker must end. */
static struct hathi_connection *find_request(struct hathi_worker *worker)
{
	int left_to_others = 0;
	for (;;) {
		hathi_accept_given(worker);
		if (!hathi_worker_may_accept(worker)) return hathi_next_while_quitting(worker);
		struct hathi_connection *ready = hathi_held_pipelined(worker);
		if (ready == NULL && worker->accepting && !takes_new(worker)) ready = hathi_accept_left(worker);
		if (ready != NULL) return ready;
		bool waits = true;
		if (worker->held_count > 0) {
			bool leaves = left_to_others > 0;
			int room_in = hathi_held_room_in(worker);
			int most = leaves ? 1 : room_in > 0 ? room_in : -1;
			ready = hathi_held_wait(worker, takes_new(worker) && !leaves && room_in == 0, most, &waits);
			if (ready != NULL) return ready;
			if (room_in > 0) continue;
			if (leaves) waits = hathi_demand_waits(worker);
			if (!waits) left_to_others = 0;
		}
		if (!takes_new(worker)) {
			if (worker->held_count == 0) wait_free(worker);
			continue;
		}
		if (!waits) continue;
		/*
		 * A free worker was woken as well. It need not give up a kept connection, and a silent client of this worker
		 * need not wait for the new one's script.
		 */
		if (worker->held_count > 0 && left_to_others < LEAVE_TO_OTHERS_MS && hathi_demand_another_is_free(worker)) {
			left_to_others++;
			continue;
		}
		left_to_others = 0;
		ready = take_new(worker);
		if (ready != NULL) return ready;
	}
}

/* Waits for the next request; a large body may still be on its way. Returns NULL when the worker must end. */
struct hathi_connection *hathi_next_request(struct hathi_worker *worker)
{
	atomic_store(&worker->shared->slots[worker->slot_number].may_accept, 1);
	struct hathi_connection *ready = find_request(worker);
	hathi_worker_leave_accepting(worker);
	return ready;
}
