#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/clock.h"
#include "worker/connection.h"
#include "worker/demand.h"
#include "worker/log.h"
#include "worker/worker.h"

/* The body of a request, read while PHP or the script asks for it. */

enum {
	/* While others wait, a client must send this many bytes a second on average. The first seconds are free. */
	BODY_PACE_BYTES = 4 * 1024,
	BODY_GRACE_MICROS = 5 * 1000 * 1000,
	/* While it waits for a body, the worker looks this often whether others wait for it. */
	BODY_LOOK_MS = 250,
};

/* Whether the body comes too slowly while others have waited for this worker without a pause. */
static bool is_too_slow(const struct hathi_worker *worker, struct hathi_connection *connection, uint64_t now)
{
	uint64_t spent = now - connection->body_began;
	bool is_slow = spent >= BODY_GRACE_MICROS && connection->fcgi.body_seen < spent / 1000 * BODY_PACE_BYTES / 1000;
	if (!is_slow || !hathi_demand_wants(worker)) {
		connection->wanted_since = 0;
		return false;
	}
	/* A pool that may grow gets another worker in the meantime. */
	if (connection->wanted_since == 0) connection->wanted_since = now;
	return now - connection->wanted_since >= BODY_LOOK_MS * 1000;
}

static bool give_up_body(struct hathi_worker *worker, struct hathi_connection *connection, const char *why)
{
	connection->gave_up = true;
	hathi_worker_tell(worker, HATHI_NOTICE, "a request%s%s was given up: %s (%llu of %llu bytes of its body have come)",
		*connection->peer == '\0' ? "" : " from ", connection->peer, why, (unsigned long long)connection->fcgi.body_seen,
		(unsigned long long)connection->fcgi.content_length);
	return false;
}

/* Waits for more of the body. Returns false when no more will come, or not soon enough. */
static bool fill_body(struct hathi_worker *worker, struct hathi_connection *connection)
{
	uint64_t began = 0;
	for (;;) {
		ssize_t got = recv(connection->fd, connection->bytes, sizeof connection->bytes, MSG_DONTWAIT);
		if (got > 0) {
			connection->at = 0;
			connection->filled = (size_t)got;
			/* Without a wait the client is not the slow one. */
			return began == 0 || !is_too_slow(worker, connection, hathi_clock(CLOCK_MONOTONIC)) ||
				give_up_body(worker, connection, "it comes too slowly while others wait");
		}
		if (got == 0 || (errno != EINTR && errno != EAGAIN)) return false;
		uint64_t now = hathi_clock(CLOCK_MONOTONIC);
		if (began == 0) began = now;
		if (now - began >= HATHI_BODY_WAIT_MS * 1000) return give_up_body(worker, connection, "its client pauses");
		if (is_too_slow(worker, connection, now))
			return give_up_body(worker, connection, "it comes too slowly while others wait");
		struct pollfd wait = {.fd = connection->fd, .events = POLLIN};
		poll(&wait, 1, BODY_LOOK_MS);
	}
}

/*
 * Reads up to `size` bytes of the request's body. Returns their number; 0 at the end of the body, and when the rest
 * does not come, which sets `gave_up`.
 */
size_t hathi_connection_body(struct hathi_worker *worker, struct hathi_connection *connection, char *target,
	size_t size)
{
	struct hathi_fcgi *fcgi = &connection->fcgi;
	if (connection->gave_up) return 0;
	if (connection->body_began == 0) connection->body_began = hathi_clock(CLOCK_MONOTONIC);
	while (fcgi->body_length == 0) {
		/* Input behind the body belongs to the next request. */
		if (fcgi->body_end_told) return 0;
		const uint8_t *input = connection->bytes + connection->at;
		enum hathi_fcgi_event event = hathi_fcgi_next(fcgi, &input, connection->bytes + connection->filled);
		connection->at = (size_t)(input - connection->bytes);
		if (event == HATHI_FCGI_BODY) break;
		if (event == HATHI_FCGI_REPLY) {
			if (hathi_connection_reply(connection)) continue;
			/* The reply may have left in part, so the client could not parse anything that follows. */
			worker->output.failed = true;
			give_up_body(worker, connection, "its client does not read");
			return 0;
		}
		if (event != HATHI_FCGI_NEED_INPUT || fcgi->input_ended) return 0;
		if (fill_body(worker, connection)) continue;
		if (connection->gave_up) return 0;
		hathi_fcgi_end_input(fcgi);
	}
	size_t length = fcgi->body_length < size ? fcgi->body_length : size;
	memcpy(target, fcgi->body, length);
	fcgi->body += length;
	fcgi->body_length -= length;
	return length;
}
