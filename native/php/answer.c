#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "php/directives.h"
#include "php/php_glue.h"
#include "php/request.h"
#include "worker/log.h"
#include "worker/worker_control.h"

/* Ping, status page, refusals, and the script. */

/* More than a line each for as many workers as a machine holds. */
enum { STATUS_PAGE_MOST = 512 * 1024 * 1024 };

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
	const char *pong = request->worker->ping_response;
	if (!SG(request_info).headers_only) php_output_write(pong, strlen(pong));
}

/* Prints a page: header lines, an empty line, the body. */
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
	/* Allocated outside of PHP's memory: a page larger than memory_limit is still a page. */
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
 * A script runs in its own folder, and the worker then returns to its own. PHP would do so unless told not to, but it
 * asks for the name of the worker's folder in every request.
 */
static int worker_folder = -1;

/* In a new worker: takes over the change of folders. If the folder cannot be held open, PHP goes on doing it. */
void hathi_folder_start(void)
{
	worker_folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (worker_folder >= 0) SG(options) |= SAPI_OPTION_NO_CHDIR;
}

/* Changes to the folder of a file. If that fails, the script runs in the worker's folder, as in PHP-FPM. */
void hathi_folder_enter(const zend_file_handle *file)
{
	if (worker_folder >= 0 && file->filename != NULL && VCWD_CHDIR_FILE(ZSTR_VAL(file->filename)) != 0) return;
}

/* Goes back to the worker's own folder. */
void hathi_folder_leave(void)
{
	if (worker_folder >= 0 && fchdir(worker_folder) != 0) return;
}

/* Sends fastcgi.error_header where the script has failed. */
void hathi_answer_mark_failure(void)
{
	if (EG(exit_status) != 255 || hathi_ini.error_header == NULL || *hathi_ini.error_header == '\0') return;
	sapi_header_line line = {.line = hathi_ini.error_header, .line_len = strlen(hathi_ini.error_header)};
	sapi_header_op(SAPI_HEADER_REPLACE, &line);
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
	hathi_folder_enter(&file);
	request->is_running = true;
	php_execute_script(&file);
	hathi_folder_leave();
	zend_destroy_file_handle(&file);
	hathi_answer_mark_failure();
}

static bool is_path(const char *uri, const char *path)
{
	return uri != NULL && path != NULL && strcmp(uri, path) == 0;
}

/* Whether the worker answers the request by itself: ping and status page. */
bool hathi_answer_is_own(const struct hathi_request *request)
{
	const struct hathi_worker *worker = request->worker;
	return is_path(request->script.uri, worker->ping_path) || is_path(request->script.uri, worker->status_path);
}

/* Answers a request that no script is asked for. Returns false for one that needs a script. */
bool hathi_answer_own(struct hathi_request *request)
{
	const struct hathi_worker *worker = request->worker;
	if (SG(request_info).request_method == NULL) return true;
	if (request->connection->gave_up) refuse(408, "The body of the request came too slowly.\n");
	else if (is_path(request->script.uri, worker->ping_path)) answer_ping(request);
	else if (is_path(request->script.uri, worker->status_path)) answer_status(request);
	else return false;
	return true;
}

/*
 * Says in a header who serves the request, for "hathi request --verbose", which asks by a parameter. No client of a web
 * server can send that. `requests` counts those of the application since its boot.
 */
void hathi_answer_tell(const struct hathi_request *request, uint64_t requests)
{
	char line[128];
	if (hathi_params_get(&request->params, "HATHI_VERBOSE") == NULL) return;
	snprintf(line, sizeof line, "X-Hathi-Served-By: %s; pid=%d; requests=%llu", request->texts.served_by, (int)getpid(),
		(unsigned long long)requests);
	add_header(line, true);
}

/* Answers by a page or a script: PHP-FPM's decisions, in its order. */
void hathi_answer(struct hathi_request *request)
{
	const struct hathi_worker *worker = request->worker;
	const char *path = SG(request_info).path_translated;
	hathi_answer_tell(request, hathi_slot_requests(worker->slot.header, worker->slot_number));
	if (hathi_answer_own(request)) return;
	if (path == NULL) {
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
