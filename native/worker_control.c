#include "hathi.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "worker.h"

/* What host and worker say to each other, seen from the worker. */

/* How long the master has for a status page. */
enum { STATUS_WAIT_MS = 2000 };

/* From now on it takes connections. */
void hathi_worker_accept(struct hathi_worker *worker)
{
	if (worker->accepting) return;
	worker->accepting = true;
	hathi_worker_log_notes(worker);
	struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.u32 = HATHI_WAIT_LISTENER};
	epoll_ctl(worker->epoll, EPOLL_CTL_ADD, worker->listen_fd, &event);
}

/* Carries out one message. Returns its type, 0 when there was none. */
static uint32_t obey(struct hathi_worker *worker, struct hathi_control *control, int *descriptor)
{
	int got = hathi_control_receive(worker->control, control, descriptor);
	/* The host is gone: it would have to tell us to end. */
	if (got < 0) worker->retires = true;
	if (got <= 0) return 0;
	switch (control->type) {
	case HATHI_CONTROL_ACCEPT:
		hathi_worker_accept(worker);
		break;
	case HATHI_CONTROL_ACCESS_LOG:
		if (*descriptor < 0) break;
		if (worker->log_fd >= 0) close(worker->log_fd);
		worker->log_fd = *descriptor;
		*descriptor = -1;
		worker->log_generation++;
		break;
	default:
		break;
	}
	return control->type;
}

/* Takes what the host has to say. A status page that comes too late belongs to nobody. */
void hathi_worker_control(struct hathi_worker *worker)
{
	struct hathi_control control;
	int descriptor;
	while (obey(worker, &control, &descriptor) != 0) {
		if (descriptor >= 0) close(descriptor);
	}
}

/*
 * Asks the master for the pool's status page. Returns false when it does not come in time; else *page is a file
 * with it, and the caller's.
 */
bool hathi_worker_ask_status(struct hathi_worker *worker, const char *query, uint32_t *status, int *page)
{
	static uint32_t sequence;
	struct hathi_control control = {.type = HATHI_CONTROL_STATUS, .sequence = ++sequence};
	control.length = (uint32_t)strnlen(query, sizeof control.text);
	memcpy(control.text, query, control.length);
	if (!hathi_control_send(worker->control, &control, -1)) return false;
	uint64_t end = hathi_clock(CLOCK_MONOTONIC) + STATUS_WAIT_MS * 1000;
	for (;;) {
		uint64_t now = hathi_clock(CLOCK_MONOTONIC);
		struct pollfd wait = {.fd = worker->control, .events = POLLIN};
		if (now >= end || worker->retires) return false;
		if (poll(&wait, 1, (int)((end - now) / 1000) + 1) <= 0) continue;
		if (obey(worker, &control, page) == HATHI_CONTROL_STATUS_REPLY && control.sequence == sequence && *page >= 0) {
			*status = control.status;
			return true;
		}
		if (*page >= 0) close(*page);
	}
}
