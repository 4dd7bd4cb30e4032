#include "record/route.h"

#include <string.h>

#include "record/layout.h"

/*
 * The table of routes behind the last slot of the scoreboard; src/scoreboard/routes.ts has the rule by which a route
 * gets a place. All workers of the pool write it, one at a time: a worker that finds it held counts its request as
 * uncounted. The lock holds a worker's slot plus 1; the host frees it when a worker died with it.
 */

enum { ATTEMPTS = 100, WEIGHT_OF_REQUEST = 1000, OTHERS = 0 };

static uint8_t *route_at(uint8_t *table, size_t place)
{
	return table + HATHI_SB_ROUTES_START + place * HATHI_SB_ROUTE_SIZE;
}

static uint64_t *number(uint8_t *base, size_t offset)
{
	return (uint64_t *)(void *)(base + offset);
}

static uint32_t *word(uint8_t *base, size_t offset)
{
	return (uint32_t *)(void *)(base + offset);
}

static uint32_t *hashes_of(uint8_t *table)
{
	return word(table, HATHI_SB_ROUTES_HASHES);
}

static uint64_t *weights_of(uint8_t *table)
{
	return number(table, HATHI_SB_ROUTES_WEIGHTS);
}

/* FNV-1a; 0 marks a free place. */
static uint32_t hash_of(const char *name, size_t length)
{
	uint32_t hash = 0x811c9dc5;
	for (size_t index = 0; index < length; index++) hash = (hash ^ (unsigned char)name[index]) * 0x01000193;
	return hash == 0 ? 1 : hash;
}

static bool is_called(const uint8_t *route, const char *name, size_t length)
{
	uint16_t stored;
	memcpy(&stored, route + HATHI_SB_ROUTE_NAME, sizeof stored);
	return stored == length && memcmp(route + HATHI_SB_ROUTE_NAME + sizeof stored, name, length) == 0;
}

static void raise(uint64_t *maximum, uint64_t value)
{
	if (*maximum < value) *maximum = value;
}

/* Adds the figures of a route that loses its place to those of the others. */
static void give_to_others(uint8_t *table, uint8_t *from)
{
	uint8_t *to = route_at(table, OTHERS);
	static const size_t sums[] = {HATHI_SB_ROUTE_REQUESTS, HATHI_SB_ROUTE_ERRORS, HATHI_SB_ROUTE_DURATION_SUM_MICROS};
	for (size_t index = 0; index < sizeof sums / sizeof *sums; index++)
		*number(to, sums[index]) += *number(from, sums[index]);
	raise(number(to, HATHI_SB_ROUTE_DURATION_MAX_MICROS), *number(from, HATHI_SB_ROUTE_DURATION_MAX_MICROS));
	for (size_t class = 0; class < HATHI_DURATION_CLASSES; class++)
		word(to, HATHI_SB_ROUTE_DURATIONS)[class] += word(from, HATHI_SB_ROUTE_DURATIONS)[class];
}

/*
 * Gives a name the place of the lightest route, or a free one, which weighs nothing. The new route inherits the
 * weight.
 */
static size_t new_place(uint8_t *table, uint32_t hash, const char *name, size_t length)
{
	size_t place = 1;
	for (size_t other = 2; other <= HATHI_SB_ROUTE_COUNT; other++)
		if (weights_of(table)[other] < weights_of(table)[place]) place = other;
	uint8_t *route = route_at(table, place);
	if (hashes_of(table)[place] != 0) give_to_others(table, route);
	memset(route, 0, HATHI_SB_ROUTE_SIZE);
	hashes_of(table)[place] = hash;
	uint16_t stored = (uint16_t)length;
	memcpy(route + HATHI_SB_ROUTE_NAME, &stored, sizeof stored);
	memcpy(route + HATHI_SB_ROUTE_NAME + sizeof stored, name, length);
	return place;
}

static size_t place_of(uint8_t *table, const char *name, size_t length)
{
	if (length == 0) return OTHERS;
	uint32_t hash = hash_of(name, length);
	for (size_t place = 1; place <= HATHI_SB_ROUTE_COUNT; place++)
		if (hashes_of(table)[place] == hash && is_called(route_at(table, place), name, length)) return place;
	return new_place(table, hash, name, length);
}

static void count(uint8_t *table, const char *name, size_t length, const struct hathi_slot_result *result)
{
	size_t place = place_of(table, name, length);
	uint8_t *route = route_at(table, place);
	*number(route, HATHI_SB_ROUTE_REQUESTS) += 1;
	if (result->status >= 500 && result->status < 600) *number(route, HATHI_SB_ROUTE_ERRORS) += 1;
	*number(route, HATHI_SB_ROUTE_DURATION_SUM_MICROS) += result->duration;
	raise(number(route, HATHI_SB_ROUTE_DURATION_MAX_MICROS), result->duration);
	word(route, HATHI_SB_ROUTE_DURATIONS)[hathi_duration_class(result->duration)] += 1;
	weights_of(table)[place] += result->duration + WEIGHT_OF_REQUEST;
}

static bool take(const struct hathi_routes *routes)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		unsigned nobody = 0;
		if (atomic_compare_exchange_weak_explicit(routes->holder, &nobody, routes->slot + 1, memory_order_acquire,
				memory_order_relaxed))
			return true;
	}
	return false;
}

/* Opens the table of a scoreboard with that many slots, for the worker in `slot`. */
void hathi_routes_open(struct hathi_routes *routes, uint8_t *scoreboard, uint32_t slot_count, atomic_uint *holder,
	uint32_t slot)
{
	*routes = (struct hathi_routes){
		.table = scoreboard + HATHI_SB_HEADER_SIZE + (size_t)slot_count * HATHI_SB_SLOT_SIZE,
		.holder = holder,
		.slot = slot,
	};
}

/* Counts an ended request under its route's name of at most HATHI_SB_ROUTE_NAME_CAPACITY bytes. */
void hathi_routes_count(const struct hathi_routes *routes, const char *name, size_t length,
	const struct hathi_slot_result *result)
{
	uint8_t *table = routes->table;
	if (!take(routes)) {
		atomic_fetch_add((_Atomic uint64_t *)(void *)(table + HATHI_SB_ROUTES_UNCOUNTED), 1);
		return;
	}
	atomic_uint *sequence = (atomic_uint *)(void *)(table + HATHI_SB_ROUTES_SEQUENCE);
	atomic_store_explicit(sequence, atomic_load_explicit(sequence, memory_order_relaxed) | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	count(table, name, length, result);
	atomic_fetch_add_explicit(sequence, 1, memory_order_release);
	atomic_store_explicit(routes->holder, 0, memory_order_release);
}

/* Frees the table after the host has reaped the slot's worker, which may have held it. */
void hathi_routes_let_go(atomic_uint *holder, uint32_t slot)
{
	unsigned own = slot + 1;
	atomic_compare_exchange_strong(holder, &own, 0);
}
