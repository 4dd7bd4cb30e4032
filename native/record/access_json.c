#include "record/access.h"

#include <string.h>
#include <time.h>

#include "shared/clock.h"

/* Lines of the access log with access.log_format = json. The fields are those of src/log/access-json.ts. */

/* Longer texts are cut to this many bytes. All texts together fit a line with each byte escaped. */
enum { TEXT_MOST = 1024 };

/* Writes a text as JSON, without characters that a terminal or a reader of lines would act on. */
static void put_text(struct hathi_line *line, const char *text, size_t length)
{
	bool is_cut = length > TEXT_MOST;
	const unsigned char *at = (const unsigned char *)text;
	const unsigned char *end = at + (is_cut ? TEXT_MOST : length);
	hathi_line_put(line, "\"", 1);
	while (at < end) {
		uint32_t character;
		size_t used = hathi_read_character(at, (size_t)(end - at), &character);
		if (character == '"' || character == '\\') hathi_line_format(line, "\\%c", (int)character);
		else if (hathi_is_unsafe(character))
			hathi_line_format(line, "\\u%04x", character);
		else if (character == 0xfffd) hathi_line_put(line, "\xef\xbf\xbd", 3);
		else hathi_line_put(line, (const char *)at, used);
		at += used;
	}
	hathi_line_put(line, "...\"", is_cut ? 4 : 0);
	if (!is_cut) hathi_line_put(line, "\"", 1);
}

static void put_bytes(struct hathi_line *line, const char *name, const char *text, size_t length)
{
	hathi_line_format(line, ",\"%s\":", name);
	put_text(line, text, length);
}

static void put_field(struct hathi_line *line, const char *name, const char *text)
{
	put_bytes(line, name, text, strnlen(text, TEXT_MOST + 1));
}

static void put_number(struct hathi_line *line, const char *name, uint64_t value)
{
	hathi_line_format(line, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void put_time(struct hathi_line *line, uint64_t micros)
{
	char text[32];
	time_t seconds = (time_t)(micros / 1000000);
	struct tm parts;
	gmtime_r(&seconds, &parts);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
	hathi_line_format(line, "{\"time\":\"%s.%03uZ\"", text, (unsigned)(micros / 1000 % 1000));
}

/*
 * Writes a request's line without its newline, with the query if asked for. Returns its length.
 * HATHI_ACCESS_JSON_BYTES is room for any line.
 */
size_t hathi_access_json(const struct hathi_access_values *values, bool with_query, char *bytes, size_t size)
{
	struct hathi_line line = {.bytes = bytes, .size = size};
	put_time(&line, hathi_clock(CLOCK_REALTIME));
	put_field(&line, "pool", values->pool);
	put_number(&line, "pid", (uint64_t)values->pid);
	put_field(&line, "request_id", values->request->request_id);
	put_field(&line, "remote_address", values->peer);
	put_field(&line, "user", values->request->user);
	put_field(&line, "method", values->request->method);
	put_bytes(&line, "uri", values->request->path, values->request->path_length);
	if (with_query) put_field(&line, "query", values->request->query);
	put_field(&line, "script", values->request->script);
	put_field(&line, "served_by", values->request->served_by);
	put_number(&line, "status", values->status);
	put_number(&line, "duration_micros", values->duration);
	put_number(&line, "cpu_user_micros", values->cpu_user);
	put_number(&line, "cpu_system_micros", values->cpu_system);
	put_number(&line, "memory_bytes", values->memory);
	put_number(&line, "content_length", values->request->content_length);
	hathi_line_put(&line, "}", 1);
	return line.length;
}
