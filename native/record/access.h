/* The access log (access_log.c), its lines (access_format.c, access_json.c), and their buffer (text_line.c). */
#ifndef HATHI_ACCESS_H
#define HATHI_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/request_texts.h"
#include "shared/settings.h"
#include "shared/text.h"
#include "wire/params.h"

/* A line that is being written. Text beyond its size is cut. */
struct hathi_line {
	char *bytes;
	size_t size;
	size_t length;
};

void hathi_line_put(struct hathi_line *line, const char *text, size_t length);
void hathi_line_format(struct hathi_line *line, const char *format, ...) HATHI_PRINTF(2, 3);
size_t hathi_read_character(const unsigned char *text, size_t length, uint32_t *character);
bool hathi_is_unsafe(uint32_t character);

/* Room for eight texts of 1 KiB with every byte escaped, names and numbers. */
enum { HATHI_ACCESS_JSON_BYTES = 52 * 1024 };

struct hathi_access_values {
	const char *pool;
	long pid;
	long parent;
	const char *peer;
	const struct hathi_request_texts *request;
	uint32_t status;
	uint64_t memory;
	uint64_t duration;
	uint64_t cpu_user;
	uint64_t cpu_system;
	int64_t accepted_at;
	int64_t logged_at;
	const struct hathi_params *params;
	/* Returns the value of a response header, or NULL. */
	const char *(*header)(const char *name, void *context);
	void *context;
};

struct hathi_access_format;

/* The log of one worker. */
struct hathi_access_log {
	int fd;
	/* NULL when the pool has no access log. */
	const struct hathi_access_format *format;
	const struct hathi_settings *settings;
	bool is_json;
	bool with_query;
	/* The last line could not be written; it is incomplete. */
	bool has_failed;
	bool is_torn;
};

/* Problems with a line that the worker must report. */
struct hathi_access_outcome {
	bool was_cut;
	/* errno of a failed write, reported once until a write succeeds; otherwise 0. */
	int error;
};

enum { HATHI_ACCESS_LINE_BYTES = 1024 };

struct hathi_access_outcome hathi_access_write(struct hathi_access_log *log, const struct hathi_access_values *values);
struct hathi_access_format *hathi_access_compile(const char *text, char *error, size_t size);
size_t hathi_access_render(const struct hathi_access_format *format, const struct hathi_access_values *values,
	char *line, size_t size);
size_t hathi_access_json(const struct hathi_access_values *values, bool with_query, char *line, size_t size);
bool hathi_access_suppressed(const struct hathi_settings *settings, const struct hathi_access_values *values);

#endif
