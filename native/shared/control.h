/* Messages between host and worker: one datagram each, some with a descriptor. */
#ifndef HATHI_CONTROL_H
#define HATHI_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum hathi_control_type {
	/* Host to worker. */
	HATHI_CONTROL_ACCEPT = 'A',
	HATHI_CONTROL_LOOK_AGAIN = 'N',
	/* With the descriptor of a connection, which the worker serves as if it had accepted it. */
	HATHI_CONTROL_CONNECTION = 'C',
	/* With the new access log's descriptor. */
	HATHI_CONTROL_ACCESS_LOG = 'L',
	/* With a descriptor whose file holds the status page. */
	HATHI_CONTROL_STATUS_REPLY = 'R',
	/* The host has read all that the worker wrote before its FLUSH. */
	HATHI_CONTROL_FLUSHED = 'D',
	/* Orders the worker to end, while it waits. A worker that runs a request looks at its flag afterwards. */
	HATHI_CONTROL_QUIT = 'Q',
	/*
	 * A connection of a request for a script, from a worker with an application by way of the host to one without: first
	 * the file with what has been read of it, then the connection itself, each with its descriptor.
	 */
	HATHI_CONTROL_PASSED_HEAD = 'H',
	HATHI_CONTROL_PASSED = 'P',
	/* Worker to host. */
	HATHI_CONTROL_UP = 'U',
	/* A worker that runs scripts beside an application waits for one. */
	HATHI_CONTROL_WAITS = 'W',
	/* Why its application could not be booted. It ends next. */
	HATHI_CONTROL_BOOT_FAILED = 'B',
	/* Why the applications of all workers are to boot anew. */
	HATHI_CONTROL_RENEW = 'E',
	HATHI_CONTROL_FLUSH = 'F',
	/* It has stopped accepting, since the host drains. */
	HATHI_CONTROL_STOPPED = 'T',
	HATHI_CONTROL_STATUS = 'S',
	/* A line for the master's log; its level is in `status`. */
	HATHI_CONTROL_LOG = 'G',
	/* With a descriptor of the worker's memory, or the reason why it has none. */
	HATHI_CONTROL_MEMORY = 'M',
};

enum { HATHI_CONTROL_TEXT = 2048 };

struct hathi_control {
	uint32_t type;
	/*
	 * STATUS: the question's number; in the reply also the HTTP status. FLUSH: how many requests it has begun; with a
	 * status other than 0 the worker waits for the answer.
	 */
	uint32_t sequence;
	uint32_t status;
	uint32_t length;
	char text[HATHI_CONTROL_TEXT];
};

bool hathi_send_descriptor(int fd, const void *bytes, size_t length, int descriptor);
ssize_t hathi_receive_descriptor(int fd, void *bytes, size_t size, int *descriptor);
bool hathi_control_send(int fd, const struct hathi_control *control, int descriptor);
int hathi_control_receive(int fd, struct hathi_control *control, int *descriptor);

#endif
