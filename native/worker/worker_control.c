#include "worker/worker_control.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/control.h"
#include "worker/log.h"

/* Deadlines for the master's status page, and for the host to read a request's output. */
enum { STATUS_WAIT_MS = 2000, FLUSH_WAIT_MS = 1000 };

/* Starts to accept connections. */
void hathi_worker_accept(struct hathi_worker *worker)
{
	if (worker->accepting) return;
	worker->accepting = true;
	hathi_worker_log_notes(worker);
	hathi_worker_listen(worker);
	if (worker->runs_scripts_only || worker->is_lane) return;
	/* While its host pauses, it still serves what others have accepted. */
	struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.u32 = HATHI_WAIT_LEFT};
	epoll_ctl(worker->epoll, EPOLL_CTL_ADD, worker->lane.queue_out, &event);
}

/* Watches the listening socket while the worker may accept, and only then. */
void hathi_worker_listen(struct hathi_worker *worker)
{
	bool listens = worker->accepting && !worker->runs_scripts_only && !worker->is_lane && atomic_load(&worker->shared->paused) == 0;
	if (listens == worker->listens) return;
	struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.u32 = HATHI_WAIT_LISTENER};
	epoll_ctl(worker->epoll, listens ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, worker->listen_fd, &event);
	worker->listens = listens;
}

/* Takes over a descriptor, in the place of one that nobody has asked for. */
static void keep(int *place, int *descriptor)
{
	if (*place >= 0) close(*place);
	*place = *descriptor;
	*descriptor = -1;
}

/* Obeys one message. Returns its type; 0 when there was no message. */
static uint32_t obey(struct hathi_worker *worker, struct hathi_control *control, int *descriptor)
{
	int got = hathi_control_receive(worker->control, control, descriptor);
	/* The host is gone, and with it the order to end. */
	if (got < 0) worker->retires = true;
	if (got <= 0) return 0;
	switch (control->type) {
	case HATHI_CONTROL_ACCEPT:
		hathi_worker_accept(worker);
		break;
	case HATHI_CONTROL_ACCESS_LOG:
		if (*descriptor < 0) break;
		if (worker->access_log.fd >= 0) close(worker->access_log.fd);
		worker->access_log.fd = *descriptor;
		*descriptor = -1;
		worker->log_generation++;
		break;
	case HATHI_CONTROL_CONNECTION:
		if (*descriptor < 0 || worker->given_count == HATHI_HELD) break;
		worker->given[worker->given_count++] = *descriptor;
		*descriptor = -1;
		break;
	case HATHI_CONTROL_PASSED_HEAD:
		keep(&worker->passed_head, descriptor);
		break;
	case HATHI_CONTROL_PASSED:
		keep(&worker->passed_fd, descriptor);
		break;
	default:
		break;
	}
	return control->type;
}

/* Obeys the host's messages. A status page that comes too late is dropped. */
void hathi_worker_control(struct hathi_worker *worker)
{
	struct hathi_control control;
	int descriptor;
	while (obey(worker, &control, &descriptor) != 0) {
		if (descriptor >= 0) close(descriptor);
	}
}

/*
 * Waits for an answer and puts it into *reply. Returns false when it does not come in time. The caller owns
 * *descriptor.
 */
static bool await(struct hathi_worker *worker, uint32_t type, uint32_t sequence, uint64_t milliseconds,
	struct hathi_control *reply, int *descriptor)
{
	uint64_t end = hathi_clock(CLOCK_MONOTONIC) + milliseconds * 1000;
	for (;;) {
		uint64_t now = hathi_clock(CLOCK_MONOTONIC);
		struct pollfd wait = {.fd = worker->control, .events = POLLIN};
		if (now >= end || worker->retires) return false;
		if (poll(&wait, 1, (int)((end - now) / 1000) + 1) <= 0) continue;
		if (obey(worker, reply, descriptor) == type && reply->sequence == sequence) return true;
		if (*descriptor >= 0) close(*descriptor);
	}
}

static bool has_unread(int pipe)
{
	int bytes = 0;
	return ioctl(pipe, FIONREAD, &bytes) == 0 && bytes > 0;
}

/*
 * Whether the host may not have passed on all output of the worker. The order matters: the host raises its flag
 * before it reads a pipe.
 */
static bool awaits_reader(const struct hathi_worker *worker)
{
	return has_unread(STDOUT_FILENO) || has_unread(STDERR_FILENO) ||
		atomic_load(&worker->shared->slots[worker->slot_number].is_being_read) != 0;
}

/*
 * Tells the host that a request is over, so its output is complete. If the host may not have read all of it, the next
 * request waits: once that has begun, the host could not tell their output apart, an unfinished line would run into
 * the next request's, and neither could be named. The worker does not wait for a host that is too slow.
 */
void hathi_worker_flush(struct hathi_worker *worker)
{
	struct hathi_control control = {.type = HATHI_CONTROL_FLUSH};
	control.sequence = hathi_slot_requests(worker->slot.header, worker->slot_number);
	control.status = awaits_reader(worker);
	bool is_sent = hathi_control_send(worker->control, &control, -1);
	bool is_sure = control.status == 0;
	if (is_sent && !is_sure) {
		int descriptor = -1;
		is_sure = await(worker, HATHI_CONTROL_FLUSHED, control.sequence, FLUSH_WAIT_MS, &control, &descriptor);
		if (descriptor >= 0) close(descriptor);
	}
	atomic_store(&worker->shared->slots[worker->slot_number].is_unsure, !is_sure);
}

/*
 * Asks the master for the pool's status page. Returns false when it does not come in time; otherwise *page is a file
 * with it, which the caller owns.
 */
bool hathi_worker_ask_status(struct hathi_worker *worker, const char *query, uint32_t *status, int *page)
{
	static uint32_t sequence;
	struct hathi_control control = {.type = HATHI_CONTROL_STATUS, .sequence = ++sequence};
	control.length = (uint32_t)strnlen(query, sizeof control.text);
	memcpy(control.text, query, control.length);
	if (!hathi_control_send(worker->control, &control, -1)) return false;
	if (!await(worker, HATHI_CONTROL_STATUS_REPLY, sequence, STATUS_WAIT_MS, &control, page)) return false;
	*status = control.status;
	return *page >= 0;
}
