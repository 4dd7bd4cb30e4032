#include "php/module.h"

#include <string.h>
#include <time.h>

#include "php/request.h"
#include "record/layout.h"
#include "shared/clock.h"

/* fpm_get_status(): the figures of the master's status page, read from the scoreboard, under PHP-FPM's names. */

static uint32_t get_u32(const uint8_t *base, size_t offset)
{
	uint32_t value;
	memcpy(&value, base + offset, sizeof value);
	return value;
}

static uint64_t get_u64(const uint8_t *base, size_t offset)
{
	uint64_t value;
	memcpy(&value, base + offset, sizeof value);
	return value;
}

static void add_number(zval *array, const char *name, uint64_t value)
{
	add_assoc_long(array, name, (zend_long)value);
}

/* Adds a string field; an empty one becomes `missing`. */
static void add_string(zval *array, const char *name, const uint8_t *slot, size_t offset, size_t capacity,
	const char *missing)
{
	uint16_t length;
	memcpy(&length, slot + offset, sizeof length);
	if (length > capacity) length = (uint16_t)capacity;
	if (length == 0) add_assoc_string(array, name, missing);
	else add_assoc_stringl(array, name, (const char *)slot + offset + sizeof length, length);
}

/* Worker mode: the application of a process; all 0 in one that runs scripts. */
static void add_application(zval *process, const uint8_t *slot, bool is_idle)
{
	uint32_t boots = get_u32(slot, HATHI_SB_SLOT_BOOTS);
	uint64_t begun = get_u64(slot, HATHI_SB_SLOT_REQUESTS) - get_u64(slot, HATHI_SB_SLOT_BOOT_REQUESTS);
	uint64_t warm = get_u64(slot, HATHI_SB_SLOT_WARM_HEAP_BYTES);
	uint64_t heap = get_u64(slot, HATHI_SB_SLOT_HEAP_BYTES);
	uint64_t served = is_idle || begun == 0 ? begun : begun - 1;
	bool is_known = warm > 0 && heap > warm && served >= HATHI_SB_WARM_AFTER_REQUESTS + HATHI_SB_LEAST_REQUESTS;
	uint64_t over = is_known ? served - HATHI_SB_WARM_AFTER_REQUESTS : 1;
	add_number(process, "boots", boots);
	add_number(process, "boot-time", get_u64(slot, HATHI_SB_SLOT_BOOT_MICROS));
	add_number(process, "requests-since-boot", boots == 0 ? 0 : begun);
	add_number(process, "memory-growth", is_known ? (heap - warm + over / 2) / over : 0);
}

static void add_process(zval *list, const uint8_t *shared, bool is_booted)
{
	static const char *const states[] = {"Creating", "Idle", "Reading headers", "Getting request information",
		"Running", "Ending", "Finishing", "Booting"};
	uint8_t slot[HATHI_SB_SLOT_SIZE];
	memcpy(slot, shared, sizeof slot);
	if (get_u32(slot, HATHI_SB_SLOT_PID) == 0) return;
	uint32_t state = get_u32(slot, HATHI_SB_SLOT_STATE);
	uint64_t started = get_u64(slot, HATHI_SB_SLOT_STARTED_EPOCH_MICROS) / 1000000;
	uint64_t accepted = get_u64(slot, HATHI_SB_SLOT_ACCEPTED_CLOCK_MICROS);
	bool runs = state > HATHI_STAGE_IDLE && state < HATHI_STAGE_FINISHING;
	uint64_t duration = runs ? hathi_clock(CLOCK_MONOTONIC) - accepted : get_u64(slot, HATHI_SB_SLOT_DURATION_MICROS);
	uint64_t wall = get_u64(slot, HATHI_SB_SLOT_CPU_WALL_MICROS);
	bool is_done = state == HATHI_STAGE_IDLE && wall > 0;
	double cpu = is_done ? (double)get_u64(slot, HATHI_SB_SLOT_CPU_MICROS) * 100.0 / (double)wall : 0.0;
	zval process;
	array_init(&process);
	add_number(&process, "pid", get_u32(slot, HATHI_SB_SLOT_PID));
	add_assoc_string(&process, "state", state < sizeof states / sizeof *states ? states[state] : "Unknown");
	add_number(&process, "start-time", started);
	add_number(&process, "start-since", (uint64_t)time(NULL) - started);
	add_number(&process, "requests", get_u64(slot, HATHI_SB_SLOT_REQUESTS));
	add_number(&process, "request-duration", duration);
	add_string(&process, "request-method", slot, HATHI_SB_SLOT_METHOD, HATHI_SB_SLOT_METHOD_CAPACITY, "-");
	add_string(&process, "request-uri", slot, HATHI_SB_SLOT_URI, HATHI_SB_SLOT_URI_CAPACITY, "");
	add_string(&process, "query-string", slot, HATHI_SB_SLOT_QUERY, HATHI_SB_SLOT_QUERY_CAPACITY, "");
	add_number(&process, "request-length", get_u64(slot, HATHI_SB_SLOT_CONTENT_LENGTH));
	add_string(&process, "user", slot, HATHI_SB_SLOT_USER, HATHI_SB_SLOT_USER_CAPACITY, "-");
	add_string(&process, "script", slot, HATHI_SB_SLOT_SCRIPT, HATHI_SB_SLOT_SCRIPT_CAPACITY, "-");
	add_assoc_double(&process, "last-request-cpu", cpu);
	add_number(&process, "last-request-memory", state == HATHI_STAGE_IDLE ? get_u64(slot, HATHI_SB_SLOT_MEMORY_PEAK) : 0);
	if (is_booted) add_application(&process, slot, state == HATHI_STAGE_IDLE);
	add_next_index_zval(list, &process);
}

/* Counts the workers now, as PHP-FPM does. The master's own count may be a second old. */
static void count_workers(const struct hathi_worker *worker, uint32_t *idle, uint32_t *active)
{
	*idle = 0;
	*active = 0;
	for (uint32_t number = 0; number < worker->slot_count; number++) {
		const uint8_t *slot = worker->slot.header + HATHI_SB_HEADER_SIZE + (size_t)number * HATHI_SB_SLOT_SIZE;
		if (get_u32(slot, HATHI_SB_SLOT_PID) == 0) continue;
		if (get_u32(slot, HATHI_SB_SLOT_STATE) == HATHI_STAGE_IDLE) ++*idle;
		else ++*active;
	}
}

/* Fills the array; false outside of a request. */
void hathi_status_array(zval *target)
{
	const struct hathi_request *request = SG(server_context);
	if (request == NULL) {
		ZVAL_FALSE(target);
		return;
	}
	const struct hathi_worker *worker = request->worker;
	const uint8_t *header = worker->slot.header;
	const char *manager = hathi_setting_text(worker->settings, HATHI_SETTING_PM);
	uint32_t idle;
	uint32_t active;
	count_workers(worker, &idle, &active);
	uint64_t started = get_u64(header, HATHI_SB_HEADER_START_EPOCH_MICROS) / 1000000;
	array_init(target);
	add_assoc_string(target, "pool", worker->pool);
	add_assoc_string(target, "process-manager", manager == NULL ? "unknown" : manager);
	add_number(target, "start-time", started);
	add_number(target, "start-since", (uint64_t)time(NULL) - started);
	add_number(target, "accepted-conn", get_u64(header, HATHI_SB_HEADER_ACCEPTED_REQUESTS));
	add_number(target, "listen-queue", get_u32(header, HATHI_SB_HEADER_LISTEN_QUEUE));
	add_number(target, "max-listen-queue", get_u32(header, HATHI_SB_HEADER_MAX_LISTEN_QUEUE));
	add_number(target, "listen-queue-len", get_u32(header, HATHI_SB_HEADER_LISTEN_QUEUE_LENGTH));
	add_number(target, "idle-processes", idle);
	add_number(target, "active-processes", active);
	add_number(target, "total-processes", idle + active);
	add_number(target, "max-active-processes", get_u32(header, HATHI_SB_HEADER_MAX_ACTIVE_REQUESTS));
	add_number(target, "max-children-reached", get_u32(header, HATHI_SB_HEADER_MAX_CHILDREN_REACHED));
	add_number(target, "slow-requests", get_u64(header, HATHI_SB_HEADER_SLOW_REQUESTS));
#if PHP_VERSION_ID >= 80400
	add_number(target, "memory-peak", get_u64(header, HATHI_SB_HEADER_MEMORY_PEAK));
#endif
	zval processes;
	array_init(&processes);
	for (uint32_t slot = 0; slot < worker->slot_count; slot++)
		add_process(&processes, header + HATHI_SB_HEADER_SIZE + (size_t)slot * HATHI_SB_SLOT_SIZE,
			worker->script != NULL);
	add_assoc_zval(target, "procs", &processes);
}
