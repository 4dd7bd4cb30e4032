#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shared/process.h"
#include "worker/cpu_timer.h"
#include "worker/faults.h"
#include "worker/limits.h"
#include "worker/next_request.h"
#include "worker/scheduler.h"
#include "worker/turn.h"

static void serve(struct hathi_worker *worker)
{
	struct hathi_connection *connection;
	hathi_turn_come_up(worker);
	while ((connection = hathi_turn_next(worker)) != NULL) {
		uint64_t started = hathi_turn_begin(worker, connection);
		if (!worker->engine->serve(worker, connection)) worker->retires = true;
		hathi_turn_settle(worker, started);
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
	worker->accepts_at_once = setup->accepting;
	worker->booted_slots = setup->booted_slots;
	worker->lane = setup->lane;
	worker->is_lane = setup->slot_number >= setup->lane.first_slot;
	worker->runs_scripts_only = !worker->is_lane && setup->slot_number >= setup->booted_slots;
	worker->passed_head = -1;
	worker->passed_fd = -1;
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
	hathi_slot_open(&worker->slot, setup->scoreboard, setup->slot_number, (uint32_t)getpid(),
		setup->keeps_counts);
	hathi_routes_open(&worker->routes, setup->scoreboard, setup->slot_count, &setup->shared->routes_holder,
		setup->slot_number);
	hathi_scheduler_start(worker->settings);
	if (worker->script != NULL && !worker->runs_scripts_only) worker->engine->run(worker);
	else serve(worker);
	/* PHP's own shutdown would run that of every extension in a process that ends anyway. */
	_exit(worker->exit_code);
}
