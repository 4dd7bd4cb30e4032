#include "record/slot.h"

#include <stdatomic.h>
#include <string.h>

#include "record/layout.h"
#include "shared/clock.h"

/* The master reads while a worker writes: docs/contract.md, section 4, has the sequence counter. */

static atomic_uint *word_at(uint8_t *base, size_t offset)
{
	return (atomic_uint *)(void *)(base + offset);
}

static void put_u32(uint8_t *base, size_t offset, uint32_t value)
{
	memcpy(base + offset, &value, sizeof value);
}

static void put_u64(uint8_t *base, size_t offset, uint64_t value)
{
	memcpy(base + offset, &value, sizeof value);
}

static uint64_t get_u64(const uint8_t *base, size_t offset)
{
	uint64_t value;
	memcpy(&value, base + offset, sizeof value);
	return value;
}

static void put_bytes(uint8_t *base, size_t offset, size_t capacity, const char *text, size_t length)
{
	if (length > capacity) length = capacity;
	uint16_t stored = (uint16_t)length;
	memcpy(base + offset, &stored, sizeof stored);
	if (length > 0) memcpy(base + offset + sizeof stored, text, length);
}

static void put_string(uint8_t *base, size_t offset, size_t capacity, const char *text)
{
	put_bytes(base, offset, capacity, text, text == NULL ? 0 : strlen(text));
}

/* Makes the counter odd, so that readers see the change in progress. */
static void begin_change(uint8_t *slot)
{
	atomic_uint *sequence = word_at(slot, HATHI_SB_SLOT_SEQUENCE);
	unsigned value = atomic_load_explicit(sequence, memory_order_relaxed);
	atomic_store_explicit(sequence, value | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void end_change(uint8_t *slot)
{
	atomic_uint *sequence = word_at(slot, HATHI_SB_SLOT_SEQUENCE);
	unsigned value = atomic_load_explicit(sequence, memory_order_relaxed);
	atomic_store_explicit(sequence, value + 1, memory_order_release);
}

static void set_stage(uint8_t *slot, enum hathi_stage stage)
{
	put_u32(slot, HATHI_SB_SLOT_STATE, stage);
	put_u64(slot, HATHI_SB_SLOT_STAGE_CLOCK_MICROS, hathi_clock(CLOCK_MONOTONIC));
}

/* Raises a maximum that several processes write. */
static void raise_u32(atomic_uint *maximum, unsigned value)
{
	unsigned known = atomic_load_explicit(maximum, memory_order_relaxed);
	while (known < value && !atomic_compare_exchange_weak(maximum, &known, value)) continue;
}

static void raise_u64(_Atomic uint64_t *maximum, uint64_t value)
{
	uint64_t known = atomic_load_explicit(maximum, memory_order_relaxed);
	while (known < value && !atomic_compare_exchange_weak(maximum, &known, value)) continue;
}

static void set_active(struct hathi_slot *slot, bool active)
{
	if (slot->is_active == active) return;
	slot->is_active = active;
	atomic_uint *count = word_at(slot->header, HATHI_SB_HEADER_ACTIVE_REQUESTS);
	if (!active) {
		atomic_fetch_sub(count, 1);
		return;
	}
	unsigned now = atomic_fetch_add(count, 1) + 1;
	raise_u32(word_at(slot->header, HATHI_SB_HEADER_MAX_ACTIVE_REQUESTS), now);
}

/* Takes a slot for a new worker. */
void hathi_slot_open(struct hathi_slot *slot, uint8_t *scoreboard, uint32_t number, uint32_t pid,
	bool keeps_counts)
{
	*slot = (struct hathi_slot){
		.header = scoreboard,
		.slot = scoreboard + HATHI_SB_HEADER_SIZE + (size_t)number * HATHI_SB_SLOT_SIZE,
	};
	static const struct {
		size_t from;
		size_t to;
	} counts[] = {
		{HATHI_SB_SLOT_RESPONSES, HATHI_SB_SLOT_BOOTS},
		{HATHI_SB_SLOT_DURATION_SUM_MICROS, HATHI_SB_SLOT_SIZE},
	};
	uint8_t last[HATHI_SB_SLOT_SIZE];
	if (keeps_counts) memcpy(last, slot->slot, sizeof last);
	begin_change(slot->slot);
	memset(slot->slot + sizeof(uint32_t), 0, HATHI_SB_SLOT_SIZE - sizeof(uint32_t));
	for (size_t index = 0; keeps_counts && index < sizeof counts / sizeof *counts; index++)
		memcpy(slot->slot + counts[index].from, last + counts[index].from, counts[index].to - counts[index].from);
	put_u32(slot->slot, HATHI_SB_SLOT_PID, pid);
	put_u64(slot->slot, HATHI_SB_SLOT_STARTED_EPOCH_MICROS, hathi_clock(CLOCK_REALTIME));
	set_stage(slot->slot, HATHI_STAGE_CREATING);
	end_change(slot->slot);
}

/*
 * Frees the slot of a dead worker, and removes it from the counts if it ran a request. The figures of its last
 * request stay for the master.
 */
void hathi_slot_clear(uint8_t *scoreboard, uint32_t number)
{
	uint8_t *slot = scoreboard + HATHI_SB_HEADER_SIZE + (size_t)number * HATHI_SB_SLOT_SIZE;
	uint32_t state = hathi_slot_state(scoreboard, number);
	atomic_uint *active = word_at(scoreboard, HATHI_SB_HEADER_ACTIVE_REQUESTS);
	bool was_active = state > HATHI_STAGE_IDLE && state != HATHI_STAGE_BOOTING;
	if (was_active && atomic_load(active) > 0) atomic_fetch_sub(active, 1);
	begin_change(slot);
	put_u32(slot, HATHI_SB_SLOT_PID, 0);
	end_change(slot);
}

/* The number of requests that the slot's worker has begun, low bits. */
uint32_t hathi_slot_requests(const uint8_t *scoreboard, uint32_t number)
{
	const uint8_t *slot = scoreboard + HATHI_SB_HEADER_SIZE + (size_t)number * HATHI_SB_SLOT_SIZE;
	return (uint32_t)get_u64(slot, HATHI_SB_SLOT_REQUESTS);
}

/* The id of the running request as the worker wrote it. Check it before use. */
void hathi_slot_request_id(const uint8_t *scoreboard, uint32_t number, char *id, size_t size)
{
	const uint8_t *at = scoreboard + HATHI_SB_HEADER_SIZE + (size_t)number * HATHI_SB_SLOT_SIZE +
		HATHI_SB_SLOT_REQUEST_ID;
	uint16_t length;
	memcpy(&length, at, sizeof length);
	if (length >= size) length = (uint16_t)(size - 1);
	if (length > HATHI_SB_SLOT_REQUEST_ID_CAPACITY) length = HATHI_SB_SLOT_REQUEST_ID_CAPACITY;
	memcpy(id, at + sizeof length, length);
	id[length] = '\0';
}

uint32_t hathi_slot_state(const uint8_t *scoreboard, uint32_t number)
{
	uint32_t state;
	memcpy(&state, scoreboard + HATHI_SB_HEADER_SIZE + (size_t)number * HATHI_SB_SLOT_SIZE + HATHI_SB_SLOT_STATE,
		sizeof state);
	return state;
}

void hathi_slot_stage(struct hathi_slot *slot, enum hathi_stage stage)
{
	begin_change(slot->slot);
	set_stage(slot->slot, stage);
	end_change(slot->slot);
}

/* Begins a request: counts it, and clears the texts of the last one. */
void hathi_slot_begin(struct hathi_slot *slot, uint64_t accepted)
{
	uint8_t *at = slot->slot;
	begin_change(at);
	set_stage(at, HATHI_STAGE_READING);
	put_u64(at, HATHI_SB_SLOT_REQUESTS, get_u64(at, HATHI_SB_SLOT_REQUESTS) + 1);
	put_u64(at, HATHI_SB_SLOT_ACCEPTED_CLOCK_MICROS, accepted);
	put_u64(at, HATHI_SB_SLOT_CONTENT_LENGTH, 0);
	static const size_t strings[] = {HATHI_SB_SLOT_METHOD, HATHI_SB_SLOT_URI, HATHI_SB_SLOT_QUERY,
		HATHI_SB_SLOT_SCRIPT, HATHI_SB_SLOT_USER, HATHI_SB_SLOT_REQUEST_ID, HATHI_SB_SLOT_PATH};
	for (size_t index = 0; index < sizeof strings / sizeof *strings; index++) put_string(at, strings[index], 0, NULL);
	end_change(at);
	atomic_fetch_add((_Atomic uint64_t *)(void *)(slot->header + HATHI_SB_HEADER_ACCEPTED_REQUESTS), 1);
	set_active(slot, true);
}

/* Publishes the texts of a request. */
void hathi_slot_describe(struct hathi_slot *slot, const struct hathi_request_texts *texts)
{
	uint8_t *at = slot->slot;
	begin_change(at);
	put_string(at, HATHI_SB_SLOT_METHOD, HATHI_SB_SLOT_METHOD_CAPACITY, texts->method);
	put_string(at, HATHI_SB_SLOT_URI, HATHI_SB_SLOT_URI_CAPACITY, texts->uri);
	put_string(at, HATHI_SB_SLOT_QUERY, HATHI_SB_SLOT_QUERY_CAPACITY, texts->query);
	put_string(at, HATHI_SB_SLOT_SCRIPT, HATHI_SB_SLOT_SCRIPT_CAPACITY, texts->script);
	put_string(at, HATHI_SB_SLOT_USER, HATHI_SB_SLOT_USER_CAPACITY, texts->user);
	put_string(at, HATHI_SB_SLOT_REQUEST_ID, HATHI_SB_SLOT_REQUEST_ID_CAPACITY, texts->request_id);
	put_bytes(at, HATHI_SB_SLOT_PATH, HATHI_SB_SLOT_PATH_CAPACITY, texts->path, texts->path_length);
	put_u64(at, HATHI_SB_SLOT_CONTENT_LENGTH, texts->content_length);
	set_stage(at, HATHI_STAGE_RUNNING);
	end_change(at);
}

/* The class of a duration. */
size_t hathi_duration_class(uint64_t micros)
{
	static const uint32_t bounds[] = HATHI_SB_DURATION_BOUNDS;
	size_t low = 0;
	size_t high = sizeof bounds / sizeof *bounds;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (micros > bounds[middle]) low = middle + 1;
		else high = middle;
	}
	return low;
}

/* Keeps the longest request of each of the last periods, and clears periods without one. */
static void raise_peak(uint8_t *slot, uint64_t micros)
{
	uint64_t now = hathi_clock(CLOCK_MONOTONIC) / HATHI_SB_PEAK_PERIOD_MICROS;
	uint64_t last = get_u64(slot, HATHI_SB_SLOT_PEAK_PERIOD);
	uint64_t oldest = now - HATHI_SB_PEAK_PERIODS + 1;
	for (uint64_t period = last + 1 > oldest ? last + 1 : oldest; period <= now; period++)
		put_u64(slot, HATHI_SB_SLOT_PEAKS_MICROS + 8 * (period % HATHI_SB_PEAK_PERIODS), 0);
	size_t at = HATHI_SB_SLOT_PEAKS_MICROS + 8 * (now % HATHI_SB_PEAK_PERIODS);
	put_u64(slot, HATHI_SB_SLOT_PEAK_PERIOD, now);
	if (get_u64(slot, at) < micros) put_u64(slot, at, micros);
}

static void count_duration(uint8_t *slot, uint64_t micros)
{
	size_t at = HATHI_SB_SLOT_DURATIONS + 8 * hathi_duration_class(micros);
	put_u64(slot, at, get_u64(slot, at) + 1);
	put_u64(slot, HATHI_SB_SLOT_DURATION_SUM_MICROS, get_u64(slot, HATHI_SB_SLOT_DURATION_SUM_MICROS) + micros);
}

/* The script is done; closing the connection and PHP's cleaning follow. */
void hathi_slot_finish(struct hathi_slot *slot, const struct hathi_slot_result *result)
{
	uint8_t *at = slot->slot;
	begin_change(at);
	set_stage(at, HATHI_STAGE_FINISHING);
	put_u32(at, HATHI_SB_SLOT_HTTP_STATUS, result->status);
	put_u64(at, HATHI_SB_SLOT_DURATION_MICROS, result->duration);
	put_u64(at, HATHI_SB_SLOT_CPU_MICROS, result->cpu);
	put_u64(at, HATHI_SB_SLOT_CPU_WALL_MICROS, result->duration);
	put_u64(at, HATHI_SB_SLOT_MEMORY_PEAK, result->memory);
	if (result->status >= 100 && result->status < 600) {
		size_t class = HATHI_SB_SLOT_RESPONSES + 8 * (result->status / 100 - 1);
		put_u64(at, class, get_u64(at, class) + 1);
	}
	count_duration(at, result->duration);
	raise_peak(at, result->duration);
	end_change(at);
	raise_u64((_Atomic uint64_t *)(void *)(slot->header + HATHI_SB_HEADER_MEMORY_PEAK), result->memory);
}

/* The worker can take another request. */
void hathi_slot_idle(struct hathi_slot *slot)
{
	hathi_slot_stage(slot, HATHI_STAGE_IDLE);
	set_active(slot, false);
}

/* The worker boots its application, and takes none meanwhile. */
void hathi_slot_booting(struct hathi_slot *slot)
{
	uint8_t *at = slot->slot;
	uint32_t boots;
	memcpy(&boots, at + HATHI_SB_SLOT_BOOTS, sizeof boots);
	begin_change(at);
	put_u32(at, HATHI_SB_SLOT_BOOTS, boots + 1);
	put_u64(at, HATHI_SB_SLOT_BOOT_REQUESTS, get_u64(at, HATHI_SB_SLOT_REQUESTS));
	put_u64(at, HATHI_SB_SLOT_HEAP_BYTES, 0);
	put_u64(at, HATHI_SB_SLOT_WARM_HEAP_BYTES, 0);
	set_stage(at, HATHI_STAGE_BOOTING);
	end_change(at);
	set_active(slot, false);
}

/* The worker leaves its application, which may take a while: it is no idle worker meanwhile. */
void hathi_slot_leaving(struct hathi_slot *slot)
{
	hathi_slot_stage(slot, HATHI_STAGE_ENDING);
	set_active(slot, true);
}

/* The application waits for its first request. */
void hathi_slot_booted(struct hathi_slot *slot)
{
	uint8_t *at = slot->slot;
	uint64_t began = get_u64(at, HATHI_SB_SLOT_STAGE_CLOCK_MICROS);
	begin_change(at);
	put_u64(at, HATHI_SB_SLOT_BOOT_MICROS, hathi_clock(CLOCK_MONOTONIC) - began);
	end_change(at);
}

/* PHP's memory in use after the last of so many requests since the boot. */
void hathi_slot_heap(struct hathi_slot *slot, uint64_t bytes, uint64_t served)
{
	uint8_t *at = slot->slot;
	begin_change(at);
	put_u64(at, HATHI_SB_SLOT_HEAP_BYTES, bytes);
	if (served == HATHI_SB_WARM_AFTER_REQUESTS) put_u64(at, HATHI_SB_SLOT_WARM_HEAP_BYTES, bytes);
	end_change(at);
}

/* Whether a worker has the slot. */
bool hathi_slot_is_taken(const uint8_t *scoreboard, uint32_t number)
{
	uint32_t pid;
	memcpy(&pid, scoreboard + HATHI_SB_HEADER_SIZE + (size_t)number * HATHI_SB_SLOT_SIZE + HATHI_SB_SLOT_PID, sizeof pid);
	return pid != 0;
}

static _Atomic uint64_t *counter_at(uint8_t *scoreboard, size_t offset)
{
	return (_Atomic uint64_t *)(void *)(scoreboard + offset);
}

/* The number of requests that all workers have begun. */
uint64_t hathi_accepted_requests(uint8_t *scoreboard)
{
	return atomic_load(counter_at(scoreboard, HATHI_SB_HEADER_ACCEPTED_REQUESTS));
}

/* A connection was answered with 503 because too many waited. */
void hathi_count_refused(uint8_t *scoreboard)
{
	atomic_fetch_add(counter_at(scoreboard, HATHI_SB_HEADER_REFUSED_REQUESTS), 1);
}

/* The lane serves a request before those that wait. */
void hathi_count_priority(uint8_t *scoreboard)
{
	atomic_fetch_add(counter_at(scoreboard, HATHI_SB_HEADER_PRIORITY_REQUESTS), 1);
}

/* A connection joins the lane's queue. */
void hathi_queue_add(uint8_t *scoreboard)
{
	unsigned length = atomic_fetch_add(word_at(scoreboard, HATHI_SB_HEADER_QUEUED_REQUESTS), 1) + 1;
	raise_u32(word_at(scoreboard, HATHI_SB_HEADER_MAX_QUEUED_REQUESTS), length);
}

/* A connection has left it. */
void hathi_queue_remove(uint8_t *scoreboard)
{
	atomic_uint *length = word_at(scoreboard, HATHI_SB_HEADER_QUEUED_REQUESTS);
	unsigned known = atomic_load(length);
	while (known > 0 && !atomic_compare_exchange_weak(length, &known, known - 1)) continue;
}

/* The host has counted them. */
void hathi_queue_set(uint8_t *scoreboard, uint32_t length)
{
	atomic_store(word_at(scoreboard, HATHI_SB_HEADER_QUEUED_REQUESTS), length);
}

/* The number of connections in it. */
uint32_t hathi_queue_length(uint8_t *scoreboard)
{
	return atomic_load(word_at(scoreboard, HATHI_SB_HEADER_QUEUED_REQUESTS));
}
