#define HATHI_WITH_PHP
#include "php/php_glue.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The access log: each worker appends its own lines, one write(2) each. */

enum { LOG_LINE_MOST = 1024 };

/* Messages of the host may be on their way: a new log must be used for this line already. */
static void follow_log(struct hathi_worker *worker)
{
	if (atomic_load(&worker->shared->log_generation) != worker->log_generation) hathi_worker_control(worker);
}

/*
 * Appends a line. That it cannot be is told once, until it can be again; a line that was cut off is ended before the
 * next one.
 */
static void write_line(struct hathi_worker *worker, const char *line, size_t length)
{
	if (worker->access_log_torn && write(worker->log_fd, "\n", 1) == 1) worker->access_log_torn = false;
	ssize_t written = write(worker->log_fd, line, length);
	if (written == (ssize_t)length) {
		worker->access_log_failed = false;
		return;
	}
	int error = written < 0 ? errno : ENOSPC;
	if (written > 0) worker->access_log_torn = true;
	if (worker->access_log_failed) return;
	worker->access_log_failed = true;
	hathi_worker_tell(worker, HATHI_ERROR, "cannot write the access log: %s (%d)", strerror(error), error);
}

/* Writes the request's line, unless it is suppressed; `user` and `system` are its CPU time in microseconds. */
void hathi_access_log_request(struct hathi_request *request, const struct hathi_slot_result *result, uint64_t user,
	uint64_t system)
{
	struct hathi_worker *worker = request->worker;
	if (worker->access_format == NULL) return;
	follow_log(worker);
	if (worker->log_fd < 0) return;
	int64_t now = time(NULL);
	const char *method = SG(request_info).request_method;
	const char *auth = SG(request_info).auth_user;
	const struct hathi_access_values values = {
		.pool = worker->pool,
		.pid = getpid(),
		.parent = getppid(),
		.peer = request->connection->peer,
		.method = method == NULL ? "" : method,
		.uri = request->script.uri == NULL ? "" : request->script.uri,
		.path = request->path == NULL ? "" : request->path,
		.path_length = request->path_length,
		.query = SG(request_info).query_string == NULL ? "" : SG(request_info).query_string,
		.script = request->script.path == NULL ? "" : request->script.path,
		.user = auth == NULL ? "" : auth,
		.request_id = request->id,
		.content_length = (uint64_t)SG(request_info).content_length,
		.status = result->status,
		.memory = result->memory,
		.duration = result->duration,
		.cpu_user = user,
		.cpu_system = system,
		.accepted_at = now - (int64_t)(result->duration / 1000000),
		.logged_at = now,
		.params = &request->params,
		.header = hathi_head_find,
	};
	if (hathi_access_suppressed(worker->settings, &values)) return;
	if (worker->access_is_json) {
		char object[HATHI_ACCESS_JSON_BYTES + 1];
		size_t size = hathi_access_json(&values, worker->access_query, object, HATHI_ACCESS_JSON_BYTES);
		object[size++] = '\n';
		write_line(worker, object, size);
		return;
	}
	char line[LOG_LINE_MOST];
	size_t length = hathi_access_render(worker->access_format, &values, line, sizeof line - 1);
	/* A format of what is not there, `%u` say, makes no line. */
	if (length == 0) return;
	if (length == sizeof line - 1)
		hathi_worker_log(worker, HATHI_NOTICE,
			"the log buffer is full (%d). The access log request has been truncated.", LOG_LINE_MOST);
	line[length++] = '\n';
	write_line(worker, line, length);
}
