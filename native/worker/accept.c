#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/held.h"
#include "worker/log.h"
#include "worker/next_request.h"

/* Taking a connection that waits. */

enum {
	/* As PHP-FPM: a connection that says nothing at all is closed after this. */
	SILENT_WAIT_MICROS = 5 * 1000 * 1000,
	/* A client writes right after it has connected: so long the worker waits before it looks for others. */
	FIRST_BYTE_WAIT_MS = 20,
	ACCEPT_PAUSE_MICROS = 100 * 1000,
};

/*
 * Gives a new client a moment to write, without looking at anything else: ever less of it after clients that used it
 * for nothing, so that many silent ones cost little.
 *
 * The connection has woken the worker, often before the client could write: then the client gets the processor back,
 * and the worker need not sleep and be woken again. Where requests are long the time of others matters more.
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
 * No descriptor or memory is left for a connection: mostly a script has leaked them, so the worker ends, as
 * PHP-FPM's do. The pause keeps its successors from doing the same in a circle.
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
 * Takes a waiting connection. Returns it when its request is complete; else it is held or closed. *took tells
 * whether there was one.
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
