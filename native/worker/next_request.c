#include "worker/next_request.h"

#include <poll.h>
#include <sys/epoll.h>

#include "shared/clock.h"
#include "shared/control.h"
#include "worker/demand.h"
#include "worker/faults.h"
#include "worker/held.h"
#include "worker/worker_control.h"

/*
 * A worker takes connections by itself. Idle workers without a connection sleep in an epoll set of their own, with
 * EPOLLEXCLUSIVE: a new connection wakes one of them. That wake-up is a debt. The kernel gives it to nobody else,
 * so whoever left epoll_wait(2) tries to accept before anything else, even when it was told to end meanwhile: else
 * the connection would wait while all the others sleep, also those of a newer generation on the same socket. One
 * that is killed in between cannot; its host then tells the others to look (HATHI_CONTROL_LOOK_AGAIN). A worker that
 * is not in epoll_wait(2) takes no wake-up.
 *
 * A worker that holds connections, silent ones or one that is kept, waits with poll(2) for all of them and for new
 * ones, beside the one that is woken: no client can hold it by silence.
 */

enum {
	/* With a held connection: how many milliseconds a free worker has for taking a new one first. */
	LEAVE_TO_OTHERS_MS = 50,
	/* A worker that is to end waits so long for those who have connected and not sent their request yet. */
	GRACE_MICROS = 1000 * 1000,
	/* Less than this was no sleep: the next connection was there already. */
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

/* Without connections: sleeps until there is one, a word of the host or the order to quit. */
static void wait_free(struct hathi_worker *worker)
{
	struct epoll_event events[4];
	uint64_t before = hathi_clock(CLOCK_MONOTONIC);
	int count = epoll_wait(worker->epoll, events, 4, -1);
	worker->owes_accept = worker->accepting;
	worker->is_pressed = hathi_clock(CLOCK_MONOTONIC) - before < PRESSED_MICROS;
	for (int index = 0; index < count; index++) {
		if (events[index].data.u32 == HATHI_WAIT_CONTROL) hathi_worker_control(worker);
	}
}

/* Whether it ends after its request: a signal, the host or the worker itself has said so. */
bool hathi_worker_is_to_end(const struct hathi_worker *worker)
{
	return hathi_is_quitting() || worker->retires ||
		atomic_load(&worker->shared->slots[worker->slot_number].is_to_end) != 0;
}

/* Whether it may accept: asked before each time, after it has shown so. */
static bool is_to_accept(const struct hathi_worker *worker)
{
	return !hathi_worker_is_to_end(worker) && atomic_load(&worker->shared->draining) == 0;
}

/* It has accepted for now. A host that drains waits for that. */
static void leave_accepting(struct hathi_worker *worker)
{
	atomic_uint *may_accept = &worker->shared->slots[worker->slot_number].may_accept;
	if (atomic_exchange(may_accept, 0) == 0 || atomic_load(&worker->shared->draining) == 0) return;
	struct hathi_control stopped = {.type = HATHI_CONTROL_STOPPED};
	hathi_control_send(worker->control, &stopped, -1);
}

/*
 * Ends what rests, and waits for those who connected in good faith and have not sent their request yet. Returns a
 * request, or NULL when nothing is left.
 */
static struct hathi_connection *next_while_quitting(struct hathi_worker *worker)
{
	bool ignored;
	if (worker->owes_accept) {
		struct hathi_connection *ready = hathi_accept(worker, &ignored);
		if (ready != NULL) return ready;
	}
	leave_accepting(worker);
	uint64_t latest = hathi_clock(CLOCK_MONOTONIC) + GRACE_MICROS;
	for (uint32_t index = worker->held_count; index-- > 0;) {
		uint64_t *deadline = &worker->held[index]->deadline;
		if (*deadline == 0 || *deadline > latest) *deadline = latest;
		if (!worker->held[index]->is_kept) continue;
		struct hathi_connection *ready = hathi_held_read(worker, index);
		if (ready != NULL) return ready;
		if (index < worker->held_count && worker->held[index]->is_kept) hathi_held_close(worker, index);
	}
	while (worker->held_count > 0) {
		struct hathi_connection *ready = hathi_held_wait(worker, false, -1, &ignored);
		if (ready != NULL) return ready;
	}
	return NULL;
}

/* The next complete request; NULL when the worker is to end. */
static struct hathi_connection *find_request(struct hathi_worker *worker)
{
	int left_to_others = 0;
	for (;;) {
		if (!is_to_accept(worker)) return next_while_quitting(worker);
		struct hathi_connection *ready = hathi_held_pipelined(worker);
		if (ready != NULL) return ready;
		bool waits = true;
		if (worker->held_count > 0) {
			bool leaves = left_to_others > 0;
			int room_in = hathi_held_room_in(worker);
			int most = leaves ? 1 : room_in > 0 ? room_in : -1;
			ready = hathi_held_wait(worker, worker->accepting && !leaves && room_in == 0, most, &waits);
			if (ready != NULL) return ready;
			if (room_in > 0) continue;
			if (leaves) waits = hathi_demand_waits(worker);
			if (!waits) left_to_others = 0;
		}
		if (!worker->accepting) {
			if (worker->held_count == 0) wait_free(worker);
			continue;
		}
		if (!waits) continue;
		/*
		 * A free worker has been woken as well. It need not give up a kept connection, and the client of a silent one
		 * will not have to wait for this one's script.
		 */
		if (worker->held_count > 0 && left_to_others < LEAVE_TO_OTHERS_MS && hathi_demand_another_is_free(worker)) {
			left_to_others++;
			continue;
		}
		left_to_others = 0;
		bool is_free = worker->held_count == 0;
		hathi_demand_show_free(worker, is_free);
		if (is_free && !worker->is_pressed && !worker->owes_accept) {
			wait_free(worker);
			continue;
		}
		bool took;
		ready = hathi_accept(worker, &took);
		if (ready != NULL) return ready;
		if (!took) worker->is_pressed = false;
	}
}

/* Waits for the next request, complete as far as it is waited for. Returns NULL when the worker is to end. */
struct hathi_connection *hathi_next_request(struct hathi_worker *worker)
{
	atomic_store(&worker->shared->slots[worker->slot_number].may_accept, 1);
	struct hathi_connection *ready = find_request(worker);
	leave_accepting(worker);
	return ready;
}
