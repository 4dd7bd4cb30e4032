#include "worker/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/clock.h"
#include "worker/faults.h"
#include "worker/lane.h"
#include "worker/log.h"
#include "worker/worker.h"

enum {
	/* After a response the worker reads on for this long, and this many bytes, what the client still sends. */
	DRAIN_WAIT_MS = 500,
	DRAIN_BYTES = 1024 * 1024,
	/* The worker waits for bodies up to this size before the request occupies it. */
	BODY_AHEAD_BYTES = 48 * 1024,
	/* Deadline for complete parameters, from the first byte. */
	HEAD_WAIT_MICROS = 10 * 1000 * 1000,
	/* Reads from one connection before the worker looks at others: more than all parameters take. */
	READS_AT_ONCE = 8,
	/* So many connections in the queue make it no place for idle ones. */
	LEFT_MOST = 128,
};

/* Makes a connection for a new client. Returns NULL, with the fd closed, when there is no memory. */
struct hathi_connection *hathi_connection_open(struct hathi_worker *worker, int fd)
{
	struct hathi_connection *connection = worker->spare;
	worker->spare = NULL;
	if (connection == NULL) connection = malloc(sizeof *connection);
	if (connection == NULL) {
		close(fd);
		return NULL;
	}
	connection->fd = fd;
	connection->at = 0;
	connection->filled = 0;
	connection->accepted = hathi_clock(CLOCK_MONOTONIC);
	connection->deadline = 0;
	connection->is_kept = false;
	connection->has_spoken = false;
	connection->awaits_body = false;
	connection->gave_up = false;
	connection->body_began = 0;
	connection->wanted_since = 0;
	connection->peer[0] = '\0';
	hathi_fcgi_init(&connection->fcgi, worker->slot_count, worker->slot_count);
	return connection;
}

/* Closes the connection. Its memory serves the next one. */
void hathi_connection_close(struct hathi_worker *worker, struct hathi_connection *connection)
{
	close(connection->fd);
	hathi_fcgi_free(&connection->fcgi);
	if (worker->spare == NULL) worker->spare = connection;
	else free(connection);
}

/*
 * A request is complete except for its body. The worker waits for the body as for the parameters, so a slow client
 * does not occupy it. This holds for a body that fits into the input, while few others wait in the same way.
 */
static enum hathi_read wait_for_body(const struct hathi_worker *worker, struct hathi_connection *connection)
{
	const uint8_t *input = connection->bytes + connection->at;
	const uint8_t *end = connection->bytes + connection->filled;
	connection->awaits_body = connection->fcgi.content_length > 0 && connection->fcgi.content_length <= BODY_AHEAD_BYTES &&
		worker->held_count < HATHI_HELD / 2 && !hathi_fcgi_has_body(&connection->fcgi, input, end);
	if (!connection->awaits_body) return HATHI_READ_REQUEST;
	connection->deadline = hathi_clock(CLOCK_MONOTONIC) + HATHI_BODY_WAIT_MS * 1000;
	return HATHI_READ_MORE;
}

/* The text of a parser's error code, for the log. */
static const char *error_text(const char *code)
{
	static const struct { const char *code; const char *text; } texts[] = {
		{"bad-version", "Cannot read a FastCGI record: its version byte is not 1"},
		{"bad-begin-length", "Cannot read BEGIN_REQUEST: its content is not 8 bytes"},
		{"bad-request-id", "Cannot read a FastCGI record: a record of a request has the id 0"},
		{"unexpected-record", "Cannot take a FastCGI record: the state of the connection does not allow it"},
		{"truncated-pair", "Cannot read a name-value pair: the stream ends inside of it"},
		{"params-too-large", "Cannot take a request: its parameters are too large"},
		{"too-many-params", "Cannot take a request: it has too many parameters"},
		{"management-too-large", "Cannot take a management record: it is too long"},
		{"body-too-large", "Cannot take a request: its body is too large"},
		{"too-many-refused", "Cannot take a request: too many others were begun while one was running"},
		{"unexpected-end", "The client closed the connection inside of a request"},
	};
	for (size_t index = 0; index < sizeof texts / sizeof *texts; index++) {
		if (code != NULL && strcmp(code, texts[index].code) == 0) return texts[index].text;
	}
	return "Cannot read what came";
}

/*
 * Sends the protocol's own answer to a record, a few bytes. The worker must not wait for a client that does not read,
 * so a full socket counts as a lost client. Returns false then.
 */
bool hathi_connection_reply(const struct hathi_connection *connection)
{
	const struct hathi_fcgi *fcgi = &connection->fcgi;
	ssize_t sent;
	do sent = send(connection->fd, fcgi->reply, fcgi->reply_length, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)fcgi->reply_length;
}

/* Runs the parser until a request is complete, the input is used up, or the connection is done. */
static enum hathi_read parse(struct hathi_worker *worker, struct hathi_connection *connection)
{
	const uint8_t *input = connection->bytes + connection->at;
	const uint8_t *end = connection->bytes + connection->filled;
	for (;;) {
		enum hathi_fcgi_event event = hathi_fcgi_next(&connection->fcgi, &input, end);
		connection->at = (size_t)(input - connection->bytes);
		switch (event) {
		case HATHI_FCGI_NEED_INPUT:
			connection->at = 0;
			connection->filled = 0;
			return HATHI_READ_MORE;
		case HATHI_FCGI_REQUEST:
			return wait_for_body(worker, connection);
		case HATHI_FCGI_REPLY:
			if (!hathi_connection_reply(connection) || connection->fcgi.reply_closes) return HATHI_READ_CLOSED;
			break;
		case HATHI_FCGI_STARTED:
		case HATHI_FCGI_ABANDONED:
			break;
		case HATHI_FCGI_FAILED:
			hathi_worker_tell(worker, HATHI_NOTICE, "a connection%s%s was closed: %s", *connection->peer == '\0' ? "" : " from ",
				connection->peer, error_text(connection->fcgi.error));
			return HATHI_READ_CLOSED;
		case HATHI_FCGI_BODY:
		case HATHI_FCGI_BODY_END:
		case HATHI_FCGI_ABORTED:
			return HATHI_READ_CLOSED;
		}
	}
}

/*
 * Reads more of a body that the worker waits for. The wait also ends when the client stops sending, or the input is
 * full.
 */
static enum hathi_read read_body_ahead(const struct hathi_worker *worker, struct hathi_connection *connection)
{
	connection->filled -= connection->at;
	memmove(connection->bytes, connection->bytes + connection->at, connection->filled);
	connection->at = 0;
	size_t room = sizeof connection->bytes - connection->filled;
	ssize_t got = room == 0 ? 0 : recv(connection->fd, connection->bytes + connection->filled, room, MSG_DONTWAIT);
	if (got < 0) return errno == EAGAIN || errno == EINTR ? HATHI_READ_MORE : HATHI_READ_CLOSED;
	connection->filled += (size_t)got;
	if (got > 0) return wait_for_body(worker, connection);
	connection->awaits_body = false;
	return HATHI_READ_REQUEST;
}

/*
 * Reads the available input without waiting. Returns whether a request is complete. The caller closes a connection
 * that is done.
 */
enum hathi_read hathi_connection_read(struct hathi_worker *worker, struct hathi_connection *connection)
{
	if (connection->awaits_body) return read_body_ahead(worker, connection);
	/* A client that sends without a pause must not keep the worker from others. Its socket stays readable. */
	for (int round = 0; round < READS_AT_ONCE; round++) {
		if (connection->at < connection->filled) {
			enum hathi_read result = parse(worker, connection);
			if (result != HATHI_READ_MORE || connection->awaits_body) return result;
		}
		ssize_t got = recv(connection->fd, connection->bytes, sizeof connection->bytes, MSG_DONTWAIT);
		if (got < 0 && errno == EINTR) continue;
		if (got < 0) return errno == EAGAIN ? HATHI_READ_MORE : HATHI_READ_CLOSED;
		/* A client that closes its side before the request is complete wants no answer. */
		if (got == 0) return HATHI_READ_CLOSED;
		if (connection->is_kept || !connection->has_spoken) {
			uint64_t now = hathi_clock(CLOCK_MONOTONIC);
			connection->deadline = now + HEAD_WAIT_MICROS;
			if (connection->is_kept) connection->accepted = now;
			connection->is_kept = false;
			connection->has_spoken = true;
		}
		connection->at = 0;
		connection->filled = (size_t)got;
		/* A full buffer may hide more input. A short read has emptied the socket. */
		enum hathi_read result = parse(worker, connection);
		if (result != HATHI_READ_MORE || connection->awaits_body || (size_t)got < sizeof connection->bytes) return result;
	}
	return HATHI_READ_MORE;
}

/*
 * Reads what the client still sends. Unread input would make the kernel reset the connection, and the client's kernel
 * would drop our response.
 */
static void drain(struct hathi_connection *connection)
{
	size_t total = 0;
	shutdown(connection->fd, SHUT_WR);
	uint64_t end = hathi_clock(CLOCK_MONOTONIC) + DRAIN_WAIT_MS * 1000;
	while (total < DRAIN_BYTES) {
		uint64_t now = hathi_clock(CLOCK_MONOTONIC);
		struct pollfd wait = {.fd = connection->fd, .events = POLLIN};
		if (now >= end || poll(&wait, 1, (int)((end - now) / 1000) + 1) <= 0) return;
		ssize_t got = recv(connection->fd, connection->bytes, sizeof connection->bytes, MSG_DONTWAIT);
		if (got <= 0) return;
		total += (size_t)got;
	}
}

/*
 * Whether another request has come behind the running one. A copy of the parser skips the rest of the running one's
 * body.
 */
static bool has_next(const struct hathi_connection *connection)
{
	struct hathi_fcgi look = connection->fcgi;
	uint8_t byte;
	const uint8_t *input = connection->bytes + connection->at;
	bool is_over = hathi_fcgi_drain(&look, input, connection->bytes + connection->filled);
	return look.stdin_ended && (!is_over || recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0);
}

/*
 * The response is complete while its script goes on. This gives up a kept connection, unless its next request has
 * already come, which is served after the script. As give_up() in held.c does, it shuts a Unix socket for reading
 * first: the web server's next write fails, and nothing is lost.
 */
void hathi_connection_let_go(const struct hathi_worker *worker, struct hathi_connection *connection)
{
	struct hathi_fcgi *fcgi = &connection->fcgi;
	bool has_whole_body = fcgi->body_end_told || fcgi->content_length == 0;
	if (fcgi->keep && has_whole_body && !worker->is_tcp) shutdown(connection->fd, SHUT_RD);
	if (fcgi->keep && has_next(connection)) return;
	fcgi->keep = false;
	shutdown(connection->fd, SHUT_WR);
}

/* Whether a kept connection is between two requests: the rest of the last one is used up. */
static bool is_between_requests(struct hathi_connection *connection)
{
	struct hathi_fcgi *fcgi = &connection->fcgi;
	const uint8_t *input = connection->bytes + connection->at;
	const uint8_t *end = connection->bytes + connection->filled;
	bool is_used_up = hathi_fcgi_next(fcgi, &input, end) == HATHI_FCGI_NEED_INPUT;
	connection->at = (size_t)(input - connection->bytes);
	return is_used_up && fcgi->phase == HATHI_FCGI_IDLE && !fcgi->in_record && fcgi->header_filled == 0;
}

/*
 * Leaves a connection of which no input is in use, a kept one or one that has been silent, to whichever worker of the
 * pool is free first; the caller still owns it. Returns false where that cannot be. The web server may be about to send
 * a request on a kept connection, and does not repeat a POST; so such a one is not closed while the pool goes on.
 */
bool hathi_connection_leave(const struct hathi_worker *worker, struct hathi_connection *connection)
{
	bool goes_on = worker->accepting && !hathi_is_quitting() && atomic_load(&worker->shared->draining) == 0;
	if (!goes_on || worker->bounds_queue) return false;
	if (connection->is_kept ? !is_between_requests(connection) : connection->has_spoken) return false;
	uint32_t most = connection->is_kept ? LEFT_MOST : HATHI_HELD;
	if (hathi_queue_length(worker->slot.header) >= most) return false;
	const struct hathi_left left = {
		.since = hathi_clock(CLOCK_MONOTONIC),
		.deadline = connection->deadline,
		.is_kept = connection->is_kept,
	};
	return hathi_lane_leave(worker, connection->fd, &left);
}

/* After the response: keeps the connection for another request, here or in another worker, or closes it. */
void hathi_connection_finish(struct hathi_worker *worker, struct hathi_connection *connection)
{
	struct hathi_fcgi *fcgi = &connection->fcgi;
	const uint8_t *input = connection->bytes + connection->at;
	const uint8_t *end = connection->bytes + connection->filled;
	bool is_alive = !worker->output.failed;
	fcgi->body_length = 0;
	bool may_reuse = worker->may_reuse && is_alive && worker->held_count < hathi_worker_may_hold(worker);
	if (hathi_fcgi_finish(fcgi, is_alive)) {
		connection->is_kept = true;
		connection->body_began = 0;
		connection->deadline = 0;
		if (may_reuse) {
			worker->held[worker->held_count++] = connection;
			return;
		}
		if (hathi_connection_leave(worker, connection)) {
			hathi_connection_close(worker, connection);
			return;
		}
		fcgi->phase = HATHI_FCGI_CLOSED;
		input = connection->bytes + connection->at;
	}
	if (is_alive && !hathi_fcgi_drain(fcgi, input, end)) drain(connection);
	hathi_connection_close(worker, connection);
}
