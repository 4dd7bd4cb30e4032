#include "worker/turn.h"

#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "shared/clock.h"
#include "shared/control.h"
#include "shared/process.h"
#include "shared/text.h"
#include "worker/demand.h"
#include "worker/held.h"
#include "worker/lane.h"
#include "worker/next_request.h"
#include "worker/pass.h"
#include "worker/worker_control.h"

/* After a longer request the worker yields, so that answers come in a fair order. */
enum {
	YIELD_MICROS = 500,
	RENEWAL_MICROS = 5 * 1000 * 1000,
};

/* Tells the host once that the worker takes requests. */
void hathi_turn_come_up(struct hathi_worker *worker)
{
	const struct hathi_control up = {.type = HATHI_CONTROL_UP};
	hathi_slot_idle(&worker->slot);
	if (worker->is_up) return;
	worker->is_up = true;
	if (worker->accepts_at_once) hathi_worker_accept(worker);
	hathi_control_send(worker->control, &up, -1);
}

/* Waits for the next request. Returns its connection, which the caller owns; NULL when the worker must end. */
struct hathi_connection *hathi_turn_next(struct hathi_worker *worker)
{
	struct hathi_connection *late = worker->late;
	worker->late = NULL;
	if (late != NULL) return late;
	if (worker->is_lane) return hathi_lane_next(worker);
	return worker->runs_scripts_only ? hathi_pass_next(worker) : hathi_next_request(worker);
}

/*
 * The worker begins a request. Returns the time at which its connection was accepted, for hathi_turn_settle(). Behind
 * the script of another client that is the end of that turn: the wait is no part of the request, whose time limits and
 * duration count from here.
 */
uint64_t hathi_turn_begin(struct hathi_worker *worker, struct hathi_connection *connection)
{
	if (connection->accepted < worker->free_since) connection->accepted = worker->free_since;
	hathi_demand_show_free(worker, false);
	if (worker->requests_left > 0 && worker->requests_left != UINT64_MAX) worker->requests_left--;
	/* The next request of a passed connection may be for the application again, and that of a lane's may wait. */
	bool is_ordinary = !worker->runs_scripts_only && !worker->is_lane;
	if (worker->held_count > 0 && is_ordinary) hathi_held_leave(worker, !connection->is_kept);
	worker->may_reuse = !hathi_worker_is_to_end(worker) && worker->requests_left > 0 && is_ordinary;
	return connection->accepted;
}

/* The request is over, and so is everything that belongs to it. */
void hathi_turn_settle(struct hathi_worker *worker, uint64_t started)
{
	if (worker->requests_left == 0) worker->retires = true;
	if (worker->catches_output) hathi_worker_flush(worker);
	bool is_ordinary = !worker->runs_scripts_only && !worker->is_lane;
	hathi_demand_show_free(worker, worker->held_count == 0 && !worker->retires && is_ordinary);
	hathi_slot_idle(&worker->slot);
	worker->free_since = hathi_clock(CLOCK_MONOTONIC);
	worker->is_quick = worker->free_since - started < YIELD_MICROS;
	if (!worker->is_quick) sched_yield();
}

/*
 * The application is about to boot again. Gives up idle connections, whose next requests would wait for the boot. A
 * request that comes in the last moment is served first afterwards.
 */
void hathi_turn_give_up_kept(struct hathi_worker *worker)
{
	hathi_demand_show_free(worker, false);
	if (worker->late == NULL) worker->late = hathi_held_give_up_kept(worker);
}

/*
 * Asks the master for another generation, whose applications boot anew. One worker at a time asks, and again where
 * nothing comes of it.
 */
void hathi_turn_ask_renewal(struct hathi_worker *worker, const char *reason)
{
	struct hathi_control control = {.type = HATHI_CONTROL_RENEW};
	uint64_t now = hathi_clock(CLOCK_MONOTONIC);
	uint64_t last = atomic_load(&worker->shared->renewal_at);
	if (last != 0 && now - last < RENEWAL_MICROS) return;
	if (!atomic_compare_exchange_strong(&worker->shared->renewal_at, &last, now)) return;
	control.length = (uint32_t)snprintf(control.text, sizeof control.text, "%s", reason);
	hathi_control_send(worker->control, &control, -1);
}

/* Whether the worker ends with this turn: it is to end, and no client that it has accepted waits. */
bool hathi_turn_is_last(const struct hathi_worker *worker)
{
	return hathi_worker_is_to_end(worker) && worker->held_count == 0 && worker->late == NULL;
}

/* The application could not boot: tells the master why. The worker ends. */
void hathi_turn_fail_boot(struct hathi_worker *worker, const char *format, ...)
{
	struct hathi_control control = {.type = HATHI_CONTROL_BOOT_FAILED};
	va_list arguments;
	va_start(arguments, format);
	control.length = (uint32_t)hathi_format(control.text, sizeof control.text, format, arguments);
	va_end(arguments);
	hathi_control_send(worker->control, &control, -1);
	worker->exit_code = HATHI_EXIT_FAILED;
}
