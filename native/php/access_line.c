#include <string.h>
#include <time.h>
#include <unistd.h>

#include "php/request.h"
#include "php/sapi.h"
#include "worker/log.h"
#include "worker/worker_control.h"

/* The host's message may still be on its way, but this line must go to the new log. */
static void follow_log(struct hathi_worker *worker)
{
	if (atomic_load(&worker->shared->log_generation) != worker->log_generation) hathi_worker_control(worker);
}

/* Writes the request's line in the access log; `user` and `system` are its CPU time in microseconds. */
void hathi_access_log_request(struct hathi_request *request, const struct hathi_slot_result *result, uint64_t user,
	uint64_t system)
{
	struct hathi_worker *worker = request->worker;
	if (worker->access_log.format == NULL) return;
	follow_log(worker);
	int64_t now = time(NULL);
	const struct hathi_access_values values = {
		.pool = worker->pool,
		.pid = getpid(),
		.parent = getppid(),
		.peer = request->connection->peer,
		.request = &request->texts,
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
	struct hathi_access_outcome outcome = hathi_access_write(&worker->access_log, &values);
	if (outcome.was_cut)
		hathi_worker_log(worker, HATHI_NOTICE,
			"the log buffer is full (%d). The access log request has been truncated.", HATHI_ACCESS_LINE_BYTES);
	if (outcome.error != 0)
		hathi_worker_tell(worker, HATHI_ERROR, "cannot write the access log: %s (%d)", strerror(outcome.error),
			outcome.error);
}
