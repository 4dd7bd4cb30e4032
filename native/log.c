#include "hathi.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "php_glue.h"

/* Longest line in the worker's log, its newline included; PHP-FPM's default log_limit. */
enum { LINE_MOST = 1024 };

/*
 * A message of the worker: to its own stderr as `LEVEL: text`, which the host passes on when the pool catches it,
 * and to the web server, joined to earlier ones of the request as PHP-FPM joins them.
 */
void hathi_worker_log(struct hathi_worker *worker, enum hathi_level level, const char *format, ...)
{
	char text[8192];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (length < 0) return;
	if ((size_t)length >= sizeof text) length = sizeof text - 1;
	hathi_php_message(text, (size_t)length);
	if (!worker->catches_output || level < worker->log_level) return;
	char line[LINE_MOST + 1];
	int head = 0;
	for (const char *name = hathi_level_name(level); *name != '\0'; name++)
		line[head++] = (char)toupper((unsigned char)*name);
	int written = snprintf(line + head, sizeof line - (size_t)head, ": %s", text);
	size_t total = (size_t)head + (size_t)(written < 0 ? 0 : written);
	/* A line that does not fit is cut and ends in three dots. */
	if (total > LINE_MOST - 1) {
		total = LINE_MOST - 1;
		memcpy(line + total - 3, "...", 3);
	}
	line[total] = '\n';
	if (write(STDERR_FILENO, line, total + 1) < 0) return;
}
