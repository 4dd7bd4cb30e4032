#include "worker/held.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/clock.h"
#include "worker/demand.h"
#include "worker/faults.h"
#include "worker/worker_control.h"

/*
 * No connection is given up this early for a new one: a client without processor time is not a silent one. Each one
 * that was given up halves the time, until a client shows that waiting was worth it. So many silent clients cost
 * little.
 */
enum {
	ROOM_MICROS = 500 * 1000,
	ROOM_HALVINGS = 9,
	/* The same where the worker's quota leaves no room: it would wait so long at its end as well. */
	LAST_ROOM_MICROS = 1000 * 1000,
	/* Between two exchanges of a kept connection for another one. */
	EXCHANGE_MICROS = 20 * 1000,
};

/* Holds a connection. There must be room for it (hathi_held_room_in()). */
void hathi_held_add(struct hathi_worker *worker, struct hathi_connection *connection)
{
	worker->held[worker->held_count++] = connection;
}

/* Removes a connection from the list. */
static struct hathi_connection *unhold(struct hathi_worker *worker, uint32_t index)
{
	struct hathi_connection *connection = worker->held[index];
	worker->held_count--;
	memmove(worker->held + index, worker->held + index + 1,
		(worker->held_count - index) * sizeof *worker->held);
	return connection;
}

/* Closes a held connection. */
void hathi_held_close(struct hathi_worker *worker, uint32_t index)
{
	hathi_connection_close(worker, unhold(worker, index));
}

/* Reads a readable held connection. Returns it when its request is complete. */
struct hathi_connection *hathi_held_read(struct hathi_worker *worker, uint32_t index)
{
	bool was_kept = worker->held[index]->is_kept;
	switch (hathi_connection_read(worker, worker->held[index])) {
	case HATHI_READ_REQUEST:
		if (!was_kept) worker->made_room = 0;
		return unhold(worker, index);
	case HATHI_READ_CLOSED:
		hathi_held_close(worker, index);
		return NULL;
	case HATHI_READ_MORE:
		return NULL;
	}
	return NULL;
}

static void expire(struct hathi_worker *worker)
{
	uint64_t now = hathi_clock(CLOCK_MONOTONIC);
	for (uint32_t index = worker->held_count; index-- > 0;) {
		uint64_t deadline = worker->held[index]->deadline;
		if (deadline != 0 && deadline <= now) hathi_held_close(worker, index);
	}
}

/* Milliseconds until the next deadline; -1 without one. */
static int next_deadline(const struct hathi_worker *worker)
{
	uint64_t now = hathi_clock(CLOCK_MONOTONIC);
	uint64_t next = UINT64_MAX;
	for (uint32_t index = 0; index < worker->held_count; index++) {
		uint64_t deadline = worker->held[index]->deadline;
		if (deadline != 0 && deadline < next) next = deadline;
	}
	if (next == UINT64_MAX) return -1;
	return next <= now ? 0 : (int)((next - now) / 1000) + 1;
}

/*
 * Gives up an idle kept connection, unless its next request has just come, which is returned. Another worker takes it
 * over. Where none may, a request that crosses the close is lost on TCP, and nginx does not repeat a POST. On a Unix socket
 * its side is shut first, which makes its next write fail, and then read.
 */
static struct hathi_connection *give_up(struct hathi_worker *worker, uint32_t index)
{
	const struct hathi_connection *connection = worker->held[index];
	uint32_t before = worker->held_count;
	struct hathi_connection *late = hathi_held_read(worker, index);
	if (late != NULL || worker->held_count < before || !connection->is_kept) return late;
	if (hathi_connection_leave(worker, worker->held[index])) {
		hathi_held_close(worker, index);
		return NULL;
	}
	if (!worker->is_tcp && shutdown(connection->fd, SHUT_RD) == 0) return hathi_held_read(worker, index);
	hathi_held_close(worker, index);
	return NULL;
}

/*
 * The connection that makes room: the oldest without complete parameters. Connections that only await a body come
 * last.
 */
static uint32_t oldest(const struct hathi_worker *worker)
{
	uint32_t index = 0;
	while (index < worker->held_count - 1 && worker->held[index]->awaits_body) index++;
	return index;
}

/* Milliseconds until there is room for a new connection; 0 when there is room. */
int hathi_held_room_in(const struct hathi_worker *worker)
{
	if (worker->held_count < hathi_worker_may_hold(worker)) return 0;
	bool is_last = worker->held_count >= worker->requests_left;
	for (uint32_t index = 0; index < worker->held_count; index++) {
		if (worker->held[index]->is_kept || (is_last && worker->held[index]->awaits_body)) return 0;
	}
	uint64_t patience = is_last ? LAST_ROOM_MICROS : ROOM_MICROS >> worker->made_room;
	uint64_t due = worker->held[oldest(worker)]->accepted + patience;
	uint64_t now = hathi_clock(CLOCK_MONOTONIC);
	return due <= now ? 0 : (int)((due - now) / 1000) + 1;
}

/*
 * Whether the worker looks at no connection in the queue for now: it can hold no more, and has just looked. Its kept
 * connections and those in the queue would change places without end.
 */
bool hathi_held_rests(const struct hathi_worker *worker)
{
	return worker->held_count == HATHI_HELD &&
		hathi_clock(CLOCK_MONOTONIC) - worker->exchanged_at < EXCHANGE_MICROS;
}

/*
 * Makes room for a connection of the queue: gives up the kept one that rests longest. *late is a request of it that
 * came in the last moment. Returns false when there is none.
 */
bool hathi_held_exchange(struct hathi_worker *worker, struct hathi_connection **late)
{
	uint32_t index = 0;
	while (index < worker->held_count && !worker->held[index]->is_kept) index++;
	if (index == worker->held_count) return false;
	worker->exchanged_at = hathi_clock(CLOCK_MONOTONIC);
	*late = give_up(worker, index);
	return worker->held_count < HATHI_HELD;
}

/* Gives up idle kept connections. Returns a request that came in the last moment. */
struct hathi_connection *hathi_held_give_up_kept(struct hathi_worker *worker)
{
	for (uint32_t index = worker->held_count; index-- > 0;) {
		struct hathi_connection *late = worker->held[index]->is_kept ? give_up(worker, index) : NULL;
		if (late != NULL) return late;
	}
	return NULL;
}

/*
 * A new connection waits, and the worker holds as many as it may still serve. Makes room, or returns a request that is
 * served first: one of a kept connection, or one that only awaits its body. Then the new connection must not be
 * accepted.
 */
struct hathi_connection *hathi_held_make_last_room(struct hathi_worker *worker)
{
	struct hathi_connection *late = hathi_held_give_up_kept(worker);
	if (late != NULL || worker->held_count < worker->requests_left) return late;
	uint32_t index = oldest(worker);
	if (!worker->held[index]->awaits_body) return NULL;
	worker->held[index]->awaits_body = false;
	return unhold(worker, index);
}

/*
 * A new connection comes in and there is no room for it: gives up idle kept connections, else one without a request.
 * Returns a request that came in the last moment.
 */
struct hathi_connection *hathi_held_give_up(struct hathi_worker *worker)
{
	struct hathi_connection *late = hathi_held_give_up_kept(worker);
	if (late != NULL || worker->held_count < hathi_worker_may_hold(worker)) return late;
	hathi_held_close(worker, oldest(worker));
	if (worker->made_room < ROOM_HALVINGS) worker->made_room++;
	return NULL;
}

/*
 * The worker begins a request. The others that it holds would wait for its script, and end with it where that ends the
 * worker. So clients that have sent nothing yet are left to whoever is free first, and so are idle kept connections where
 * another worker is, or may be sooner: a new client tells nothing of its script's length, and those before it were long.
 * A request of which some has been read stays.
 */
void hathi_held_leave(struct hathi_worker *worker, bool is_new)
{
	bool may_be_longer = (is_new || !worker->is_quick) && worker->booted_slots > 1;
	bool others_come_first = may_be_longer || hathi_demand_another_is_free(worker);
	uint32_t index = 0;
	while (index < worker->held_count) {
		struct hathi_connection *connection = worker->held[index];
		bool leaves = !connection->is_kept || others_come_first || worker->held_count > worker->requests_left;
		if (leaves && hathi_connection_leave(worker, connection))
			hathi_held_close(worker, index);
		else
			index++;
	}
}

/*
 * Waits while the worker holds connections. Returns one whose request is complete. *waits tells whether a new
 * connection waits.
 */
struct hathi_connection *hathi_held_wait(struct hathi_worker *worker, bool with_listener, int most, bool *waits)
{
	struct pollfd polled[HATHI_HELD + 4];
	nfds_t count = worker->held_count;
	for (uint32_t index = 0; index < worker->held_count; index++)
		polled[index] = (struct pollfd){.fd = worker->held[index]->fd, .events = POLLIN};
	polled[count++] = (struct pollfd){.fd = worker->control, .events = POLLIN};
	polled[count++] = (struct pollfd){.fd = hathi_is_quitting() ? -1 : hathi_quit_fd(), .events = POLLIN};
	polled[count++] = (struct pollfd){.fd = with_listener ? worker->listen_fd : -1, .events = POLLIN};
	/* The lane itself puts connections into its queue and takes none. */
	bool rests = hathi_held_rests(worker);
	bool with_queue = with_listener && !worker->is_lane && !rests;
	polled[count++] = (struct pollfd){.fd = with_queue ? worker->lane.queue_out : -1, .events = POLLIN};
	int timeout = next_deadline(worker);
	if (rests && (timeout < 0 || timeout > EXCHANGE_MICROS / 1000)) timeout = EXCHANGE_MICROS / 1000;
	if (most >= 0 && (timeout < 0 || most < timeout)) timeout = most;
	*waits = false;
	uint32_t held = worker->held_count;
	if (poll(polled, count, timeout) > 0) {
		if (polled[held + 3].revents != 0) worker->sees_left = true;
		*waits = polled[held + 2].revents != 0 || polled[held + 3].revents != 0;
		for (uint32_t index = held; index-- > 0;) {
			if (polled[index].revents == 0) continue;
			struct hathi_connection *ready = hathi_held_read(worker, index);
			if (ready != NULL) return ready;
		}
		if (polled[held].revents != 0) hathi_worker_control(worker);
	}
	expire(worker);
	return NULL;
}

/* Serves input that came behind a kept connection's last request. */
struct hathi_connection *hathi_held_pipelined(struct hathi_worker *worker)
{
	for (uint32_t index = 0; index < worker->held_count; index++) {
		if (worker->held[index]->awaits_body || worker->held[index]->at >= worker->held[index]->filled) continue;
		return hathi_held_read(worker, index);
	}
	return NULL;
}
