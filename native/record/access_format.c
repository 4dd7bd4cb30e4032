#include "record/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/*
 * access.format, compiled once in the host and rendered for every request. The codes are those of
 * src/log/access-format.ts. Text from clients is escaped as \xHH by the rule of src/text/log-line.ts, so a request
 * cannot forge a line or a field.
 */

enum { NAME_MOST = 128, PIECES_MOST = 128 };

struct piece {
	/* 0 for literal text. */
	char code;
	/* Literal text, modifier, name or time format. */
	char *text;
};

struct hathi_access_format {
	size_t count;
	struct piece pieces[PIECES_MOST];
};

static const char *const cpu_words[] = {"total", "user", "system", NULL};
static const char *const duration_words[] = {"seconds", "milliseconds", "milli", "miliseconds", "mili", "microseconds",
	"micro", NULL};
static const char *const memory_words[] = {"bytes", "kilobytes", "kilo", "megabytes", "mega", NULL};

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (strcasecmp(word, *words) == 0) return true;
	}
	return false;
}

/* Checks a code with its modifier. Returns NULL, or the text of the warning. */
static const char *check(char code, const char *modifier, char *error, size_t size)
{
	switch (code) {
	case 'C':
		if (*modifier == '\0' || is_one_of(modifier, cpu_words)) return NULL;
		snprintf(error, size, "only 'total', 'user' or 'system' are allowed as a modifier for %%C ('%s')", modifier);
		return error;
	case 'd':
		if (*modifier == '\0' || is_one_of(modifier, duration_words)) return NULL;
		snprintf(error, size, "only 'seconds', 'milli', 'milliseconds', 'micro' or 'microseconds' are allowed as a "
			"modifier for %%d ('%s')", modifier);
		return error;
	case 'M':
		if (*modifier == '\0' || is_one_of(modifier, memory_words)) return NULL;
		snprintf(error, size, "only 'bytes', 'kilo', 'kilobytes', 'mega' or 'megabytes' are allowed as a modifier for "
			"%%M ('%s')", modifier);
		return error;
	case 'e':
		if (*modifier != '\0') return NULL;
		return "the name of the environment variable must be set between embraces for %e";
	case 'o':
		return *modifier != '\0' ? NULL : "the name of the header must be set between embraces for %o";
	case 't':
	case 'T':
		return NULL;
	default:
		break;
	}
	if (strchr("%flImnpPqQrRsuW", code) == NULL) {
		snprintf(error, size, "Invalid token in the access.format (%%%c)", code);
		return error;
	}
	if (*modifier == '\0') return NULL;
	snprintf(error, size, "embrace is not allowed for modifier %%%c", code);
	return error;
}

static bool add(struct hathi_access_format *format, char code, const char *text, size_t length)
{
	if (format->count == PIECES_MOST) return false;
	char *copy = strndup(text, length);
	if (copy == NULL) return false;
	format->pieces[format->count++] = (struct piece){.code = code, .text = copy};
	return true;
}

/*
 * Compiles a format. Returns NULL with the reason in `error`. As in PHP-FPM a lone `%` at the end prints nothing, and
 * the last of several modifiers counts.
 */
struct hathi_access_format *hathi_access_compile(const char *text, char *error, size_t size)
{
	struct hathi_access_format *format = calloc(1, sizeof *format);
	snprintf(error, size, "access.format has more than %d parts", PIECES_MOST);
	if (format == NULL) return NULL;
	while (*text != '\0') {
		size_t literal = strcspn(text, "%");
		if (literal > 0) {
			if (!add(format, 0, text, literal)) return NULL;
			text += literal;
			continue;
		}
		const char *modifier = "";
		size_t length = 0;
		for (text++; *text == '{';) {
			modifier = ++text;
			length = strcspn(text, "}");
			if (text[length] == '\0') {
				snprintf(error, size, "missing closing embrace in the access.format");
				return NULL;
			}
			text += length + 1;
		}
		if (*text == '\0') break;
		if (length > NAME_MOST) length = NAME_MOST;
		char word[NAME_MOST + 1];
		memcpy(word, modifier, length);
		word[length] = '\0';
		const char *problem = check(*text, word, error, size);
		if (problem != NULL) {
			if (problem != error) snprintf(error, size, "%s", problem);
			return NULL;
		}
		if (!add(format, *text++, word, length)) return NULL;
	}
	return format;
}

/*
 * A byte that is not UTF-8 is kept, since logs in other encodings exist, unless an 8-bit terminal takes it for a
 * control.
 */
static bool is_escaped(const unsigned char *text, size_t length, uint32_t character, bool quotes)
{
	if (quotes && (character == '"' || character == '\\')) return true;
	if (length == 1 && *text >= 0x80) return *text < 0xa0;
	return hathi_is_unsafe(character);
}

/* `quotes` tells whether quotes and backslashes are escaped too. */
static void put_escaped(struct hathi_line *line, const char *text, bool quotes)
{
	const unsigned char *at = (const unsigned char *)text;
	for (size_t left = strlen(text); left > 0;) {
		uint32_t character;
		size_t length = hathi_read_character(at, left, &character);
		/* An incomplete character goes byte by byte. U+FFFD itself contains no byte that is escaped. */
		if (character == 0xfffd) length = 1;
		if (!is_escaped(at, length, character, quotes)) {
			hathi_line_put(line, (const char *)at, length);
		} else {
			for (size_t index = 0; index < length; index++) hathi_line_format(line, "\\x%02X", at[index]);
		}
		at += length;
		left -= length;
	}
}

static void put_or_dash(struct hathi_line *line, const char *text)
{
	if (text == NULL || *text == '\0') hathi_line_put(line, "-", 1);
	else put_escaped(line, text, true);
}

static void put_duration(struct hathi_line *line, const char *unit, uint64_t micros)
{
	if (*unit == '\0' || strcasecmp(unit, "seconds") == 0) hathi_line_format(line, "%.3f", (double)micros / 1e6);
	else if (strncasecmp(unit, "micro", 5) == 0) hathi_line_format(line, "%llu", (unsigned long long)micros);
	else hathi_line_format(line, "%.3f", (double)micros / 1e3);
}

static void put_cpu(struct hathi_line *line, const char *kind, const struct hathi_access_values *values)
{
	uint64_t cpu = values->cpu_user + values->cpu_system;
	if (strcasecmp(kind, "user") == 0) cpu = values->cpu_user;
	else if (strcasecmp(kind, "system") == 0) cpu = values->cpu_system;
	hathi_line_format(line, "%.2f", values->duration == 0 ? 0.0 : (double)cpu * 100.0 / (double)values->duration);
}

static void put_memory(struct hathi_line *line, const char *unit, uint64_t bytes)
{
	uint64_t divisor = 1;
	if (strncasecmp(unit, "kilo", 4) == 0) divisor = 1024;
	else if (strncasecmp(unit, "mega", 4) == 0) divisor = 1024 * 1024;
	hathi_line_format(line, "%llu", (unsigned long long)(bytes / divisor));
}

#pragma GCC diagnostic push
/* The format is the operator's own. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void put_time(struct hathi_line *line, const char *format, int64_t seconds)
{
	char text[256];
	time_t time = (time_t)seconds;
	struct tm parts;
	localtime_r(&time, &parts);
	hathi_line_put(line, text, strftime(text, sizeof text, *format == '\0' ? "%d/%b/%Y:%H:%M:%S %z" : format, &parts));
}
#pragma GCC diagnostic pop

static void put_piece(struct hathi_line *line, const struct piece *piece, const struct hathi_access_values *values)
{
	const char *found;
	switch (piece->code) {
	case 0: hathi_line_put(line, piece->text, strlen(piece->text)); return;
	case '%': hathi_line_put(line, "%", 1); return;
	case 'C': put_cpu(line, piece->text, values); return;
	case 'd': put_duration(line, piece->text, values->duration); return;
	case 'e':
		found = hathi_params_get(values->params, piece->text);
		put_escaped(line, found == NULL ? "-" : found, true);
		return;
	case 'f': put_or_dash(line, values->request->script); return;
	case 'I': put_or_dash(line, values->request->request_id); return;
	case 'W': hathi_line_put(line, values->request->served_by, strlen(values->request->served_by)); return;
	case 'l': hathi_line_format(line, "%llu", (unsigned long long)values->request->content_length); return;
	case 'm': put_or_dash(line, values->request->method); return;
	case 'M': put_memory(line, piece->text, values->memory); return;
	case 'n': put_or_dash(line, values->pool); return;
	case 'o':
		found = values->header(piece->text, values->context);
		put_escaped(line, found == NULL ? "-" : found, false);
		return;
	case 'p': hathi_line_format(line, "%ld", values->pid); return;
	case 'P': hathi_line_format(line, "%ld", values->parent); return;
	case 'q': put_escaped(line, values->request->query, true); return;
	case 'Q': hathi_line_put(line, "?", *values->request->query == '\0' ? 0 : 1); return;
	case 'r': put_escaped(line, values->request->uri, true); return;
	case 'R': put_or_dash(line, values->peer); return;
	case 's': hathi_line_format(line, "%u", values->status); return;
	case 't': put_time(line, piece->text, values->accepted_at); return;
	case 'T': put_time(line, piece->text, values->logged_at); return;
	case 'u': put_escaped(line, values->request->user, true); return;
	default: abort();
	}
}

/* Writes a request's line without its newline. Returns its length, which is `size` when the line was cut. */
size_t hathi_access_render(const struct hathi_access_format *format, const struct hathi_access_values *values,
	char *bytes, size_t size)
{
	struct hathi_line line = {.bytes = bytes, .size = size};
	for (size_t index = 0; index < format->count; index++) put_piece(&line, format->pieces + index, values);
	return line.length;
}

/*
 * Whether access.suppress_path leaves out a request: exactly a listed path, GET or HEAD, no query, no body, and a
 * status in 200-299.
 */
bool hathi_access_suppressed(const struct hathi_settings *settings, const struct hathi_access_values *values)
{
	size_t cursor = 0;
	const struct hathi_setting *path;
	bool is_quiet = (strcmp(values->request->method, "GET") == 0 || strcmp(values->request->method, "HEAD") == 0) &&
		*values->request->query == '\0' && values->request->content_length == 0 && values->status >= 200 && values->status < 300;
	while (is_quiet && (path = hathi_setting_next(settings, HATHI_SETTING_ACCESS_SUPPRESS_PATH, &cursor)) != NULL) {
		if (strcmp(path->value, values->request->uri) == 0) return true;
	}
	return false;
}
