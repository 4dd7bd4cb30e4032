#include "php/module.h"

#include <time.h>

#include "php/request.h"
#include "record/status_figures.h"
#include "shared/clock.h"

/* fpm_get_status(): the fields of the status page under PHP-FPM's names, read from the scoreboard by the worker. */

/* Adds a value of any kind. */
static void add_value(zval *array, const char *key, enum hathi_status_kind kind, const struct hathi_status_value *value)
{
	if (kind == HATHI_KIND_STRING) add_assoc_stringl(array, key, value->text, value->length);
	else if (kind == HATHI_KIND_PERCENT) add_assoc_double(array, key, value->percent);
	else add_assoc_long(array, key, (zend_long)value->number);
}

/* The page joins URI and query, the function separates them; neither has a dash for none. */
static void add_uri(zval *process, const char *key, const struct hathi_status_slot *slot)
{
	const char *text;
	size_t length = hathi_status_text(slot, HATHI_SB_SLOT_URI, HATHI_SB_SLOT_URI_CAPACITY, &text);
	add_assoc_stringl(process, key, text, length);
	length = hathi_status_text(slot, HATHI_SB_SLOT_QUERY, HATHI_SB_SLOT_QUERY_CAPACITY, &text);
	add_assoc_stringl(process, "query-string", text, length);
}

/* The worker that wrote the slot, 0 without one. */
static uint32_t pid_in_slot(const struct hathi_worker *worker, uint32_t number)
{
	uint32_t pid;
	memcpy(&pid, worker->slot.header + HATHI_SB_HEADER_SIZE + (size_t)number * HATHI_SB_SLOT_SIZE + HATHI_SB_SLOT_PID,
		sizeof pid);
	return pid;
}

/* Adds the process of a slot to the list. */
static void add_process(zval *list, const struct hathi_status_facts *facts, uint32_t number, uint32_t pid)
{
	static const struct hathi_process_field_facts fields[] = HATHI_PROCESS_FIELD_FACTS;
	struct hathi_status_slot slot;
	struct hathi_status_value values[HATHI_PROCESS_ALL_FIELDS];
	zval process;
	hathi_status_process(facts, number, pid, &slot, values);
	array_init(&process);
	for (int field = 0; field < (facts->is_booted ? HATHI_PROCESS_ALL_FIELDS : HATHI_PROCESS_FIELDS); field++) {
		if (field == HATHI_PROCESS_REQUEST_URI) add_uri(&process, fields[field].key, &slot);
		else add_value(&process, fields[field].key, fields[field].kind, values + field);
	}
	add_next_index_zval(list, &process);
}

/*
 * Counts the workers now, as PHP-FPM does: the master's own count may be a second old. The lane's are no part of the pool's
 * size.
 */
static void count_workers(const struct hathi_worker *worker, struct hathi_status_facts *facts)
{
	for (uint32_t slot = 0; slot < worker->lane.first_slot; slot++) {
		if (pid_in_slot(worker, slot) == 0) continue;
		if (hathi_slot_state(worker->slot.header, slot) == HATHI_STAGE_IDLE) facts->idle++;
		else facts->active++;
	}
}

/* The facts of now. The backlog is that of the last look of the master, or of a host without one, which has the lane's. */
static struct hathi_status_facts take_facts(const struct hathi_worker *worker)
{
	const uint8_t *header = worker->slot.header;
	const char *manager = hathi_setting_text(worker->settings, HATHI_SETTING_PM);
	long long most = 0;
	hathi_setting_number(worker->settings, HATHI_SETTING_MAX_CHILDREN, &most);
	struct hathi_status_facts facts = {
		.scoreboard = header,
		.pool = worker->pool,
		.manager = manager == NULL ? "unknown" : manager,
		.max_children = (uint32_t)most,
		.shows_memory_peak = PHP_VERSION_ID >= 80400,
		.is_booted = worker->script != NULL,
		.now_seconds = hathi_clock(CLOCK_REALTIME) / 1000000,
		.now_micros = hathi_clock(CLOCK_MONOTONIC),
	};
	memcpy(&facts.listen_queue, header + HATHI_SB_HEADER_LISTEN_QUEUE, sizeof facts.listen_queue);
	memcpy(&facts.listen_queue_length, header + HATHI_SB_HEADER_LISTEN_QUEUE_LENGTH, sizeof facts.listen_queue_length);
	count_workers(worker, &facts);
	return facts;
}

/* Fills the array; false outside of a request. */
void hathi_status_array(zval *target)
{
	static const struct hathi_pool_field_facts fields[] = HATHI_POOL_FIELD_FACTS;
	const struct hathi_request *request = SG(server_context);
	if (request == NULL) {
		ZVAL_FALSE(target);
		return;
	}
	const struct hathi_worker *worker = request->worker;
	struct hathi_status_facts facts = take_facts(worker);
	struct hathi_status_value values[HATHI_POOL_FIELDS];
	hathi_status_pool(&facts, values);
	array_init(target);
	for (int field = 0; field < HATHI_POOL_FIELDS; field++)
		if (!values[field].is_absent) add_value(target, fields[field].element, fields[field].kind, values + field);
	zval processes;
	array_init(&processes);
	for (uint32_t slot = 0; slot < worker->slot_count; slot++) {
		uint32_t pid = pid_in_slot(worker, slot);
		if (pid != 0) add_process(&processes, &facts, slot, pid);
	}
	add_assoc_zval(target, "procs", &processes);
}
