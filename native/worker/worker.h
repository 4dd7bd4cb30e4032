/* A worker: one process that takes connections and serves requests (worker.c, worker_settings.c). */
#ifndef HATHI_WORKER_H
#define HATHI_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "record/access.h"
#include "record/route.h"
#include "record/slot.h"
#include "shared/lane.h"
#include "shared/level.h"
#include "shared/memory.h"
#include "shared/notes.h"
#include "shared/settings.h"
#include "wire/clients.h"
#include "wire/output.h"
#include "worker/connection.h"
#include "worker/engine.h"

enum { HATHI_HELD = 8 };

/* A new worker's inheritance from its host. */
struct hathi_worker_setup {
	const struct hathi_engine *engine;
	const struct hathi_settings *settings;
	const struct hathi_access_format *access_format;
	const char *pool;
	uint8_t *scoreboard;
	struct hathi_shared *shared;
	struct hathi_notes *notes;
	uint32_t slot_number;
	uint32_t slot_count;
	/* In worker mode the slots of workers with the application; those behind run scripts. Else all. */
	uint32_t booted_slots;
	struct hathi_lane lane;
	int control;
	int listen_fd;
	int log_fd;
	bool catches_output;
	bool accepting;
	/* Nobody has counted what the slot's last worker did: the slot's counters go on. */
	bool keeps_counts;
};

struct hathi_worker {
	const struct hathi_engine *engine;
	const struct hathi_settings *settings;
	const struct hathi_notes *notes;
	struct hathi_shared *shared;
	struct hathi_slot slot;
	struct hathi_routes routes;
	struct hathi_clients clients;
	struct hathi_connection *held[HATHI_HELD];
	uint32_t held_count;
	/* Clients in a row that did not write at once. */
	uint32_t silent_clients;
	/* Connections given up for others since a silent one last sent its request. */
	uint32_t made_room;
	struct hathi_connection *spare;
	/* A request that is served before any other. */
	struct hathi_connection *late;
	uint32_t slot_number;
	uint32_t slot_count;
	uint32_t booted_slots;
	struct hathi_lane lane;
	int control;
	int listen_fd;
	int epoll;
	/* Connections of the master's own that the host has passed, to be held. */
	int given[HATHI_HELD];
	uint32_t given_count;
	/* A connection that the host has passed on, and the file with what was read of it; -1 for none. */
	int passed_fd;
	int passed_head;
	int exit_code;
	uint32_t log_generation;
	bool accepting;
	/* The listening socket is in its epoll set. */
	bool listens;
	/* It accepts from the moment that it is up. */
	bool accepts_at_once;
	bool is_up;
	/* In a pool in worker mode: it has no application, and gets its requests from the host. */
	bool runs_scripts_only;
	/* It serves what must not wait, and otherwise sleeps (lane.c). */
	bool is_lane;
	/* The application boots again after a handler that ended by exit. */
	bool reboots_on_exit;
	/* It may have been woken for a connection instead of another worker, and has not tried to accept since. */
	bool owes_accept;
	/* CLOCK_MONOTONIC microseconds: it holds no more, and has exchanged a kept connection for one of the queue then. */
	uint64_t exchanged_at;
	/* The queue of connections that others have left was readable. */
	bool sees_left;
	/*
	 * Connections come faster than they are served, so the next one is probably there. A vain accept(2) is expensive.
	 */
	bool is_pressed;
	/* Its last request was so short that yielding the processor costs nobody anything. */
	bool is_quick;
	bool is_tcp;
	bool catches_output;
	bool may_reuse;
	bool retires;
	bool makes_request_ids;
	uint64_t requests_left;
	/* End of its last turn, by CLOCK_MONOTONIC in microseconds. */
	uint64_t free_since;
	enum hathi_level log_level;
	size_t log_limit;
	const char *pool;
	const char *ping_path;
	const char *ping_response;
	const char *status_path;
	const char *extensions;
	/* worker.script; NULL where the pool is not in worker mode. Its file, as it was at the boot. */
	const char *script;
	dev_t script_device;
	ino_t script_inode;
	/* worker.match. */
	const char **matches;
	uint32_t match_count;
	/* queue.priority; queue.max_wait in microseconds and queue.max_length, 0 without a limit. */
	const char **priorities;
	uint32_t priority_count;
	uint64_t max_wait;
	uint32_t max_waiting;
	/* The pool refuses requests by the queue, which holds nothing else then. */
	bool bounds_queue;
	struct hathi_access_log access_log;
	struct hathi_output output;
};

uint32_t hathi_worker_may_hold(const struct hathi_worker *worker);
void hathi_worker_read_settings(struct hathi_worker *worker, struct hathi_notes *notes);
_Noreturn void hathi_worker_main(const struct hathi_worker_setup *setup);

#endif
