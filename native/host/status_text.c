#include "host/status_text.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "record/access.h"

/* The counterpart of src/status/values.ts and of what src/text/ has for markup and JSON. */

/* Writes what has been gathered. */
void hathi_status_flush(struct hathi_status_output *output)
{
	const char *at = output->bytes;
	while (output->length > 0 && !output->has_failed) {
		ssize_t written = write(output->file, at, output->length);
		if (written < 0 && errno == EINTR) continue;
		if (written <= 0) {
			output->has_failed = true;
			break;
		}
		at += written;
		output->length -= (size_t)written;
	}
	output->length = 0;
}

/* Appends bytes. */
void hathi_status_put(struct hathi_status_output *output, const char *bytes, size_t length)
{
	while (length > 0 && !output->has_failed) {
		size_t room = sizeof output->bytes - output->length;
		size_t part = length < room ? length : room;
		memcpy(output->bytes + output->length, bytes, part);
		output->length += part;
		bytes += part;
		length -= part;
		if (output->length == sizeof output->bytes) hathi_status_flush(output);
	}
}

/* Appends a formatted text of known size: labels and numbers, cut to 1023 bytes. */
void hathi_status_format(struct hathi_status_output *output, const char *format, ...)
{
	char text[1024];
	va_list arguments;
	va_start(arguments, format);
	size_t length = hathi_format(text, sizeof text, format, arguments);
	va_end(arguments);
	hathi_status_put(output, text, length);
}

/* The entity of a character in markup; NULL if it stands for itself. */
static const char *entity(uint32_t character)
{
	switch (character) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#039;";
	default:
		return NULL;
	}
}

/* A character of JSON as PHP writes it: ASCII only. Returns whether it was escaped. */
static bool put_json_escape(struct hathi_status_output *output, uint32_t character)
{
	if (character == '"' || character == '\\' || character == '/') {
		hathi_status_format(output, "\\%c", (int)character);
		return true;
	}
	if (character < 0x7f) return false;
	if (character > 0xffff) {
		uint32_t rest = character - 0x10000;
		hathi_status_format(output, "\\u%04x\\u%04x", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
		return true;
	}
	hathi_status_format(output, "\\u%04x", character);
	return true;
}

/* Appends the escape of a character. Returns false where it needs none. */
static bool put_escape(struct hathi_status_output *output, uint32_t character, enum hathi_status_escape escape)
{
	const char *name = escape == HATHI_ESCAPE_MARKUP ? entity(character) : NULL;
	if (escape == HATHI_ESCAPE_JSON) return put_json_escape(output, character);
	if (escape == HATHI_ESCAPE_HELP && (character == '"' || character == '\\')) {
		hathi_status_format(output, "\\%c", (int)character);
		return true;
	}
	if (name == NULL) return false;
	hathi_status_put(output, name, strlen(name));
	return true;
}

/* Appends a text from a stranger: invalid bytes and characters that are never shown become U+FFFD. */
void hathi_status_string(struct hathi_status_output *output, const char *text, size_t length,
	enum hathi_status_escape escape)
{
	const unsigned char *at = (const unsigned char *)text;
	const unsigned char *end = at + length;
	while (at < end) {
		uint32_t character;
		size_t used = hathi_read_character(at, (size_t)(end - at), &character);
		if (hathi_is_unsafe(character)) character = 0xfffd;
		if (!put_escape(output, character, escape)) {
			if (character == 0xfffd) hathi_status_put(output, "\xef\xbf\xbd", 3);
			else hathi_status_put(output, (const char *)at, used);
		}
		at += used;
	}
}

/*
 * Appends a percentage with two decimals. A number in the middle of two is rounded up, as the master does, and not to the
 * even one; it is a multiple of an eighth.
 */
static void put_percent(struct hathi_status_output *output, double percent)
{
	double eighths = percent * 8;
	bool is_small = eighths < 1e15;
	if (is_small && (double)(uint64_t)eighths == eighths && ((uint64_t)eighths & 1) == 1) {
		uint64_t hundredths = (uint64_t)(percent * 100 + 0.5);
		hathi_status_format(output, "%llu.%02llu", (unsigned long long)(hundredths / 100),
			(unsigned long long)(hundredths % 100));
		return;
	}
	hathi_status_format(output, "%.2f", percent);
}

/* Appends a value that is no string, a time in seconds since 1970. */
void hathi_status_number(struct hathi_status_output *output, enum hathi_status_kind kind,
	const struct hathi_status_value *value)
{
	if (kind == HATHI_KIND_PERCENT) put_percent(output, value->percent);
	else hathi_status_format(output, "%llu", (unsigned long long)value->number);
}

/* Appends a local time as `%d/%b/%Y:%H:%M:%S %z`, with English months. */
void hathi_status_time(struct hathi_status_output *output, uint64_t seconds)
{
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t when = (time_t)seconds;
	struct tm parts;
	if (localtime_r(&when, &parts) == NULL) {
		hathi_status_put(output, "-", 1);
		return;
	}
	long east = parts.tm_gmtoff / 60;
	long minutes = east < 0 ? -east : east;
	hathi_status_format(output, "%02d/%s/%d:%02d:%02d:%02d %c%02ld%02ld", parts.tm_mday, months[parts.tm_mon],
		parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec, east < 0 ? '-' : '+', minutes / 60,
		minutes % 60);
}
