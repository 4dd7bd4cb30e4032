#include "record/access.h"

#include <errno.h>
#include <unistd.h>

/* The access log: each worker appends its own lines, one write(2) each. */

/*
 * Appends a line. Returns the errno of a failed write, once until a write succeeds; otherwise 0. A line that was cut
 * off is ended before the next one.
 */
static int append(struct hathi_access_log *log, const char *line, size_t length)
{
	if (log->is_torn && write(log->fd, "\n", 1) == 1) log->is_torn = false;
	ssize_t written = write(log->fd, line, length);
	if (written == (ssize_t)length) {
		log->has_failed = false;
		return 0;
	}
	int error = written < 0 ? errno : ENOSPC;
	if (written > 0) log->is_torn = true;
	if (log->has_failed) return 0;
	log->has_failed = true;
	return error;
}

/* Writes the request's line, unless it is suppressed. */
struct hathi_access_outcome hathi_access_write(struct hathi_access_log *log, const struct hathi_access_values *values)
{
	struct hathi_access_outcome outcome = {0};
	if (log->fd < 0 || hathi_access_suppressed(log->settings, values)) return outcome;
	if (log->is_json) {
		char object[HATHI_ACCESS_JSON_BYTES + 1];
		size_t size = hathi_access_json(values, log->with_query, object, HATHI_ACCESS_JSON_BYTES);
		object[size++] = '\n';
		outcome.error = append(log, object, size);
		return outcome;
	}
	char line[HATHI_ACCESS_LINE_BYTES];
	size_t length = hathi_access_render(log->format, values, line, sizeof line - 1);
	/* A format of missing values, for instance `%u`, makes no line. */
	if (length == 0) return outcome;
	outcome.was_cut = length == sizeof line - 1;
	line[length++] = '\n';
	outcome.error = append(log, line, length);
	return outcome;
}
