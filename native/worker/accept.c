#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/held.h"
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

/* Holds the connections that the host has passed, as if they were new; closes those for which there is no room. */
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
 * Accepts a connection. Returns it when its request is complete, else holds or closes it. *took tells whether there
 * was a connection.
 */
struct hathi_connection *hathi_accept(struct hathi_worker *worker, bool *took)
{
	struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
	socklen_t length = sizeof peer;
	char name[HATHI_PEER_BYTES] = "";
	worker->owes_accept = false;
	int fd = accept4(worker->listen_fd, worker->is_tcp ? (struct sockaddr *)&peer : NULL,
		worker->is_tcp ? &length : NULL, SOCK_CLOEXEC);
	*took = fd >= 0;
	if (fd < 0) {
		on_accept_error(worker, errno);
		return NULL;
	}
	if (worker->is_tcp && !admits(worker, &peer, name)) {
		close(fd);
		return NULL;
	}
	struct hathi_connection *late = worker->held_count > 0 ? hathi_held_give_up(worker) : NULL;
	struct hathi_connection *connection = hathi_connection_open(worker, fd);
	if (connection == NULL) return late;
	memcpy(connection->peer, name, sizeof name);
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
