/* A connection of a worker: connection.c, and the body of its request, body.c. */
#ifndef HATHI_CONNECTION_H
#define HATHI_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/fcgi.h"

enum {
	HATHI_INPUT_BYTES = 64 * 1024,
	HATHI_PEER_BYTES = 64,
	/* A client may pause this long inside the body of its request. */
	HATHI_BODY_WAIT_MS = 60 * 1000,
};

struct hathi_connection {
	int fd;
	struct hathi_fcgi fcgi;
	/* Unparsed input: bytes[at .. filled]. */
	size_t at;
	size_t filled;
	uint64_t accepted;
	/* Deadline for the next input, CLOCK_MONOTONIC microseconds; 0 without one. */
	uint64_t deadline;
	/* It has served a request and waits for the next one. */
	bool is_kept;
	/* Some of its input was read. */
	bool has_spoken;
	/* Its request is complete except for the body. */
	bool awaits_body;
	/* The rest of the body did not come, or came too slowly: the request is not served. */
	bool gave_up;
	/* CLOCK_MONOTONIC microseconds at which the script first asked for the body. */
	uint64_t body_began;
	/* Since this time others have waited for the worker while the body comes too slowly; 0 while nobody waits. */
	uint64_t wanted_since;
	char peer[HATHI_PEER_BYTES];
	uint8_t bytes[HATHI_INPUT_BYTES];
};

enum hathi_read { HATHI_READ_REQUEST, HATHI_READ_MORE, HATHI_READ_CLOSED };

struct hathi_worker;

struct hathi_connection *hathi_connection_open(struct hathi_worker *worker, int fd);
enum hathi_read hathi_connection_read(struct hathi_worker *worker, struct hathi_connection *connection);
bool hathi_connection_reply(const struct hathi_connection *connection);
void hathi_connection_close(struct hathi_worker *worker, struct hathi_connection *connection);
bool hathi_connection_leave(const struct hathi_worker *worker, struct hathi_connection *connection);
void hathi_connection_let_go(const struct hathi_worker *worker, struct hathi_connection *connection);
void hathi_connection_finish(struct hathi_worker *worker, struct hathi_connection *connection);
size_t hathi_connection_body(struct hathi_worker *worker, struct hathi_connection *connection, char *target,
	size_t size);

#endif
