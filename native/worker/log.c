#include "worker/log.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/control.h"

/* PHP-FPM's buffer: a message may be this long before it is cut to log_limit. */
enum { MESSAGE_BYTES = 2048, LEAST_LIMIT = 512 };

static size_t put_level(char *line, enum hathi_level level)
{
	size_t length = 0;
	for (const char *name = hathi_level_name(level); *name != '\0'; name++)
		line[length++] = (char)toupper((unsigned char)*name);
	line[length++] = ':';
	line[length++] = ' ';
	return length;
}

/* Cuts a line to `most` bytes without its newline, and marks the cut by three dots. */
static size_t cut(char *line, size_t length, size_t most)
{
	if (length <= most) return length;
	memcpy(line + most - 3, "...", 3);
	return most;
}

/* Writes a line to the worker's own stderr, which the host passes on when the pool catches output. */
static void write_line(const struct hathi_worker *worker, char *line, size_t length)
{
	if (!worker->catches_output) return;
	line[length] = '\n';
	if (write(STDERR_FILENO, line, length + 1) < 0) return;
}

/*
 * Logs a message of the worker: `LEVEL: text` in its log, the text alone for the web server, joined to earlier
 * messages of the request as PHP-FPM joins them.
 */
void hathi_worker_log(struct hathi_worker *worker, enum hathi_level level, const char *format, ...)
{
	char line[MESSAGE_BYTES + 1];
	size_t head = put_level(line, level);
	va_list arguments;
	va_start(arguments, format);
	int written = vsnprintf(line + head, sizeof line - head, format, arguments);
	va_end(arguments);
	if (written < 0) return;
	size_t length = head + (size_t)written;
	size_t limit = worker->log_limit < MESSAGE_BYTES ? worker->log_limit : MESSAGE_BYTES;
	if (length >= MESSAGE_BYTES) length = cut(line, length, limit - 1);
	worker->engine->message(line + head, length - head);
	if (level >= worker->log_level) write_line(worker, line, length);
}

/*
 * Sends a line for the master's log in the pool's name. It reaches the operator even if the pool does not catch its
 * workers' output. It is lost when the host does not read.
 */
void hathi_worker_tell(struct hathi_worker *worker, enum hathi_level level, const char *format, ...)
{
	struct hathi_control control = {.type = HATHI_CONTROL_LOG, .status = level};
	va_list arguments;
	va_start(arguments, format);
	control.length = (uint32_t)hathi_format(control.text, sizeof control.text, format, arguments);
	va_end(arguments);
	hathi_control_send(worker->control, &control, -1);
}

/*
 * Logs a message of PHP. PHP-FPM cuts it at log_limit in both places, and shows it at any log_level; above notice
 * without its level.
 */
void hathi_worker_log_php(struct hathi_worker *worker, const char *text)
{
	static const char mark[] = "PHP message: ";
	size_t text_length = strlen(text);
	char *line = malloc(text_length + MESSAGE_BYTES);
	if (line == NULL) return;
	size_t head = HATHI_NOTICE >= worker->log_level ? put_level(line, HATHI_NOTICE) : 0;
	memcpy(line + head, mark, sizeof mark - 1);
	memcpy(line + head + sizeof mark - 1, text, text_length);
	size_t length = cut(line, head + sizeof mark - 1 + text_length, worker->log_limit - 1);
	worker->engine->message(line + head, length - head);
	write_line(worker, line, length);
	free(line);
}

/* The directive log_limit, in bytes. */
size_t hathi_log_limit(const struct hathi_settings *settings)
{
	long long limit;
	return hathi_setting_number(settings, HATHI_SETTING_LOG_LIMIT, &limit) && limit > LEAST_LIMIT ? (size_t)limit
		: LEAST_LIMIT;
}

/* Logs the host's notes in a worker's log. */
void hathi_worker_log_notes(struct hathi_worker *worker)
{
	const struct hathi_notes *notes = worker->notes;
	for (uint32_t index = 0; index < notes->count; index++)
		hathi_worker_log(worker, notes->list[index].level, "%s", notes->list[index].text);
}
