#include "php/opcache.h"

#include <string.h>

#include "php/php_glue.h"
#include "record/layout.h"
#include "shared/clock.h"
#include "worker/turn.h"

#include <zend_exceptions.h>

/*
 * OPcache's figures for the master. Host and workers share one OPcache, so any worker can report it. The structure
 * behind it differs between versions, so OPcache's own function is called. That needs a request: the figures are
 * taken before its script begins, at most once a second and by one worker at a time, and take about a microsecond.
 */

enum { PERIOD_MICROS = 1000000 };

/* Places of a figure: in the array of opcache_get_status(), and in the scoreboard. */
static const struct figure {
	const char *section;
	const char *name;
	size_t offset;
} figures[] = {
	{"opcache_statistics", "hits", HATHI_SB_HEADER_OPCACHE_HITS},
	{"opcache_statistics", "misses", HATHI_SB_HEADER_OPCACHE_MISSES},
	{"opcache_statistics", "num_cached_scripts", HATHI_SB_HEADER_OPCACHE_SCRIPTS},
	{"opcache_statistics", "num_cached_keys", HATHI_SB_HEADER_OPCACHE_KEYS},
	{"opcache_statistics", "max_cached_keys", HATHI_SB_HEADER_OPCACHE_KEYS_LIMIT},
	{"opcache_statistics", "oom_restarts", HATHI_SB_HEADER_OPCACHE_RESTARTS_MEMORY},
	{"opcache_statistics", "hash_restarts", HATHI_SB_HEADER_OPCACHE_RESTARTS_KEYS},
	{"opcache_statistics", "manual_restarts", HATHI_SB_HEADER_OPCACHE_RESTARTS_MANUAL},
	{"memory_usage", "used_memory", HATHI_SB_HEADER_OPCACHE_MEMORY_USED},
	{"memory_usage", "free_memory", HATHI_SB_HEADER_OPCACHE_MEMORY_FREE},
	{"memory_usage", "wasted_memory", HATHI_SB_HEADER_OPCACHE_MEMORY_WASTED},
	{"interned_strings_usage", "used_memory", HATHI_SB_HEADER_OPCACHE_STRINGS_USED},
	{"interned_strings_usage", "free_memory", HATHI_SB_HEADER_OPCACHE_STRINGS_FREE},
};

static void put(uint8_t *header, size_t offset, uint64_t value)
{
	atomic_store_explicit((_Atomic uint64_t *)(void *)(header + offset), value, memory_order_relaxed);
}

static uint64_t find(const HashTable *status, const struct figure *figure)
{
	zval *section = zend_hash_str_find(status, figure->section, strlen(figure->section));
	if (section == NULL || Z_TYPE_P(section) != IS_ARRAY) return 0;
	zval *value = zend_hash_str_find(Z_ARRVAL_P(section), figure->name, strlen(figure->name));
	return value == NULL || Z_TYPE_P(value) != IS_LONG || Z_LVAL_P(value) < 0 ? 0 : (uint64_t)Z_LVAL_P(value);
}

/* Whether this worker takes the figures now. */
static bool take_turn(struct hathi_shared *shared, uint64_t now)
{
	uint64_t last = atomic_load_explicit(&shared->opcache_at, memory_order_relaxed);
	if (now < last + PERIOD_MICROS) return false;
	return atomic_compare_exchange_strong(&shared->opcache_at, &last, now);
}

/*
 * OPcache waits with its restart until no process uses it, and ends those that use it for longer than
 * opcache.force_restart_timeout. An application uses it for as long as it lives: another generation has an OPcache of
 * its own.
 */
static void renew(struct hathi_worker *worker, const HashTable *status)
{
	const zval *pending = zend_hash_str_find(status, ZEND_STRL("restart_pending"));
	if (pending != NULL && Z_TYPE_P(pending) == IS_TRUE)
		hathi_turn_ask_renewal(worker, "OPcache is to restart, and cannot while applications use it");
}

/*
 * Publishes the figures if they are due. Call it in a request before its script begins. No-op when the function is
 * disabled or restricted, or OPcache is off.
 *
 * @param now CLOCK_MONOTONIC, microseconds
 */
void hathi_opcache_publish(struct hathi_worker *worker, uint64_t now)
{
	if (!take_turn(worker->shared, now)) return;
	zend_function *function = zend_hash_str_find_ptr(CG(function_table), ZEND_STRL("opcache_get_status"));
	/* A restricted function would warn, and the script would show the warning. */
	const char *restriction = zend_ini_string("opcache.restrict_api", sizeof "opcache.restrict_api" - 1, 0);
	if (function == NULL || (restriction != NULL && *restriction != '\0')) return;
	zval status;
	zval without_scripts;
	ZVAL_UNDEF(&status);
	ZVAL_FALSE(&without_scripts);
	zend_call_known_function(function, NULL, NULL, &status, 1, &without_scripts, NULL);
	if (EG(exception) != NULL) zend_clear_exception();
	uint8_t *header = worker->slot.header;
	bool is_on = Z_TYPE(status) == IS_ARRAY;
	for (size_t index = 0; is_on && index < sizeof figures / sizeof *figures; index++)
		put(header, figures[index].offset, find(Z_ARRVAL(status), figures + index));
	put(header, HATHI_SB_HEADER_OPCACHE_EPOCH_MICROS, is_on ? hathi_clock(CLOCK_REALTIME) : 0);
	if (is_on && worker->script != NULL && !worker->runs_scripts_only) renew(worker, Z_ARRVAL(status));
	zval_ptr_dtor(&status);
}
