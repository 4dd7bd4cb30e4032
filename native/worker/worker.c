#include "hathi.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "php/php_glue.h"
#include "worker/worker.h"

/*
 * A worker takes connections by itself. Idle workers without a connection sleep in an epoll set of their own, with
 * EPOLLEXCLUSIVE: a new connection wakes one of them. That wake-up is a debt. The kernel gives it to nobody else,
 * so whoever left epoll_wait(2) tries to accept before anything else, even when it was told to end meanwhile: else
 * the connection would wait while all the others sleep, also those of a newer generation on the same socket. One
 * that is killed in between cannot; its host then tells the others to look (HATHI_CONTROL_LOOK_AGAIN). A worker that
 * is not in epoll_wait(2) takes no wake-up.
 *
 * A worker that holds connections, silent ones or one that is kept, waits with poll(2) for all of them and for new
 * ones, beside the one that is woken: no client can hold it by silence.
 */

enum {
	/* As PHP-FPM: a connection that says nothing at all is closed after this. */
	SILENT_WAIT_MICROS = 5 * 1000 * 1000,
	/* A client writes right after it has connected: so long the worker waits before it looks for others. */
	FIRST_BYTE_WAIT_MS = 20,
	/* With a held connection: how many milliseconds a free worker has for taking a new one first. */
	LEAVE_TO_OTHERS_MS = 50,
	/* A worker that is to end waits so long for those who have connected and not sent their request yet. */
	GRACE_MICROS = 1000 * 1000,
	/* Less than this was no sleep: the next connection was there already. */
	PRESSED_MICROS = 10,
	ACCEPT_PAUSE_MICROS = 100 * 1000,
	/* After a longer request others get the processor first: answers come in a fair order then. */
	YIELD_MICROS = 500,
};

/* --- accepting ---------------------------------------------------------------------------------------------- */

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
	worker->held[worker->held_count++] = connection;
}

/*
 * Takes a waiting connection. Returns it when its request is complete; else it is held or closed. *took tells
 * whether there was one.
 */
static struct hathi_connection *accept_one(struct hathi_worker *worker, bool *took)
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

/* Tells the others whether this worker takes the next connection at once and gives up none for it. */
static void show_free(struct hathi_worker *worker, bool is_free)
{
	atomic_store_explicit(&worker->shared->slots[worker->slot_number].is_free, is_free, memory_order_relaxed);
}

/* Whether another worker waits for any connection and holds none. */
static bool another_is_free(const struct hathi_worker *worker)
{
	for (uint32_t slot = 0; slot < worker->slot_count; slot++) {
		if (slot != worker->slot_number && atomic_load(&worker->shared->slots[slot].is_free) != 0) return true;
	}
	return false;
}

static bool connection_waits(const struct hathi_worker *worker)
{
	struct pollfd listener = {.fd = worker->listen_fd, .events = POLLIN};
	return poll(&listener, 1, 0) > 0;
}

/* Whether somebody waits for a worker, and for no other one that is free. */
bool hathi_worker_is_wanted(const struct hathi_worker *worker)
{
	return connection_waits(worker) && !another_is_free(worker);
}

/* --- waiting ------------------------------------------------------------------------------------------------ */

/* Without connections: sleeps until there is one, a word of the host or the order to quit. */
static void wait_free(struct hathi_worker *worker)
{
	struct epoll_event events[4];
	uint64_t before = hathi_clock(CLOCK_MONOTONIC);
	int count = epoll_wait(worker->epoll, events, 4, -1);
	worker->owes_accept = worker->accepting;
	worker->is_pressed = hathi_clock(CLOCK_MONOTONIC) - before < PRESSED_MICROS;
	for (int index = 0; index < count; index++) {
		if (events[index].data.u32 == HATHI_WAIT_CONTROL) hathi_worker_control(worker);
	}
}

static bool is_to_end(const struct hathi_worker *worker)
{
	return hathi_is_quitting() || worker->retires ||
		atomic_load(&worker->shared->slots[worker->slot_number].is_to_end) != 0;
}

/* Whether it may accept: asked before each time, after it has shown so. */
static bool is_to_accept(const struct hathi_worker *worker)
{
	return !is_to_end(worker) && atomic_load(&worker->shared->draining) == 0;
}

/* It has accepted for now. A host that drains waits for that. */
static void leave_accepting(struct hathi_worker *worker)
{
	atomic_uint *may_accept = &worker->shared->slots[worker->slot_number].may_accept;
	if (atomic_exchange(may_accept, 0) == 0 || atomic_load(&worker->shared->draining) == 0) return;
	struct hathi_control stopped = {.type = HATHI_CONTROL_STOPPED};
	hathi_control_send(worker->control, &stopped, -1);
}

/*
 * Ends what rests, and waits for those who connected in good faith and have not sent their request yet. Returns a
 * request, or NULL when nothing is left.
 */
static struct hathi_connection *next_while_quitting(struct hathi_worker *worker)
{
	bool ignored;
	if (worker->owes_accept) {
		struct hathi_connection *ready = accept_one(worker, &ignored);
		if (ready != NULL) return ready;
	}
	leave_accepting(worker);
	uint64_t latest = hathi_clock(CLOCK_MONOTONIC) + GRACE_MICROS;
	for (uint32_t index = worker->held_count; index-- > 0;) {
		uint64_t *deadline = &worker->held[index]->deadline;
		if (*deadline == 0 || *deadline > latest) *deadline = latest;
		if (!worker->held[index]->is_kept) continue;
		struct hathi_connection *ready = hathi_held_read(worker, index);
		if (ready != NULL) return ready;
		if (index < worker->held_count && worker->held[index]->is_kept) hathi_held_close(worker, index);
	}
	while (worker->held_count > 0) {
		struct hathi_connection *ready = hathi_held_wait(worker, false, -1, &ignored);
		if (ready != NULL) return ready;
	}
	return NULL;
}

/* The next complete request; NULL when the worker is to end. */
static struct hathi_connection *find_request(struct hathi_worker *worker)
{
	int left_to_others = 0;
	for (;;) {
		if (!is_to_accept(worker)) return next_while_quitting(worker);
		struct hathi_connection *ready = hathi_held_pipelined(worker);
		if (ready != NULL) return ready;
		bool waits = true;
		if (worker->held_count > 0) {
			bool leaves = left_to_others > 0;
			int room_in = hathi_held_room_in(worker);
			int most = leaves ? 1 : room_in > 0 ? room_in : -1;
			ready = hathi_held_wait(worker, worker->accepting && !leaves && room_in == 0, most, &waits);
			if (ready != NULL) return ready;
			if (room_in > 0) continue;
			if (leaves) waits = connection_waits(worker);
			if (!waits) left_to_others = 0;
		}
		if (!worker->accepting) {
			if (worker->held_count == 0) wait_free(worker);
			continue;
		}
		if (!waits) continue;
		/*
		 * A free worker has been woken as well. It need not give up a kept connection, and the client of a silent one
		 * will not have to wait for this one's script.
		 */
		if (worker->held_count > 0 && left_to_others < LEAVE_TO_OTHERS_MS && another_is_free(worker)) {
			left_to_others++;
			continue;
		}
		left_to_others = 0;
		bool is_free = worker->held_count == 0;
		show_free(worker, is_free);
		if (is_free && !worker->is_pressed && !worker->owes_accept) {
			wait_free(worker);
			continue;
		}
		bool took;
		ready = accept_one(worker, &took);
		if (ready != NULL) return ready;
		if (!took) worker->is_pressed = false;
	}
}

static struct hathi_connection *next_request(struct hathi_worker *worker)
{
	atomic_store(&worker->shared->slots[worker->slot_number].may_accept, 1);
	struct hathi_connection *ready = find_request(worker);
	leave_accepting(worker);
	return ready;
}

/* --- the worker's life --------------------------------------------------------------------------------------- */

/* The epoll set of a worker without connections. */
static bool make_epoll(struct hathi_worker *worker)
{
	worker->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (worker->epoll < 0) return false;
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = HATHI_WAIT_CONTROL};
	if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, worker->control, &event) != 0) return false;
	event.data.u32 = HATHI_WAIT_QUIT;
	return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, hathi_quit_fd(), &event) == 0;
}

static void serve(struct hathi_worker *worker)
{
	struct hathi_connection *connection;
	while ((connection = next_request(worker)) != NULL) {
		uint64_t started = connection->accepted;
		show_free(worker, false);
		if (worker->requests_left > 0) worker->requests_left--;
		worker->may_reuse = !is_to_end(worker) && worker->requests_left > 0;
		if (!hathi_request_serve(worker, connection)) worker->retires = true;
		if (worker->requests_left == 0) worker->retires = true;
		if (worker->catches_output) hathi_worker_flush(worker);
		show_free(worker, worker->held_count == 0 && !worker->retires);
		hathi_slot_idle(&worker->slot);
		worker->is_quick = hathi_clock(CLOCK_MONOTONIC) - started < YIELD_MICROS;
		if (!worker->is_quick) sched_yield();
	}
}

/* The life of a worker in its own process. */
void hathi_worker_main(struct hathi_host *host, uint32_t slot, int control)
{
	struct hathi_worker *worker = calloc(1, sizeof *worker);
	char title[256];
	if (worker == NULL || !hathi_faults_install()) _exit(HATHI_EXIT_FAILED);
	worker->settings = &host->settings;
	worker->shared = host->shared;
	worker->slot_number = slot;
	worker->slot_count = host->slot_count;
	worker->control = control;
	worker->listen_fd = host->listen_fd;
	worker->log_fd = host->log_fd;
	worker->log_generation = atomic_load(&host->shared->log_generation);
	worker->catches_output = host->catches_output;
	worker->pool = host->pool;
	worker->access_format = host->access_format;
	worker->host = host;
	hathi_worker_read_settings(worker, host);
	if (!make_epoll(worker)) _exit(HATHI_EXIT_FAILED);
	hathi_rights_limit_worker(host);
	snprintf(title, sizeof title, "php-fpm: pool %s", host->pool);
	hathi_title_set(title);
	hathi_cpu_timer_start();
	hathi_folder_start();
	hathi_php_in_worker(worker);
	hathi_slot_open(&worker->slot, host->scoreboard, slot, (uint32_t)getpid());
	hathi_slot_idle(&worker->slot);
	hathi_scheduler_start(worker->settings);
	if (host->accepting) hathi_worker_accept(worker);
	struct hathi_control up = {.type = HATHI_CONTROL_UP};
	hathi_control_send(worker->control, &up, -1);
	serve(worker);
	/* PHP's own end would run the shutdown of every extension in a process that is going anyway. */
	_exit(0);
}
