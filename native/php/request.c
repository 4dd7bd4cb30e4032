#include "php/request.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "php/directives.h"
#include "php/opcache.h"
#include "php/php_glue.h"
#include "php/sapi.h"
#include "record/route.h"
#include "shared/clock.h"
#include "worker/cpu_timer.h"
#include "worker/faults.h"
#include "worker/lane.h"

/* One request from its parameters to the end of its response. */

static const char *or_empty(const char *text)
{
	return text == NULL ? "" : text;
}

static const char *text_of(const struct hathi_request *request, const char *name)
{
	return or_empty(hathi_params_get(&request->params, name));
}

static bool decodes_paths(void)
{
	return PHP_VERSION_ID >= 80405 || (PHP_VERSION_ID >= 80319 && PHP_VERSION_ID < 80400);
}

/* Asks PHP's cache of paths, as PHP-FPM does: a script that existed a moment ago costs no system call. */
static bool path_exists(const char *path)
{
	char real[MAXPATHLEN];
	return VCWD_REALPATH(path, real) != NULL;
}

/* The ini setting doc_root; NULL when unset. */
static const char *document_root(void)
{
#if PHP_VERSION_ID >= 80600
	return PG(doc_root) == NULL ? NULL : ZSTR_VAL(PG(doc_root));
#else
	return PG(doc_root);
#endif
}

/* A request of that connection, of which nothing is known yet. The memory of the last one's parameters is used again. */
void hathi_request_open(struct hathi_request *request, struct hathi_worker *worker, struct hathi_connection *connection)
{
	struct hathi_params params = request->params;
	*request = (struct hathi_request){.worker = worker, .connection = connection, .params = params, .body_file = -1};
}

/* Brings the variables in order and finds the script that they mean. Returns false when there is no memory. */
bool hathi_request_resolve(struct hathi_request *request)
{
	const struct hathi_script_rules rules = {
		.exists = path_exists,
		.fix_pathinfo = hathi_ini.fix_pathinfo,
		.discard_path = hathi_ini.discard_path,
		.doc_root = document_root(),
		.decode_path_info = decodes_paths() && (PHP_VERSION_ID < 80500 || hathi_ini.script_path_encoded),
		.decode_script_path = PHP_VERSION_ID >= 80500 && !hathi_ini.script_path_encoded,
	};
	const struct hathi_fcgi *fcgi = &request->connection->fcgi;
	if (!hathi_params_fill(&request->params, fcgi)) return false;
	if (!hathi_request_id(&request->params, request->worker->makes_request_ids, request->id)) return false;
	if (!hathi_script_resolve(&request->params, &rules, &request->script)) return false;
	const char *request_uri = hathi_params_get(&request->params, "REQUEST_URI");
	request->texts.path_length = hathi_request_path(&request->texts.path, request_uri, request->script.uri);
	return true;
}

/* From here on the process is at the request: for the master, for a crash, and for what it costs. */
void hathi_request_begin(struct hathi_request *request)
{
	struct hathi_worker *worker = request->worker;
	request->started_cpu = hathi_cpu_read(hathi_clock(CLOCK_MONOTONIC));
	if (worker->access_log.format != NULL) getrusage(RUSAGE_SELF, &request->before);
	hathi_slot_begin(&worker->slot, request->connection->accepted);
	hathi_lane_wake(worker);
	hathi_output_start(&worker->output, request->connection->fd, request->connection->fcgi.id);
	hathi_faults_watch(&worker->output);
}

/* Tells PHP what is asked for. */
void hathi_request_tell_php(struct hathi_request *request)
{
	SG(server_context) = request;
	/* A missing script gives 404. This shows only without a method, when nothing else sets the status. */
	SG(sapi_headers).http_response_code = request->script.is_missing ? 404 : 200;
	SG(request_info).request_method = hathi_params_get(&request->params, "REQUEST_METHOD");
	SG(request_info).query_string = NULL;
	SG(request_info).request_uri = (char *)(uintptr_t)request->script.uri;
	SG(request_info).path_translated = request->script.path == NULL ? NULL : estrdup(request->script.path);
	SG(request_info).content_type = "";
	SG(request_info).content_length = 0;
	SG(request_info).proto_num = 1000;
	SG(request_info).no_headers = 0;
	/* Of a request without a script PHP-FPM knows only the method. */
	if (!request->script.is_named) return;
	SG(request_info).query_string = (char *)(uintptr_t)text_of(request, "QUERY_STRING");
	SG(request_info).content_type = text_of(request, "CONTENT_TYPE");
	SG(request_info).content_length = (zend_long)request->connection->fcgi.content_length;
	php_handle_auth_data(hathi_params_get(&request->params, "HTTP_AUTHORIZATION"));
}

/* Collects the request's texts, which stay until it ends, and publishes them. */
void hathi_request_describe(struct hathi_request *request)
{
	struct hathi_request_texts *texts = &request->texts;
	texts->method = or_empty(SG(request_info).request_method);
	texts->uri = or_empty(request->script.uri);
	texts->query = or_empty(SG(request_info).query_string);
	texts->script = or_empty(request->script.path);
	texts->user = or_empty(SG(request_info).auth_user);
	texts->request_id = request->id;
	texts->served_by = request->is_handled ? "worker" : "classic";
	texts->path = or_empty(texts->path);
	texts->content_length = (uint64_t)SG(request_info).content_length;
	hathi_slot_describe(&request->worker->slot, texts);
}

static uint64_t micros_of(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

/* The script is done: accounts for it in scoreboard, routes and access log. */
void hathi_request_account(struct hathi_request *request)
{
	const struct rusage *before = &request->before;
	struct hathi_worker *worker = request->worker;
	struct rusage after = {0};
	uint64_t now = hathi_clock(CLOCK_MONOTONIC);
	if (worker->access_log.format != NULL) getrusage(RUSAGE_SELF, &after);
	const struct hathi_slot_result result = {
		.status = (uint32_t)SG(sapi_headers).http_response_code,
		.duration = now - request->connection->accepted,
		.cpu = hathi_cpu_read(now) - request->started_cpu,
		.memory = zend_memory_peak_usage(1),
	};
	char route[HATHI_ROUTE_NAME_BYTES];
	size_t length = hathi_route_name(route, request->texts.method, request->texts.path, request->texts.path_length);
	hathi_slot_finish(&worker->slot, &result);
	hathi_routes_count(&worker->routes, route, length, &result);
	hathi_access_log_request(request, &result, micros_of(&after.ru_utime) - micros_of(&before->ru_utime),
		micros_of(&after.ru_stime) - micros_of(&before->ru_stime));
}

/* PHP's copies of the request are no longer needed. */
void hathi_request_release(struct hathi_request *request)
{
	if (request->body_file >= 0) close(request->body_file);
	request->body_file = -2;
	if (SG(request_info).path_translated != NULL) {
		efree(SG(request_info).path_translated);
		SG(request_info).path_translated = NULL;
	}
}

/*
 * PHP is done with the request: its connection is let go. A response that is not complete breaks off, so that the
 * client does not take it for a whole one. Returns false when that is so.
 */
bool hathi_request_close(struct hathi_request *request)
{
	struct hathi_worker *worker = request->worker;
	if (!request->finished) hathi_faults_answer();
	hathi_faults_watch(NULL);
	SG(server_context) = NULL;
	if (!request->finished) {
		worker->output.failed = true;
		worker->may_reuse = false;
	}
	hathi_connection_finish(worker, request->connection);
	hathi_params_clear(&request->params);
	return request->finished;
}

/*
 * Serves the request and finishes its connection. Returns false when the worker must not serve another one: PHP was
 * left by a fatal error, or could not start the request.
 */
bool hathi_request_serve(struct hathi_worker *worker, struct hathi_connection *connection)
{
	static struct hathi_request request;
	volatile bool is_sound = true;
	hathi_request_open(&request, worker, connection);
	hathi_request_begin(&request);
	zend_first_try {
		bool is_known = hathi_request_resolve(&request);
		if (is_known) hathi_request_tell_php(&request);
		if (!is_known || php_request_startup() == FAILURE) {
			is_sound = false;
		} else {
			hathi_request_describe(&request);
			zend_try {
				/* A fatal error in here belongs to the request, so both share one way out. */
				hathi_opcache_publish(worker, connection->accepted);
				hathi_answer(&request);
			} zend_end_try();
			hathi_request_account(&request);
			hathi_request_release(&request);
			php_request_shutdown(NULL);
			hathi_php_signals_settled();
		}
	} zend_catch {
		is_sound = false;
	} zend_end_try();
	if (CG(unclean_shutdown) && !request.client_aborted) is_sound = false;
	if (!is_sound) worker->may_reuse = false;
	return hathi_request_close(&request) && is_sound;
}
