#include "worker/worker.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/control.h"
#include "shared/process.h"
#include "worker/cpu_timer.h"
#include "worker/demand.h"
#include "worker/faults.h"
#include "worker/limits.h"
#include "worker/next_request.h"
#include "worker/scheduler.h"
#include "worker/worker_control.h"

/* After a longer request the worker yields, so that answers come in a fair order. */
enum { YIELD_MICROS = 500 };

static void serve(struct hathi_worker *worker)
{
	struct hathi_connection *connection;
	while ((connection = hathi_next_request(worker)) != NULL) {
		uint64_t started = connection->accepted;
		hathi_demand_show_free(worker, false);
		if (worker->requests_left > 0) worker->requests_left--;
		worker->may_reuse = !hathi_worker_is_to_end(worker) && worker->requests_left > 0;
		if (!worker->engine->serve(worker, connection)) worker->retires = true;
		if (worker->requests_left == 0) worker->retires = true;
		if (worker->catches_output) hathi_worker_flush(worker);
		hathi_demand_show_free(worker, worker->held_count == 0 && !worker->retires);
		hathi_slot_idle(&worker->slot);
		worker->is_quick = hathi_clock(CLOCK_MONOTONIC) - started < YIELD_MICROS;
		if (!worker->is_quick) sched_yield();
	}
}

/* The life of a worker in its own process. */
void hathi_worker_main(const struct hathi_worker_setup *setup)
{
	struct hathi_worker *worker = calloc(1, sizeof *worker);
	char title[256];
	if (worker == NULL || !hathi_faults_install()) _exit(HATHI_EXIT_FAILED);
	worker->engine = setup->engine;
	worker->settings = setup->settings;
	worker->notes = setup->notes;
	worker->shared = setup->shared;
	worker->slot_number = setup->slot_number;
	worker->slot_count = setup->slot_count;
	worker->control = setup->control;
	worker->listen_fd = setup->listen_fd;
	worker->log_generation = atomic_load(&setup->shared->log_generation);
	worker->catches_output = setup->catches_output;
	worker->pool = setup->pool;
	worker->access_log = (struct hathi_access_log){
		.fd = setup->log_fd,
		.format = setup->access_format,
		.settings = setup->settings,
	};
	hathi_worker_read_settings(worker, setup->notes);
	if (!hathi_worker_wait_prepare(worker)) _exit(HATHI_EXIT_FAILED);
	hathi_limits_set(setup->settings, setup->pool, setup->notes);
	snprintf(title, sizeof title, "php-fpm: pool %s", setup->pool);
	hathi_title_set(title);
	hathi_cpu_timer_start();
	worker->engine->begin(worker);
	hathi_slot_open(&worker->slot, setup->scoreboard, setup->slot_number, (uint32_t)getpid());
	hathi_routes_open(&worker->routes, setup->scoreboard, setup->slot_count, &setup->shared->routes_holder,
		setup->slot_number);
	hathi_slot_idle(&worker->slot);
	hathi_scheduler_start(worker->settings);
	if (setup->accepting) hathi_worker_accept(worker);
	struct hathi_control up = {.type = HATHI_CONTROL_UP};
	hathi_control_send(worker->control, &up, -1);
	serve(worker);
	/* PHP's own shutdown would run that of every extension in a process that ends anyway. */
	_exit(0);
}
