#include "worker/pass.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/control.h"
#include "wire/record.h"
#include "worker/faults.h"
#include "worker/next_request.h"
#include "worker/worker_control.h"

/*
 * In worker mode the accepting workers hold the application. The host passes a request for another script of the pool
 * to a worker that runs scripts: a booted worker cannot run it, because the application's declarations would be in
 * its way. The worker passes the connection and, in a memory file, the input that it has read.
 */

/* Deadline for the host to read a passed connection. */
enum { PASS_WAIT_MS = 1000 };

/* Head of a passed connection's file. The read records follow, then the rest of the raw input. */
struct passed {
	uint64_t accepted;
	uint32_t head;
	uint32_t rest;
	bool gave_up;
	char peer[HATHI_PEER_BYTES];
};

static void put_record(FILE *stream, const struct hathi_fcgi *fcgi, enum hathi_record type, const void *bytes,
	size_t length, size_t padding)
{
	uint8_t header[HATHI_HEADER_BYTES];
	hathi_record_header(header, (uint8_t)type, fcgi->id, length, padding);
	fwrite(header, 1, sizeof header, stream);
	fwrite(bytes, 1, length, stream);
}

static size_t put_length(uint8_t *target, uint32_t length)
{
	if (length < 0x80) {
		target[0] = (uint8_t)length;
		return 1;
	}
	for (int index = 0; index < 4; index++) target[index] = (uint8_t)(length >> (24 - 8 * index));
	target[0] |= 0x80;
	return 4;
}

/* The records that began the request: its parameters as sent, the last record with its unread padding. */
static char *write_head(const struct hathi_fcgi *fcgi, size_t *size)
{
	char *pairs = NULL;
	size_t length = 0;
	char *head = NULL;
	FILE *stream = open_memstream(&pairs, &length);
	if (stream == NULL) return NULL;
	for (uint32_t index = 0; index < fcgi->params_count; index++) {
		const struct hathi_pair *pair = fcgi->params + index;
		uint8_t lengths[8];
		size_t used = put_length(lengths, pair->name_length);
		used += put_length(lengths + used, pair->value_length);
		fwrite(lengths, 1, used, stream);
		fwrite(pair->name, 1, pair->name_length, stream);
		fwrite(pair->value, 1, pair->value_length, stream);
	}
	bool is_whole = fclose(stream) == 0;
	stream = is_whole ? open_memstream(&head, size) : NULL;
	if (stream == NULL) {
		free(pairs);
		return NULL;
	}
	const uint8_t begin[8] = {0, (uint8_t)fcgi->role, fcgi->keep ? HATHI_KEEP_CONNECTION : 0};
	put_record(stream, fcgi, HATHI_RECORD_BEGIN, begin, sizeof begin, 0);
	for (size_t at = 0; at < length; at += UINT16_MAX)
		put_record(stream, fcgi, HATHI_RECORD_PARAMS, pairs + at, length - at < UINT16_MAX ? length - at : UINT16_MAX, 0);
	put_record(stream, fcgi, HATHI_RECORD_PARAMS, "", 0, fcgi->in_record ? fcgi->padding_left : 0);
	free(pairs);
	if (fclose(stream) == 0) return head;
	free(head);
	return NULL;
}

/* A file with all input read from the connection; -1 when there is no room for it. */
static int write_passed(const struct hathi_connection *connection)
{
	struct passed passed = {
		.accepted = connection->accepted,
		.rest = (uint32_t)(connection->filled - connection->at),
		.gave_up = connection->gave_up,
	};
	size_t length = 0;
	char *head = write_head(&connection->fcgi, &length);
	int file = head == NULL ? -1 : memfd_create("hathi-passed", MFD_CLOEXEC);
	passed.head = (uint32_t)length;
	memcpy(passed.peer, connection->peer, sizeof passed.peer);
	bool is_written = file >= 0 && write(file, &passed, sizeof passed) == (ssize_t)sizeof passed &&
		write(file, head, length) == (ssize_t)length &&
		write(file, connection->bytes + connection->at, passed.rest) == (ssize_t)passed.rest;
	free(head);
	if (is_written || file < 0) return file;
	close(file);
	return -1;
}

/* Sends a message with its descriptor. It does not wait for a host that reads nothing for long. */
static bool send_to_host(const struct hathi_worker *worker, uint32_t type, int descriptor)
{
	const struct hathi_control control = {.type = type};
	uint64_t end = hathi_clock(CLOCK_MONOTONIC) + PASS_WAIT_MS * 1000;
	while (!hathi_control_send(worker->control, &control, descriptor)) {
		uint64_t now = hathi_clock(CLOCK_MONOTONIC);
		struct pollfd wait = {.fd = worker->control, .events = POLLOUT};
		if (now >= end || poll(&wait, 1, (int)((end - now) / 1000) + 1) <= 0) return false;
	}
	return true;
}

static void refuse(struct hathi_worker *worker, struct hathi_connection *connection)
{
	static const char page[] = "Status: 503 Service Unavailable\r\nContent-type: text/plain; charset=UTF-8\r\n\r\n"
		"Too many requests wait for a worker that runs scripts.\n";
	hathi_output_start(&worker->output, connection->fd, connection->fcgi.id);
	hathi_output_write(&worker->output, HATHI_RECORD_STDOUT, page, sizeof page - 1);
	hathi_output_end(&worker->output);
	worker->may_reuse = false;
	hathi_connection_finish(worker, connection);
}

/*
 * Passes the connection of a request for another script to a worker that runs scripts, and closes it here. When the
 * host's queue is full, the client is told.
 */
void hathi_pass(struct hathi_worker *worker, struct hathi_connection *connection)
{
	bool is_full = atomic_load(&worker->shared->passed) >= HATHI_PASSED_MOST;
	int file = is_full ? -1 : write_passed(connection);
	bool is_sent = file >= 0 && send_to_host(worker, HATHI_CONTROL_PASSED_HEAD, file) &&
		send_to_host(worker, HATHI_CONTROL_PASSED, connection->fd);
	if (file >= 0) close(file);
	if (is_sent) hathi_connection_close(worker, connection);
	else refuse(worker, connection);
}

/* --- in the worker that runs scripts --------------------------------------------------------------------------------- */

/* Runs the parser over the input so far. Returns whether it has found the request. */
static bool replay(struct hathi_connection *connection, const uint8_t *head, size_t length)
{
	const uint8_t *end = head + length;
	for (;;) {
		switch (hathi_fcgi_next(&connection->fcgi, &head, end)) {
		case HATHI_FCGI_REQUEST:
			return head == end;
		case HATHI_FCGI_STARTED:
			break;
		default:
			return false;
		}
	}
}

/* Restores a passed connection. Returns false when its file is malformed. */
static bool restore(struct hathi_connection *connection, int file)
{
	struct passed passed;
	enum { HEAD_MOST = 2 * HATHI_PARAMS_BYTES };
	if (pread(file, &passed, sizeof passed, 0) != (ssize_t)sizeof passed) return false;
	if (passed.head > HEAD_MOST || passed.rest > sizeof connection->bytes) return false;
	uint8_t *head = malloc(passed.head);
	if (head == NULL) return false;
	bool is_whole = pread(file, head, passed.head, sizeof passed) == (ssize_t)passed.head &&
		pread(file, connection->bytes, passed.rest, (off_t)(sizeof passed + passed.head)) == (ssize_t)passed.rest &&
		replay(connection, head, passed.head);
	free(head);
	connection->filled = passed.rest;
	connection->accepted = passed.accepted;
	connection->gave_up = passed.gave_up;
	memcpy(connection->peer, passed.peer, sizeof connection->peer);
	connection->peer[sizeof connection->peer - 1] = '\0';
	return is_whole;
}

/* The connection that the host has passed on, restored; NULL without one. */
static struct hathi_connection *take_passed(struct hathi_worker *worker)
{
	if (worker->passed_fd < 0) return NULL;
	struct hathi_connection *connection = hathi_connection_open(worker, worker->passed_fd);
	bool is_whole = connection != NULL && worker->passed_head >= 0 && restore(connection, worker->passed_head);
	if (worker->passed_head >= 0) close(worker->passed_head);
	worker->passed_head = -1;
	worker->passed_fd = -1;
	if (is_whole) return connection;
	if (connection != NULL) hathi_connection_close(worker, connection);
	return NULL;
}

/* Waits for the next passed request; the worker itself accepts none. Returns NULL when the worker must end. */
struct hathi_connection *hathi_pass_next(struct hathi_worker *worker)
{
	for (;;) {
		struct hathi_connection *connection = take_passed(worker);
		if (connection != NULL) return connection;
		if (hathi_worker_is_to_end(worker)) return NULL;
		if (!send_to_host(worker, HATHI_CONTROL_WAITS, -1)) return NULL;
		while (worker->passed_fd < 0 && !hathi_worker_is_to_end(worker)) {
			struct pollfd wait[] = {{.fd = worker->control, .events = POLLIN}, {.fd = hathi_quit_fd(), .events = POLLIN}};
			poll(wait, 2, -1);
			hathi_worker_control(worker);
		}
		/* The host raises the flag after it has sent a request, which may not have been read yet. */
		if (worker->passed_fd < 0) hathi_worker_control(worker);
	}
}
