#include "worker/lane.h"

#include <fnmatch.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "record/route.h"
#include "shared/clock.h"
#include "worker/faults.h"
#include "worker/held.h"
#include "worker/next_request.h"
#include "worker/worker_control.h"

/*
 * A worker of the lane serves requests for the ping and status pages and for the paths of queue.priority while every
 * other worker is busy. Until then it sleeps, and a worker that begins a request while no other is idle wakes it.
 *
 * The kernel's backlog is served in order of arrival, so the lane must accept a connection to see its request. It
 * looks at the first bytes without taking them (MSG_PEEK). A connection that may wait goes on to the lane's queue, from
 * which the others take before they accept: the order of arrival stays.
 */

enum {
	/* A pool that grows by itself gets this long to do so before the lane accepts. */
	GROWTH_MICROS = 50 * 1000,
	/* Interval between two looks at the others while they are busy. */
	LOOK_MS = 100,
	/* A client has this long for its parameters before it waits with the others, and is looked at this often. */
	PATIENCE_MICROS = 1000 * 1000,
	UNSEEN_LOOK_MS = 5,
	UNSEEN_MOST = 64,
	/* A connection that is to be refused and sends nothing is closed after this. */
	SILENT_MICROS = 5 * 1000 * 1000,
	SECOND_MICROS = 1000 * 1000,
};

enum verdict { COMES_FIRST, MAY_WAIT, INCOMPLETE };

/* Whether a request for that path of REQUEST_URI, or for that script, must not wait. */
static bool comes_first(const struct hathi_worker *worker, const char *request_uri, const char *script)
{
	char text[4096];
	const char *path;
	if (worker->ping_path != NULL && strcmp(script, worker->ping_path) == 0) return true;
	if (worker->status_path != NULL && strcmp(script, worker->status_path) == 0) return true;
	size_t length = hathi_request_path(&path, request_uri, script);
	if (path == NULL || length >= sizeof text) return false;
	memcpy(text, path, length);
	text[length] = '\0';
	for (uint32_t index = 0; index < worker->priority_count; index++) {
		if (fnmatch(worker->priorities[index], text, 0) == 0) return true;
	}
	return false;
}

/* Whether the request that the parser has found must not wait. */
static bool is_first(const struct hathi_worker *worker, const struct hathi_fcgi *fcgi)
{
	const char *request_uri = NULL;
	const char *script = "";
	for (uint32_t index = 0; index < fcgi->params_count; index++) {
		const struct hathi_pair *pair = fcgi->params + index;
		if (strcmp(pair->name, "REQUEST_URI") == 0) request_uri = pair->value;
		else if (strcmp(pair->name, "SCRIPT_NAME") == 0) script = pair->value;
	}
	return comes_first(worker, request_uri, script);
}

/* Judges the first request of a connection by the input that has come, which stays unread. */
static enum verdict judge(const struct hathi_worker *worker, const uint8_t *bytes, size_t length)
{
	struct hathi_fcgi fcgi = {0};
	enum hathi_fcgi_event event;
	const uint8_t *end = bytes + length;
	hathi_fcgi_init(&fcgi, 1, 1);
	do event = hathi_fcgi_next(&fcgi, &bytes, end);
	while (event == HATHI_FCGI_STARTED);
	enum verdict verdict = event == HATHI_FCGI_NEED_INPUT ? INCOMPLETE : MAY_WAIT;
	if (event == HATHI_FCGI_REQUEST && is_first(worker, &fcgi)) verdict = COMES_FIRST;
	hathi_fcgi_free(&fcgi);
	return verdict;
}

/* Looks at what a connection has sent. One that has ended is left to the others, which close it. */
static enum verdict look(const struct hathi_worker *worker, int fd)
{
	static uint8_t bytes[HATHI_INPUT_BYTES];
	ssize_t got = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
	if (got < 0) return INCOMPLETE;
	enum verdict verdict = got == 0 ? MAY_WAIT : judge(worker, bytes, (size_t)got);
	return verdict == INCOMPLETE && got == (ssize_t)sizeof bytes ? MAY_WAIT : verdict;
}

/* Answers a request with 503. */
static void refuse(struct hathi_worker *worker, struct hathi_connection *connection)
{
	char page[256];
	unsigned seconds = worker->max_wait < SECOND_MICROS ? 1 : (unsigned)(worker->max_wait / SECOND_MICROS);
	int length = snprintf(page, sizeof page, "Status: 503 Service Unavailable\r\nRetry-After: %u\r\n"
		"Content-type: text/plain; charset=UTF-8\r\n\r\nToo many requests wait.\n", seconds);
	hathi_count_refused(worker->slot.header);
	hathi_output_start(&worker->output, connection->fd, connection->fcgi.id);
	hathi_output_write(&worker->output, HATHI_RECORD_STDOUT, page, (size_t)length);
	hathi_output_end(&worker->output);
	worker->may_reuse = false;
	hathi_connection_finish(worker, connection);
}

/* The same for a connection that may not have sent its request yet: the lane holds it until then, or its deadline. */
static void refuse_connection(struct hathi_worker *worker, int fd)
{
	struct hathi_connection *connection = hathi_connection_open(worker, fd);
	if (connection == NULL) return;
	enum hathi_read result = hathi_connection_read(worker, connection);
	bool has_request = result != HATHI_READ_CLOSED && connection->fcgi.phase == HATHI_FCGI_RUNNING;
	if (has_request) {
		refuse(worker, connection);
	} else if (result == HATHI_READ_MORE && worker->held_count < hathi_worker_may_hold(worker)) {
		if (connection->deadline == 0) connection->deadline = connection->accepted + SILENT_MICROS;
		hathi_held_add(worker, connection);
	} else {
		hathi_connection_close(worker, connection);
	}
}

/* The number of requests that may wait: queue.max_length, and those that will begin within queue.max_wait. */
static uint32_t may_wait(struct hathi_worker *worker)
{
	static uint64_t counted_at;
	static uint64_t counted;
	static uint64_t in_time = UINT32_MAX;
	uint64_t now = hathi_clock(CLOCK_MONOTONIC);
	uint64_t begun = hathi_accepted_requests(worker->slot.header);
	/* After a sleep the interval is long, and its rate is not that of a full pool. */
	if (now - counted_at > 3 * SECOND_MICROS) {
		counted_at = now;
		counted = begun;
		in_time = UINT32_MAX;
	} else if (now - counted_at >= SECOND_MICROS) {
		if (begun > counted) in_time = (begun - counted) * worker->max_wait / (now - counted_at) + 1;
		counted_at = now;
		counted = begun;
	}
	uint64_t most = worker->max_waiting > 0 ? worker->max_waiting : UINT32_MAX;
	if (worker->max_wait > 0 && in_time < most) most = in_time;
	return (uint32_t)most;
}

/* Refuses those that have waited for queue.max_wait. */
static void refuse_old(struct hathi_worker *worker)
{
	uint64_t now = hathi_clock(CLOCK_MONOTONIC);
	int fd;
	if (worker->max_wait == 0 || now < worker->max_wait) return;
	while ((fd = hathi_lane_take_older(worker, now - worker->max_wait)) >= 0) refuse_connection(worker, fd);
}

/* Leaves a connection to the other workers, or refuses it. Returns false while the queue has no room. */
static bool set_aside(struct hathi_worker *worker, int fd, uint64_t accepted)
{
	if (hathi_queue_length(worker->slot.header) >= may_wait(worker)) {
		refuse_connection(worker, fd);
		return true;
	}
	const struct hathi_left left = {.since = accepted};
	if (!hathi_lane_leave(worker, fd, &left)) return false;
	close(fd);
	return true;
}

/* A request that comes first. Returns its connection when the request is complete; else the lane holds it. */
static struct hathi_connection *open_first(struct hathi_worker *worker, int fd)
{
	struct hathi_connection *connection = hathi_connection_open(worker, fd);
	if (connection == NULL) return NULL;
	struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
	socklen_t length = sizeof peer;
	if (worker->is_tcp && getpeername(fd, (struct sockaddr *)&peer, &length) == 0)
		hathi_clients_name(&peer, connection->peer, sizeof connection->peer);
	switch (hathi_connection_read(worker, connection)) {
	case HATHI_READ_REQUEST:
		return connection;
	case HATHI_READ_MORE:
		hathi_held_add(worker, connection);
		return NULL;
	case HATHI_READ_CLOSED:
		break;
	}
	hathi_connection_close(worker, connection);
	return NULL;
}

/* Connections whose request the lane has not seen yet, in order of arrival. */
static struct {
	int fd;
	uint64_t accepted;
} unseen[UNSEEN_MOST];
static uint32_t unseen_count;

/* Accepts a connection that waits. */
static void accept_one(struct hathi_worker *worker)
{
	char name[HATHI_PEER_BYTES] = "";
	bool took;
	int fd = hathi_accept_admitted(worker, name, &took);
	if (fd < 0) return;
	unseen[unseen_count].fd = fd;
	unseen[unseen_count++].accepted = hathi_clock(CLOCK_MONOTONIC);
}

/*
 * Looks at these connections, and sets those aside that may wait. Returns one whose request comes first. With `all` it
 * sets aside the others as well.
 */
static struct hathi_connection *look_at_unseen(struct hathi_worker *worker, bool all)
{
	uint64_t now = hathi_clock(CLOCK_MONOTONIC);
	uint32_t kept = 0;
	struct hathi_connection *first = NULL;
	for (uint32_t index = 0; index < unseen_count; index++) {
		int fd = unseen[index].fd;
		uint64_t accepted = unseen[index].accepted;
		bool may_hold = first == NULL && !all && worker->held_count < hathi_worker_may_hold(worker);
		enum verdict verdict = look(worker, fd);
		if (verdict == COMES_FIRST && may_hold) {
			first = open_first(worker, fd);
			continue;
		}
		bool waits = verdict == INCOMPLETE && now - accepted < PATIENCE_MICROS && first == NULL && !all;
		if (!waits && set_aside(worker, fd, accepted)) continue;
		unseen[kept].fd = fd;
		unseen[kept++].accepted = accepted;
	}
	unseen_count = kept;
	return first;
}

/* Sleeps until every other worker is busy, or the host has a message. */
static void sleep_until_full(struct hathi_worker *worker)
{
	uint64_t count;
	struct pollfd wait[] = {
		{.fd = worker->lane.wake, .events = POLLIN},
		{.fd = worker->control, .events = POLLIN},
		{.fd = hathi_quit_fd(), .events = POLLIN},
	};
	atomic_fetch_add(&worker->shared->lane_sleepers, 1);
	atomic_thread_fence(memory_order_seq_cst);
	bool takes = worker->accepting && atomic_load(&worker->shared->paused) == 0;
	if ((!takes || !hathi_lane_is_full(worker)) && hathi_worker_may_accept(worker)) poll(wait, 3, -1);
	atomic_fetch_sub(&worker->shared->lane_sleepers, 1);
	if (read(worker->lane.wake, &count, sizeof count) < 0) count = 0;
	hathi_worker_control(worker);
}

/* The worker ends. It serves what it has taken, and in a drain all that waits: nobody adds to that any more. */
static struct hathi_connection *last(struct hathi_worker *worker)
{
	hathi_worker_leave_accepting(worker);
	struct hathi_connection *ready = look_at_unseen(worker, true);
	while (ready == NULL && unseen_count > 0 && worker->held_count < HATHI_HELD)
		ready = open_first(worker, unseen[--unseen_count].fd);
	return ready != NULL ? ready : hathi_next_while_quitting(worker);
}

/* One step while every other worker is busy. Returns a request that comes first. */
static struct hathi_connection *step(struct hathi_worker *worker, bool may_take)
{
	bool waits;
	int most = unseen_count > 0 ? UNSEEN_LOOK_MS : may_take ? LOOK_MS : LOOK_MS / 4;
	refuse_old(worker);
	may_take = may_take && unseen_count < UNSEEN_MOST && worker->held_count < HATHI_HELD;
	struct hathi_connection *ready = hathi_held_wait(worker, may_take, most, &waits);
	if (ready == NULL) {
		if (waits) accept_one(worker);
		return look_at_unseen(worker, !may_take);
	}
	if (is_first(worker, &ready->fcgi)) return ready;
	/* It was to be refused, and has sent its request only now. */
	refuse(worker, ready);
	return NULL;
}

/*
 * Waits for a request that must not wait while every other worker is busy. Returns its connection, which the caller
 * owns; NULL when the worker must end.
 */
struct hathi_connection *hathi_lane_next(struct hathi_worker *worker)
{
	uint64_t full_since = 0;
	struct hathi_connection *ready = NULL;
	atomic_store(&worker->shared->slots[worker->slot_number].may_accept, 1);
	while (ready == NULL && hathi_worker_may_accept(worker)) {
		uint64_t now = hathi_clock(CLOCK_MONOTONIC);
		bool takes = worker->accepting && atomic_load(&worker->shared->paused) == 0;
		bool is_full = takes && hathi_lane_is_full(worker);
		if (!is_full) full_since = 0;
		else if (full_since == 0) full_since = now;
		if (is_full || worker->held_count > 0 || unseen_count > 0)
			ready = step(worker, is_full && now - full_since >= GROWTH_MICROS);
		else
			sleep_until_full(worker);
	}
	if (ready != NULL) {
		hathi_count_priority(worker->slot.header);
		/* Nobody waits for this request's end, and another worker of the lane goes on. */
		look_at_unseen(worker, true);
		hathi_lane_wake(worker);
	} else {
		ready = last(worker);
	}
	hathi_worker_leave_accepting(worker);
	return ready;
}
