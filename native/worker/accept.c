#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/clock.h"
#include "worker/held.h"
#include "worker/lane.h"
#include "worker/log.h"
#include "worker/next_request.h"

/* Taking one connection off the backlog. */

enum {
	/* A connection that sends nothing is closed after this, as by PHP-FPM. */
	SILENT_WAIT_MICROS = 5 * 1000 * 1000,
	/* The worker waits this long for the first byte, which a client sends right after connect(2). */
	FIRST_BYTE_WAIT_MS = 20,
	ACCEPT_PAUSE_MICROS = 100 * 1000,
};

/*
 * Gives a new client a moment to write. Each client that does not use it shortens it for the next ones, so many
 * silent clients cost little.
 *
 * The connection often wakes the worker before the client could write. Yielding gives the client the processor back,
 * and saves the worker a sleep and a wake-up. A worker with long requests does not yield: others need its time.
 */
static enum hathi_read read_first(struct hathi_worker *worker, struct hathi_connection *connection)
{
	enum hathi_read result = hathi_connection_read(worker, connection);
	if (result == HATHI_READ_MORE && worker->is_quick) {
		sched_yield();
		result = hathi_connection_read(worker, connection);
	}
	if (result != HATHI_READ_MORE) return result;
	struct pollfd wait = {.fd = connection->fd, .events = POLLIN};
	if (poll(&wait, 1, FIRST_BYTE_WAIT_MS >> worker->silent_clients) <= 0) {
		if (FIRST_BYTE_WAIT_MS >> worker->silent_clients > 1) worker->silent_clients++;
		return HATHI_READ_MORE;
	}
	worker->silent_clients = 0;
	return hathi_connection_read(worker, connection);
}

static bool admits(struct hathi_worker *worker, const struct sockaddr_storage *peer, char *name)
{
	hathi_clients_name(peer, name, HATHI_PEER_BYTES);
	if (hathi_clients_admit(&worker->clients, peer)) return true;
	hathi_worker_log(worker, HATHI_ERROR, "Connection disallowed: IP address '%s' has been dropped.", name);
	return false;
}

/*
 * No fd or memory is left for a connection. Usually a script has leaked them, so the worker ends, as PHP-FPM's do.
 * The pause keeps its successors from failing the same way in a tight loop.
 */
static void on_accept_error(struct hathi_worker *worker, int error)
{
	if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) return;
	hathi_worker_log(worker, HATHI_WARNING, "accept() failed: %s (%d); the worker ends", strerror(error), error);
	usleep(ACCEPT_PAUSE_MICROS);
	worker->retires = true;
}

/* Holds a connection that has not sent its request yet. */
static void hold_new(struct hathi_worker *worker, struct hathi_connection *connection)
{
	if (connection->deadline == 0) connection->deadline = connection->accepted + SILENT_WAIT_MICROS;
	hathi_held_add(worker, connection);
}

/*
 * Holds the connections that the host has passed, as if they were new; closes those for which there is no room. The
 * master's own request does not count: it comes whatever the worker's quota says.
 */
void hathi_accept_given(struct hathi_worker *worker)
{
	while (worker->given_count > 0) {
		int fd = worker->given[--worker->given_count];
		struct hathi_connection *connection = NULL;
		if (worker->held_count < HATHI_HELD) connection = hathi_connection_open(worker, fd);
		else close(fd);
		if (connection != NULL) hold_new(worker, connection);
	}
}

/*
 * Takes a connection off the backlog and writes its peer into `name`. Returns it; -1 without one, or when its peer may
 * not connect. *took tells whether there was a connection.
 */
int hathi_accept_admitted(struct hathi_worker *worker, char *name, bool *took)
{
	struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
	socklen_t length = sizeof peer;
	int fd = accept4(worker->listen_fd, worker->is_tcp ? (struct sockaddr *)&peer : NULL,
		worker->is_tcp ? &length : NULL, SOCK_CLOEXEC);
	*took = fd >= 0;
	if (fd < 0) {
		on_accept_error(worker, errno);
		return -1;
	}
	if (!worker->is_tcp || admits(worker, &peer, name)) return fd;
	close(fd);
	return -1;
}

static bool is_full(const struct hathi_worker *worker)
{
	return worker->held_count >= hathi_worker_may_hold(worker);
}

/* Reads a new connection. Returns it when its request is complete, else holds or closes it. */
static struct hathi_connection *begin(struct hathi_worker *worker, int fd, const char *name)
{
	/* Where idle connections may be left to others, that is done when the request begins. */
	bool makes_room = worker->bounds_queue || is_full(worker);
	struct hathi_connection *late = worker->held_count > 0 && makes_room ? hathi_held_give_up(worker) : NULL;
	struct hathi_connection *connection = hathi_connection_open(worker, fd);
	if (connection == NULL) return late;
	snprintf(connection->peer, sizeof connection->peer, "%s", name);
	if (late != NULL) {
		hold_new(worker, connection);
		return late;
	}
	switch (read_first(worker, connection)) {
	case HATHI_READ_REQUEST:
		return connection;
	case HATHI_READ_CLOSED:
		hathi_connection_close(worker, connection);
		return NULL;
	case HATHI_READ_MORE:
		hold_new(worker, connection);
		return NULL;
	}
	return NULL;
}

/* A connection that another worker has left; -1 without one. That worker has checked its peer. */
static int take_left(struct hathi_worker *worker, char *name, struct hathi_left *left)
{
	struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
	socklen_t length = sizeof peer;
	int fd = hathi_held_rests(worker) ? -1 : hathi_lane_take(worker, left);
	if (fd >= 0 && worker->is_tcp && getpeername(fd, (struct sockaddr *)&peer, &length) == 0)
		hathi_clients_name(&peer, name, HATHI_PEER_BYTES);
	return fd;
}

/*
 * Reads a connection that another worker had held. Whatever the worker's quota says it is held here: it is left again
 * before the last request. Where there is no room, and no kept one to exchange, it is let go unless its request has come.
 */
static struct hathi_connection *begin_held(struct hathi_worker *worker, int fd, const char *name,
	const struct hathi_left *left)
{
	struct hathi_connection *connection = hathi_connection_open(worker, fd);
	if (connection == NULL) return NULL;
	snprintf(connection->peer, sizeof connection->peer, "%s", name);
	connection->deadline = left->deadline;
	connection->is_kept = left->is_kept != 0;
	connection->has_spoken = connection->is_kept;
	enum hathi_read result = hathi_connection_read(worker, connection);
	struct hathi_connection *late = NULL;
	if (result == HATHI_READ_MORE && (worker->held_count < HATHI_HELD || hathi_held_exchange(worker, &late))) {
		hathi_held_add(worker, connection);
		return late;
	}
	/* As where a held connection is given up: nothing that comes now is lost. */
	if (result == HATHI_READ_MORE && !worker->is_tcp && shutdown(fd, SHUT_RD) == 0)
		result = hathi_connection_read(worker, connection);
	if (result == HATHI_READ_REQUEST) return connection;
	hathi_connection_close(worker, connection);
	return NULL;
}

/* The same for any connection that another worker has left. */
static struct hathi_connection *begin_left(struct hathi_worker *worker, int fd, const char *name,
	const struct hathi_left *left)
{
	if (left->deadline != 0 || left->is_kept != 0) return begin_held(worker, fd, name, left);
	if (worker->held_count < worker->requests_left) return begin(worker, fd, name);
	struct hathi_connection *first = hathi_held_make_last_room(worker);
	if (first == NULL && !is_full(worker)) return begin(worker, fd, name);
	/* It waits again, behind the others. */
	hathi_lane_leave(worker, fd, left);
	close(fd);
	return first;
}

/* The same as hathi_accept(), but only of the connections that others have left. */
struct hathi_connection *hathi_accept_left(struct hathi_worker *worker)
{
	char name[HATHI_PEER_BYTES] = "";
	struct hathi_left left;
	if (is_full(worker)) return NULL;
	for (int fd; (fd = take_left(worker, name, &left)) >= 0;) {
		struct hathi_connection *ready = begin_left(worker, fd, name, &left);
		if (ready != NULL || worker->held_count > 0) return ready;
	}
	return NULL;
}

/*
 * The kernel may have woken this worker for a new connection too, and nobody else for it: leaves that to the others.
 */
static void pass_on_new(struct hathi_worker *worker)
{
	char name[HATHI_PEER_BYTES] = "";
	bool took;
	int fd = hathi_accept_admitted(worker, name, &took);
	if (fd < 0) return;
	const struct hathi_left left = {.since = hathi_clock(CLOCK_MONOTONIC)};
	bool is_left = hathi_lane_leave(worker, fd, &left);
	struct hathi_connection *connection = is_left ? NULL : hathi_connection_open(worker, fd);
	if (is_left) close(fd);
	if (connection == NULL) return;
	snprintf(connection->peer, sizeof connection->peer, "%s", name);
	hold_new(worker, connection);
}

/*
 * Accepts a connection, first one that another worker has left. Returns it when its request is complete, else
 * holds or closes it. *took tells whether there was a connection.
 */
struct hathi_connection *hathi_accept(struct hathi_worker *worker, bool *took)
{
	char name[HATHI_PEER_BYTES] = "";
	struct hathi_left left;
	bool owes_accept = worker->owes_accept;
	worker->owes_accept = false;
	int fd = take_left(worker, name, &left);
	*took = fd >= 0;
	if (*took) {
		if (owes_accept && worker->held_count < HATHI_HELD) pass_on_new(worker);
		return begin_left(worker, fd, name, &left);
	}
	if (worker->held_count >= worker->requests_left) {
		struct hathi_connection *first = hathi_held_make_last_room(worker);
		if (first != NULL || hathi_held_room_in(worker) > 0) return first;
	}
	fd = hathi_accept_admitted(worker, name, took);
	return fd < 0 ? NULL : begin(worker, fd, name);
}
