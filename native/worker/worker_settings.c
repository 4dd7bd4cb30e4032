#include "worker/worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "shared/process.h"
#include "worker/log.h"

/* The pool's settings as one worker uses them. */

/*
 * The number of requests that the worker serves: worker.max_requests or pm.max_requests, less a jitter of up to a tenth. Without it all
 * workers of an evenly loaded pool would end in the same second.
 */
static uint64_t draw_quota(const struct hathi_worker *worker)
{
	const struct hathi_settings *settings = worker->settings;
	bool has_application = worker->script != NULL && !worker->runs_scripts_only;
	long long most = 0;
	uint32_t random = 0;
	if (!has_application || !hathi_setting_number(settings, HATHI_SETTING_WORKER_MAX_REQUESTS, &most))
		hathi_setting_number(settings, HATHI_SETTING_PM_MAX_REQUESTS, &most);
	if (most <= 0) return UINT64_MAX;
	if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0) random = (uint32_t)getpid();
	return (uint64_t)most - random % ((uint64_t)most / 10 + 1);
}

/*
 * The number of connections that the worker may hold. Each may bring a request, and a worker serves no more than its
 * quota: so not more than it has left.
 */
uint32_t hathi_worker_may_hold(const struct hathi_worker *worker)
{
	return worker->requests_left < HATHI_HELD ? (uint32_t)worker->requests_left : HATHI_HELD;
}

static enum hathi_level read_level(const char *name)
{
	for (int level = HATHI_DEBUG; name != NULL && level <= HATHI_ALERT; level++) {
		if (strcmp(name, hathi_level_name((enum hathi_level)level)) == 0) return (enum hathi_level)level;
	}
	return HATHI_NOTICE;
}

/* Notes the entries of listen.allowed_clients that are no addresses. */
static void report_clients(struct hathi_notes *notes, const struct hathi_clients *clients, char *wrong)
{
	char *state;
	for (char *entry = strtok_r(wrong, ",", &state); entry != NULL; entry = strtok_r(NULL, ",", &state))
		hathi_note(notes, HATHI_ERROR, "Wrong IP address '%s' in listen.allowed_clients", entry);
	if (!clients->admits_all && clients->count == 0)
		hathi_note(notes, HATHI_ERROR, "There are no allowed addresses");
}

/* worker.script and the directives that belong to it. */
static void read_worker_mode(struct hathi_worker *worker)
{
	const struct hathi_settings *settings = worker->settings;
	const char *on_exit = hathi_setting_text(settings, HATHI_SETTING_WORKER_ON_EXIT);
	worker->script = hathi_setting_text(settings, HATHI_SETTING_WORKER_SCRIPT);
	worker->reboots_on_exit = on_exit == NULL || strcmp(on_exit, "reboot") == 0;
	worker->matches = calloc(settings->count, sizeof *worker->matches);
	if (worker->matches == NULL) _exit(HATHI_EXIT_FAILED);
	size_t cursor = 0;
	const struct hathi_setting *match;
	while ((match = hathi_setting_next(settings, HATHI_SETTING_WORKER_MATCH, &cursor)) != NULL)
		worker->matches[worker->match_count++] = match->value;
}

/* queue.*, of a pool with a lane. */
static void read_lane(struct hathi_worker *worker)
{
	const struct hathi_settings *settings = worker->settings;
	long long number = 0;
	if (worker->lane.wake < 0) return;
	if (hathi_setting_number(settings, HATHI_SETTING_QUEUE_MAX_WAIT, &number) && number > 0)
		worker->max_wait = (uint64_t)number * 1000 * 1000;
	number = 0;
	if (hathi_setting_number(settings, HATHI_SETTING_QUEUE_MAX_LENGTH, &number) && number > 0)
		worker->max_waiting = (uint32_t)number;
	worker->bounds_queue = worker->max_wait > 0 || worker->max_waiting > 0;
	if (!worker->is_lane) return;
	worker->priorities = calloc(settings->count, sizeof *worker->priorities);
	if (worker->priorities == NULL) _exit(HATHI_EXIT_FAILED);
	size_t cursor = 0;
	const struct hathi_setting *pattern;
	while ((pattern = hathi_setting_next(settings, HATHI_SETTING_QUEUE_PRIORITY, &cursor)) != NULL)
		worker->priorities[worker->priority_count++] = pattern->value;
}

/* Reads the settings into the worker. Errors in them are noted for its log. */
void hathi_worker_read_settings(struct hathi_worker *worker, struct hathi_notes *notes)
{
	const struct hathi_settings *settings = worker->settings;
	const char *kind = hathi_setting_text(settings, HATHI_SETTING_LISTEN_KIND);
	char wrong[512];
	worker->is_tcp = kind != NULL && strcmp(kind, "tcp") == 0;
	read_worker_mode(worker);
	read_lane(worker);
	worker->requests_left = draw_quota(worker);
	const char *access_format = hathi_setting_text(settings, HATHI_SETTING_ACCESS_LOG_FORMAT);
	worker->access_log.is_json = access_format != NULL && strcmp(access_format, "json") == 0;
	worker->access_log.with_query = hathi_setting_flag(settings, HATHI_SETTING_ACCESS_LOG_QUERY);
	worker->makes_request_ids = hathi_setting_flag(settings, HATHI_SETTING_REQUEST_ID);
	worker->log_level = read_level(hathi_setting_text(settings, HATHI_SETTING_LOG_LEVEL));
	worker->log_limit = hathi_log_limit(settings);
	worker->ping_path = hathi_setting_text(settings, HATHI_SETTING_PING_PATH);
	worker->ping_response = hathi_setting_text(settings, HATHI_SETTING_PING_RESPONSE);
	worker->status_path = hathi_setting_text(settings, HATHI_SETTING_PM_STATUS_PATH);
	size_t cursor = 0;
	const struct hathi_setting *extensions = hathi_setting_next(settings, HATHI_SETTING_SECURITY_LIMIT_EXTENSIONS, &cursor);
	/* The host has checked that it is set; an empty list admits every file. */
	if (extensions == NULL) _exit(HATHI_EXIT_FAILED);
	worker->extensions = extensions->value;
	const char *clients = hathi_setting_text(settings, HATHI_SETTING_LISTEN_ALLOWED_CLIENTS);
	if (!hathi_clients_read(&worker->clients, worker->is_tcp ? clients : NULL, wrong, sizeof wrong))
		_exit(HATHI_EXIT_FAILED);
	report_clients(notes, &worker->clients, wrong);
}
