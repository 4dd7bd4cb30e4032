#include "record/status_figures.h"

#include <stdatomic.h>
#include <string.h>

#include "record/slot.h"

/*
 * The counterpart of src/status/pool-status.ts and src/status/fields.ts. A worker can write anything into the scoreboard,
 * so figures may be untrue, and lengths are bounded.
 */

/* Copies of a slot under change before one is used as it is; as in src/scoreboard/reader.ts. */
enum { ATTEMPTS = 16 };

/* A number of the scoreboard. */
static uint32_t get_u32(const uint8_t *base, size_t offset)
{
	uint32_t value;
	memcpy(&value, base + offset, sizeof value);
	return value;
}

/* A higher value than a double holds exactly can only be corrupt; the master shows it as this one. */
static uint64_t get_u64(const uint8_t *base, size_t offset)
{
	uint64_t value;
	memcpy(&value, base + offset, sizeof value);
	return value < (1ull << 53) ? value : (1ull << 53) - 1;
}

/* The greater one. */
static uint32_t at_least(uint32_t value, uint32_t least)
{
	return value < least ? least : value;
}

/* The smaller one. */
static uint32_t at_most(uint32_t value, uint32_t most)
{
	return value > most ? most : value;
}

/* The value of a number or a time. */
static struct hathi_status_value number(uint64_t value)
{
	return (struct hathi_status_value){.number = value};
}

/* The value of a text that ends with NUL. */
static struct hathi_status_value string(const char *text)
{
	return (struct hathi_status_value){.text = text, .length = strlen(text)};
}

/* Time since `start`, 0 before it. */
static struct hathi_status_value since(uint64_t now, uint64_t start)
{
	return number(now > start ? now - start : 0);
}

/* Requests that wait in the lane. */
uint32_t hathi_status_queued(const uint8_t *scoreboard, uint32_t most)
{
	return at_most(get_u32(scoreboard, HATHI_SB_HEADER_QUEUED_REQUESTS), most);
}

/* Fills in the values of all HATHI_POOL_FIELDS fields of the pool. */
void hathi_status_pool(const struct hathi_status_facts *facts, struct hathi_status_value *values)
{
	const uint8_t *header = facts->scoreboard;
	uint64_t started = get_u64(header, HATHI_SB_HEADER_START_EPOCH_MICROS) / 1000000;
	uint32_t most_queued = at_most(get_u32(header, HATHI_SB_HEADER_MAX_QUEUED_REQUESTS), facts->most_queued);
	uint32_t most_waiting = at_least(get_u32(header, HATHI_SB_HEADER_MAX_LISTEN_QUEUE), most_queued);
	uint32_t most_active = at_most(get_u32(header, HATHI_SB_HEADER_MAX_ACTIVE_REQUESTS), facts->max_children);
	values[HATHI_POOL_POOL] = string(facts->pool);
	values[HATHI_POOL_PROCESS_MANAGER] = string(facts->manager);
	values[HATHI_POOL_START_TIME] = number(started);
	values[HATHI_POOL_START_SINCE] = since(facts->now_seconds, started);
	values[HATHI_POOL_ACCEPTED_CONN] = number(get_u64(header, HATHI_SB_HEADER_ACCEPTED_REQUESTS));
	values[HATHI_POOL_LISTEN_QUEUE] = number(facts->listen_queue);
	values[HATHI_POOL_MAX_LISTEN_QUEUE] = number(at_least(most_waiting, facts->listen_queue));
	values[HATHI_POOL_LISTEN_QUEUE_LEN] = number(facts->listen_queue_length);
	values[HATHI_POOL_IDLE_PROCESSES] = number(facts->idle);
	values[HATHI_POOL_ACTIVE_PROCESSES] = number(facts->active);
	values[HATHI_POOL_TOTAL_PROCESSES] = number((uint64_t)facts->idle + facts->active);
	values[HATHI_POOL_MAX_ACTIVE_PROCESSES] = number(at_least(most_active, facts->active));
	values[HATHI_POOL_MAX_CHILDREN_REACHED] = number(get_u32(header, HATHI_SB_HEADER_MAX_CHILDREN_REACHED));
	values[HATHI_POOL_SLOW_REQUESTS] = number(get_u64(header, HATHI_SB_HEADER_SLOW_REQUESTS));
	values[HATHI_POOL_MEMORY_PEAK] = number(get_u64(header, HATHI_SB_HEADER_MEMORY_PEAK));
	values[HATHI_POOL_MEMORY_PEAK].is_absent = !facts->shows_memory_peak;
}

/* The host has looked at the backlog in the place of a master: publishes it for fpm_get_status() and the next master. */
void hathi_status_backlog(uint8_t *scoreboard, const struct hathi_status_value *values)
{
	static const struct {
		size_t offset;
		enum hathi_pool_field field;
	} published[] = {
		{HATHI_SB_HEADER_LISTEN_QUEUE, HATHI_POOL_LISTEN_QUEUE},
		{HATHI_SB_HEADER_MAX_LISTEN_QUEUE, HATHI_POOL_MAX_LISTEN_QUEUE},
		{HATHI_SB_HEADER_LISTEN_QUEUE_LENGTH, HATHI_POOL_LISTEN_QUEUE_LEN},
	};
	for (size_t index = 0; index < sizeof published / sizeof *published; index++)
		atomic_store((atomic_uint *)(void *)(scoreboard + published[index].offset),
			(unsigned)values[published[index].field].number);
}

/* Copies a slot until two copies in a row are the same, and of no change in progress. */
static void copy_steady(const uint8_t *shared, uint8_t *copy)
{
	uint8_t next[HATHI_SB_SLOT_SIZE];
	memcpy(copy, shared, HATHI_SB_SLOT_SIZE);
	for (int attempt = 1; attempt < ATTEMPTS; attempt++) {
		atomic_thread_fence(memory_order_acquire);
		memcpy(next, shared, HATHI_SB_SLOT_SIZE);
		bool is_steady = (get_u32(next, HATHI_SB_SLOT_SEQUENCE) & 1) == 0 && memcmp(next, copy, sizeof next) == 0;
		memcpy(copy, next, sizeof next);
		if (is_steady) return;
	}
}

/* A text of the slot: sets *text, and returns its length. */
size_t hathi_status_text(const struct hathi_status_slot *slot, size_t offset, size_t capacity, const char **text)
{
	uint16_t length;
	memcpy(&length, slot->bytes + offset, sizeof length);
	*text = (const char *)slot->bytes + offset + sizeof length;
	return length < capacity ? length : capacity;
}

/* The same as a value; a dash for none. */
static struct hathi_status_value text_at(const struct hathi_status_slot *slot, size_t offset, size_t capacity)
{
	struct hathi_status_value value = {0};
	value.length = hathi_status_text(slot, offset, capacity, &value.text);
	return value.length == 0 ? string("-") : value;
}

/* The URI, and its query behind a question mark. */
static struct hathi_status_value uri(struct hathi_status_slot *slot)
{
	const char *query;
	size_t query_length = hathi_status_text(slot, HATHI_SB_SLOT_QUERY, HATHI_SB_SLOT_QUERY_CAPACITY, &query);
	struct hathi_status_value value = text_at(slot, HATHI_SB_SLOT_URI, HATHI_SB_SLOT_URI_CAPACITY);
	if (query_length == 0) return value;
	memcpy(slot->uri, value.text, value.length);
	slot->uri[value.length] = '?';
	memcpy(slot->uri + value.length + 1, query, query_length);
	return (struct hathi_status_value){.text = slot->uri, .length = value.length + 1 + query_length};
}

/* Worker mode: bytes of growth a request since the boot, once that is known. The running request has left nothing yet. */
static uint64_t growth(const uint8_t *slot, uint64_t begun, bool is_idle)
{
	uint64_t served = is_idle || begun == 0 ? begun : begun - 1;
	uint64_t warm = get_u64(slot, HATHI_SB_SLOT_WARM_HEAP_BYTES);
	uint64_t heap = get_u64(slot, HATHI_SB_SLOT_HEAP_BYTES);
	if (warm == 0 || heap <= warm) return 0;
	if (served < HATHI_SB_WARM_AFTER_REQUESTS + HATHI_SB_LEAST_REQUESTS) return 0;
	uint64_t over = served - HATHI_SB_WARM_AFTER_REQUESTS;
	return (heap - warm + over / 2) / over;
}

/* Worker mode: the application of a process; all 0 in one that runs scripts. */
static void application(const uint8_t *slot, bool is_idle, struct hathi_status_value *values)
{
	uint32_t boots = get_u32(slot, HATHI_SB_SLOT_BOOTS);
	uint64_t requests = get_u64(slot, HATHI_SB_SLOT_REQUESTS);
	uint64_t before = get_u64(slot, HATHI_SB_SLOT_BOOT_REQUESTS);
	uint64_t begun = boots > 0 && requests > before ? requests - before : 0;
	values[HATHI_PROCESS_BOOTS] = number(boots);
	values[HATHI_PROCESS_BOOT_TIME] = number(boots > 0 ? get_u64(slot, HATHI_SB_SLOT_BOOT_MICROS) : 0);
	values[HATHI_PROCESS_REQUESTS_SINCE_BOOT] = number(begun);
	values[HATHI_PROCESS_MEMORY_GROWTH] = number(boots > 0 ? growth(slot, begun, is_idle) : 0);
}

/* A worker that is up, and has not written its slot. */
static void unwritten(const struct hathi_status_facts *facts, struct hathi_status_value *values)
{
	uint64_t started = get_u64(facts->scoreboard, HATHI_SB_HEADER_START_EPOCH_MICROS) / 1000000;
	values[HATHI_PROCESS_START_TIME] = number(started);
	values[HATHI_PROCESS_START_SINCE] = since(facts->now_seconds, started);
	for (int field = HATHI_PROCESS_REQUEST_METHOD; field <= HATHI_PROCESS_SCRIPT; field++)
		if (field != HATHI_PROCESS_CONTENT_LENGTH) values[field] = string("-");
}

/* The last request, or the running one so far. */
static void request(const struct hathi_status_facts *facts, struct hathi_status_slot *slot, bool is_idle,
	struct hathi_status_value *values)
{
	const uint8_t *at = slot->bytes;
	uint64_t accepted = get_u64(at, HATHI_SB_SLOT_ACCEPTED_CLOCK_MICROS);
	uint64_t wall = get_u64(at, HATHI_SB_SLOT_CPU_WALL_MICROS);
	values[HATHI_PROCESS_REQUEST_DURATION] = is_idle ? number(get_u64(at, HATHI_SB_SLOT_DURATION_MICROS)) :
		accepted == 0 ? number(0) : since(facts->now_micros, accepted);
	values[HATHI_PROCESS_REQUEST_METHOD] = text_at(slot, HATHI_SB_SLOT_METHOD, HATHI_SB_SLOT_METHOD_CAPACITY);
	values[HATHI_PROCESS_REQUEST_URI] = uri(slot);
	values[HATHI_PROCESS_CONTENT_LENGTH] = number(get_u64(at, HATHI_SB_SLOT_CONTENT_LENGTH));
	values[HATHI_PROCESS_USER] = text_at(slot, HATHI_SB_SLOT_USER, HATHI_SB_SLOT_USER_CAPACITY);
	values[HATHI_PROCESS_SCRIPT] = text_at(slot, HATHI_SB_SLOT_SCRIPT, HATHI_SB_SLOT_SCRIPT_CAPACITY);
	if (is_idle && wall > 0)
		values[HATHI_PROCESS_LAST_REQUEST_CPU].percent =
			100.0 * (double)get_u64(at, HATHI_SB_SLOT_CPU_MICROS) / (double)wall;
	values[HATHI_PROCESS_LAST_REQUEST_MEMORY] = number(is_idle ? get_u64(at, HATHI_SB_SLOT_MEMORY_PEAK) : 0);
}

/*
 * Fills in the values of all HATHI_PROCESS_ALL_FIELDS fields of a process, whose pid the caller knows. Texts are in *slot,
 * which becomes a copy of the worker's slot.
 */
void hathi_status_process(const struct hathi_status_facts *facts, uint32_t number_of_slot, uint32_t pid,
	struct hathi_status_slot *slot, struct hathi_status_value *values)
{
	static const char *const labels[] = HATHI_STAGE_LABELS;
	const uint8_t *at = slot->bytes;
	copy_steady(facts->scoreboard + HATHI_SB_HEADER_SIZE + (size_t)number_of_slot * HATHI_SB_SLOT_SIZE, slot->bytes);
	memset(values, 0, HATHI_PROCESS_ALL_FIELDS * sizeof *values);
	values[HATHI_PROCESS_PID] = number(pid);
	values[HATHI_PROCESS_STATE] = string(labels[HATHI_STAGE_CREATING]);
	if (get_u32(at, HATHI_SB_SLOT_PID) == 0) {
		unwritten(facts, values);
		return;
	}
	uint32_t state = get_u32(at, HATHI_SB_SLOT_STATE);
	bool is_idle = state == HATHI_STAGE_IDLE;
	uint64_t started = get_u64(at, HATHI_SB_SLOT_STARTED_EPOCH_MICROS) / 1000000;
	values[HATHI_PROCESS_STATE] = string(state < sizeof labels / sizeof *labels ? labels[state] : "unknown");
	values[HATHI_PROCESS_START_TIME] = number(started);
	values[HATHI_PROCESS_START_SINCE] = since(facts->now_seconds, started);
	values[HATHI_PROCESS_REQUESTS] = number(get_u64(at, HATHI_SB_SLOT_REQUESTS));
	request(facts, slot, is_idle, values);
	application(at, is_idle, values);
}
