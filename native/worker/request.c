#define HATHI_WITH_PHP
#include "php/php_glue.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "record/route.h"

/* One request from its parameters to the end of its response. */

/* A line for each of more workers than a machine has room for. */
enum { STATUS_PAGE_MOST = 512 * 1024 * 1024 };

/* Ends the response, once: END_REQUEST, and everything that has gathered leaves. */
void hathi_request_end_response(struct hathi_request *request)
{
	if (request->finished) return;
	hathi_output_end(&request->worker->output);
	request->finished = true;
	hathi_faults_watch(NULL);
}

/*
 * The response is over and its script goes on: the client sees the end of the connection, and the time-outs of the
 * request no longer count, as in PHP-FPM. A kept connection is given up as well: its next request would wait for the end
 * of the script, which may wait for just that request.
 */
void hathi_request_let_go(struct hathi_request *request)
{
	hathi_connection_let_go(request->worker, request->connection);
	hathi_slot_stage(&request->worker->slot, HATHI_STAGE_FINISHING);
}

static const char *text_of(const struct hathi_request *request, const char *name)
{
	const char *value = hathi_params_get(&request->params, name);
	return value == NULL ? "" : value;
}

static bool decodes_paths(void)
{
	return PHP_VERSION_ID >= 80405 || (PHP_VERSION_ID >= 80319 && PHP_VERSION_ID < 80400);
}

/* By PHP's cache of paths, which PHP-FPM asks as well: a script that was there a moment ago costs no system call. */
static bool path_exists(const char *path)
{
	char real[MAXPATHLEN];
	return VCWD_REALPATH(path, real) != NULL;
}

/* The ini setting doc_root; NULL when it is not set. */
static const char *document_root(void)
{
#if PHP_VERSION_ID >= 80600
	return PG(doc_root) == NULL ? NULL : ZSTR_VAL(PG(doc_root));
#else
	return PG(doc_root);
#endif
}

/* Brings the variables in order and tells PHP about the request. Returns false without memory. */
static bool prepare(struct hathi_request *request)
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
	request->path_length = hathi_request_path(&request->path, request_uri, request->script.uri);
	SG(server_context) = request;
	/* A script that was named and is not there: seen where no method is given, so that nothing else is decided. */
	SG(sapi_headers).http_response_code = request->script.is_missing ? 404 : 200;
	SG(request_info).request_method = hathi_params_get(&request->params, "REQUEST_METHOD");
	SG(request_info).query_string = NULL;
	SG(request_info).request_uri = (char *)(uintptr_t)request->script.uri;
	SG(request_info).path_translated = request->script.path == NULL ? NULL : estrdup(request->script.path);
	SG(request_info).content_type = "";
	SG(request_info).content_length = 0;
	SG(request_info).proto_num = 1000;
	SG(request_info).no_headers = 0;
	/* Of a request that names no script PHP-FPM knows nothing but the method. */
	if (!request->script.is_named) return true;
	SG(request_info).query_string = (char *)(uintptr_t)text_of(request, "QUERY_STRING");
	SG(request_info).content_type = text_of(request, "CONTENT_TYPE");
	SG(request_info).content_length = (zend_long)fcgi->content_length;
	php_handle_auth_data(hathi_params_get(&request->params, "HTTP_AUTHORIZATION"));
	return true;
}

static void describe(struct hathi_request *request)
{
	const struct hathi_slot_information information = {
		.method = SG(request_info).request_method,
		.uri = request->script.uri,
		.query = SG(request_info).query_string,
		.script = request->script.path,
		.user = SG(request_info).auth_user,
		.request_id = request->id,
		.path = request->path,
		.path_length = request->path_length,
		.content_length = (uint64_t)SG(request_info).content_length,
	};
	hathi_slot_describe(&request->worker->slot, &information);
}

static void add_header(const char *line, bool replace)
{
	sapi_add_header_ex(line, strlen(line), 1, replace);
}

static void add_no_cache(void)
{
	add_header("Expires: Thu, 01 Jan 1970 00:00:00 GMT", true);
	add_header("Cache-Control: no-cache, no-store, must-revalidate, max-age=0", true);
}

static void answer_ping(struct hathi_request *request)
{
	SG(sapi_headers).http_response_code = 200;
	add_header("Content-Type: text/plain", true);
	add_no_cache();
	if (!SG(request_info).headers_only) php_output_write(request->worker->ping_response, strlen(request->worker->ping_response));
}

/* Header lines, an empty line, the body. */
static void print_page(char *page, size_t length)
{
	char *at = page;
	char *end = page + length;
	for (;;) {
		char *newline = memchr(at, '\n', (size_t)(end - at));
		if (newline == NULL) break;
		size_t line = (size_t)(newline - at);
		if (line > 0 && at[line - 1] == '\r') line--;
		char *next = newline + 1;
		if (line == 0) {
			at = next;
			break;
		}
		sapi_add_header_ex(estrndup(at, line), line, 0, 1);
		at = next;
	}
	php_output_write(at, (size_t)(end - at));
}

static void answer_status(struct hathi_request *request)
{
	uint32_t status = 500;
	int file = -1;
	SG(sapi_headers).http_response_code = 200;
	if (SG(request_info).headers_only) {
		add_no_cache();
		return;
	}
	if (!hathi_worker_ask_status(request->worker, SG(request_info).query_string, &status, &file)) {
		SG(sapi_headers).http_response_code = 500;
		php_output_write(ZEND_STRL("Internal error. Please review log file for errors."));
		return;
	}
	off_t length = lseek(file, 0, SEEK_END);
	/* Not PHP's memory: a page over memory_limit is still a page. */
	char *page = length > 0 && length <= STATUS_PAGE_MOST ? malloc((size_t)length) : NULL;
	bool is_read = page != NULL && pread(file, page, (size_t)length, 0) == length;
	close(file);
	SG(sapi_headers).http_response_code = (int)status;
	if (is_read) print_page(page, (size_t)length);
	free(page);
}

static void refuse(int status, const char *body)
{
	SG(sapi_headers).http_response_code = status;
	php_output_write(body, strlen(body));
}

/*
 * A script runs in its own folder, and what comes after it in the worker's again. PHP does that itself unless told
 * not to, but asks for the name of the worker's folder in every request.
 */
static int worker_folder = -1;

/* In a new worker: from now on the folder is changed here. Where the folder cannot be held open PHP keeps on. */
void hathi_folder_start(void)
{
	worker_folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (worker_folder >= 0) SG(options) |= SAPI_OPTION_NO_CHDIR;
}

/* Goes to the folder of a file; where that fails the script runs in the worker's, as ever. */
static void enter_folder_of(const zend_file_handle *file)
{
	if (worker_folder >= 0 && file->filename != NULL && VCWD_CHDIR_FILE(ZSTR_VAL(file->filename)) != 0) return;
}

static void leave_folder(void)
{
	if (worker_folder >= 0 && fchdir(worker_folder) != 0) return;
}

static void run_script(struct hathi_request *request)
{
	zend_file_handle file;
	char *name = estrdup(SG(request_info).path_translated);
	errno = 0;
	if (php_fopen_primary_script(&file) == FAILURE) {
		int error = errno;
		hathi_worker_log(request->worker, HATHI_ERROR, "Unable to open primary script: %s (%s)", name, strerror(error));
		if (error == EACCES) refuse(403, "Access denied.\n");
		else refuse(404, "No input file specified.\n");
		efree(name);
		return;
	}
	efree(name);
	EG(exit_status) = 0;
	enter_folder_of(&file);
	request->is_running = true;
	php_execute_script(&file);
	leave_folder();
#if PHP_VERSION_ID >= 80100
	zend_destroy_file_handle(&file);
#endif
	if (EG(exit_status) == 255 && hathi_ini.error_header != NULL && *hathi_ini.error_header != '\0') {
		sapi_header_line line = {.line = hathi_ini.error_header, .line_len = strlen(hathi_ini.error_header)};
		sapi_header_op(SAPI_HEADER_REPLACE, &line);
	}
}

static bool is_path(const char *uri, const char *path)
{
	return uri != NULL && path != NULL && strcmp(uri, path) == 0;
}

/* PHP-FPM's decisions, in its order. */
static void respond(struct hathi_request *request)
{
	const struct hathi_worker *worker = request->worker;
	const char *path = SG(request_info).path_translated;
	if (SG(request_info).request_method == NULL) return;
	if (request->connection->gave_up) {
		refuse(408, "The body of the request came too slowly.\n");
	} else if (is_path(request->script.uri, worker->ping_path)) {
		answer_ping(request);
	} else if (is_path(request->script.uri, worker->status_path)) {
		answer_status(request);
	} else if (path == NULL) {
		hathi_worker_log(request->worker, HATHI_DEBUG, "Primary script unknown");
		refuse(404, "File not found.\n");
	} else if (!hathi_script_has_extension(path, worker->extensions)) {
		hathi_worker_log(request->worker, HATHI_NOTICE,
			"Access to the script '%s' has been denied (see security.limit_extensions)", path);
		refuse(403, "Access denied.\n");
	} else {
		run_script(request);
	}
}

static uint64_t micros_of(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

/* The script is done: scoreboard and access log. */
static void account(struct hathi_request *request, const struct rusage *before)
{
	struct hathi_worker *worker = request->worker;
	struct rusage after = {0};
	uint64_t now = hathi_clock(CLOCK_MONOTONIC);
	if (worker->access_format != NULL) getrusage(RUSAGE_SELF, &after);
	const struct hathi_slot_result result = {
		.status = (uint32_t)SG(sapi_headers).http_response_code,
		.duration = now - request->connection->accepted,
		.cpu = hathi_cpu_read(now) - request->started_cpu,
		.memory = zend_memory_peak_usage(1),
	};
	char route[HATHI_ROUTE_NAME_BYTES];
	size_t length = hathi_route_name(route, SG(request_info).request_method, request->path, request->path_length);
	hathi_slot_finish(&worker->slot, &result);
	hathi_routes_count(worker, route, length, &result);
	hathi_access_log_request(request, &result, micros_of(&after.ru_utime) - micros_of(&before->ru_utime),
		micros_of(&after.ru_stime) - micros_of(&before->ru_stime));
}

static void release(struct hathi_request *request)
{
	if (request->body_file >= 0) close(request->body_file);
	if (SG(request_info).path_translated != NULL) {
		efree(SG(request_info).path_translated);
		SG(request_info).path_translated = NULL;
	}
}

/*
 * Serves the request and lets go of its connection. Returns false when the worker must not serve another one: PHP
 * was left by a fatal error, or could not start the request.
 */
bool hathi_request_serve(struct hathi_worker *worker, struct hathi_connection *connection)
{
	static struct hathi_request request;
	volatile bool is_sound = true;
	struct rusage before = {0};
	struct hathi_params params = request.params;
	request = (struct hathi_request){.worker = worker, .connection = connection, .params = params, .body_file = -1};
	request.started_cpu = hathi_cpu_read(hathi_clock(CLOCK_MONOTONIC));
	if (worker->access_format != NULL) getrusage(RUSAGE_SELF, &before);
	hathi_slot_begin(&worker->slot, connection->accepted);
	hathi_output_start(&worker->output, connection->fd, connection->fcgi.id);
	hathi_faults_watch(&worker->output);
	zend_first_try {
		if (!prepare(&request) || php_request_startup() == FAILURE) {
			is_sound = false;
		} else {
			describe(&request);
			zend_try {
				/* A fatal error in it is the request's: there is one way out for both. */
				hathi_opcache_publish(worker, connection->accepted);
				respond(&request);
			} zend_end_try();
			account(&request, &before);
			release(&request);
			php_request_shutdown(NULL);
			hathi_php_signals_settled();
		}
	} zend_catch {
		is_sound = false;
	} zend_end_try();
	if (CG(unclean_shutdown) && !request.client_aborted) is_sound = false;
	if (!request.finished) hathi_faults_answer();
	hathi_faults_watch(NULL);
	SG(server_context) = NULL;
	if (!request.finished) {
		/* A response that has begun breaks off: the client is not to take it for a whole one. */
		worker->output.failed = true;
		is_sound = false;
	}
	if (!is_sound) worker->may_reuse = false;
	hathi_connection_finish(worker, connection);
	hathi_params_clear(&request.params);
	return is_sound;
}
