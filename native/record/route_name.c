#include "record/route.h"

#include <stdbool.h>
#include <string.h>

/*
 * The name under which a request is counted: its method, and its path with the parts folded that differ between
 * objects. The rules are those of src/scoreboard/route-name.ts, which explains them; a test compares the two.
 */

enum { READ_MOST = 512, PATH_MOST = 140, METHOD_MOST = 16, SEGMENT_MOST = 64, UUID_LENGTH = 36, EXTENSION_MOST = 5 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_separator(char c)
{
	return c != '\0' && strchr("-_.,;:=@+~", c) != NULL;
}

/*
 * Finds the path of a REQUEST_URI without its query, or `uri` when REQUEST_URI is no path. *path is NULL when there
 * is neither. Returns the length.
 */
size_t hathi_request_path(const char **path, const char *request_uri, const char *uri)
{
	if (request_uri != NULL && *request_uri == '/') {
		*path = request_uri;
		return strcspn(request_uri, "?#");
	}
	*path = uri;
	return uri == NULL ? 0 : strlen(uri);
}

/* A text that is being written. Bytes beyond `size` are dropped, and still counted in `length`. */
struct text {
	char *bytes;
	size_t size;
	size_t length;
};

static void put(struct text *text, const char *bytes, size_t length)
{
	if (text->length < text->size) {
		size_t room = text->size - text->length;
		memcpy(text->bytes + text->length, bytes, length < room ? length : room);
	}
	text->length += length;
}

static void put_word(struct text *text, const char *word)
{
	put(text, word, strlen(word));
}

/* Whether a UUID starts there and ends with the text or before a separator. */
static bool is_uuid(const char *at, size_t length)
{
	if (length < UUID_LENGTH || (length > UUID_LENGTH && !is_separator(at[UUID_LENGTH]))) return false;
	for (size_t index = 0; index < UUID_LENGTH; index++) {
		bool is_dash = index == 8 || index == 13 || index == 18 || index == 23;
		if (is_dash ? at[index] != '-' : !is_hex(at[index])) return false;
	}
	return true;
}

/* The placeholder for a part; NULL for a word. */
static const char *id_of(const char *part, size_t length)
{
	size_t digits = 0;
	size_t hex = 0;
	size_t lower = 0;
	size_t upper = 0;
	for (size_t index = 0; index < length; index++) {
		digits += is_digit(part[index]);
		hex += is_hex(part[index]);
		lower += is_lower(part[index]);
		upper += is_upper(part[index]);
	}
	if (digits == 0) return NULL;
	if (digits == length) return "{n}";
	if (length < 8 || digits + lower + upper < length) return NULL;
	if (hex == length) return "{hex}";
	return length >= 16 || (lower > 0 && upper > 0) ? "{token}" : NULL;
}

/* Length of the file name's extension with its dot; 0 without one. */
static size_t extension_length(const char *segment, size_t length)
{
	bool has_letter = false;
	for (size_t back = 1; back <= EXTENSION_MOST + 1 && back <= length; back++) {
		char c = segment[length - back];
		if (c == '.') return has_letter ? back : 0;
		if (!is_digit(c) && !is_lower(c) && !is_upper(c)) return 0;
		has_letter |= !is_digit(c);
	}
	return 0;
}

static void fold_stem(struct text *text, const char *stem, size_t length)
{
	size_t start = text->length;
	for (size_t at = 0; at < length;) {
		size_t end = at;
		const char *placeholder = NULL;
		if (is_uuid(stem + at, length - at)) {
			end += UUID_LENGTH;
			placeholder = "{uuid}";
		} else {
			while (end < length && !is_separator(stem[end])) end++;
			placeholder = id_of(stem + at, end - at);
		}
		if (placeholder != NULL && strcmp(placeholder, "{token}") == 0) {
			text->length = start;
			put_word(text, placeholder);
			return;
		}
		if (placeholder != NULL) put_word(text, placeholder);
		else put(text, stem + at, end - at);
		if (end < length) put(text, stem + end, 1);
		at = end + 1;
	}
}

static void fold_segment(struct text *text, const char *segment, size_t length)
{
	size_t start = text->length;
	size_t extension = extension_length(segment, length);
	fold_stem(text, segment, length - extension);
	put(text, segment + length - extension, extension);
	if (text->length - start <= SEGMENT_MOST) return;
	text->length = start;
	put_word(text, "{token}");
}

static void put_method(struct text *text, const char *method)
{
	size_t length = method == NULL ? 0 : strlen(method);
	bool is_method = length > 0 && length <= METHOD_MOST;
	for (size_t index = 0; is_method && index < length; index++) is_method = is_upper(method[index]);
	if (is_method) put(text, method, length);
	else put_word(text, "OTHER");
	put_word(text, " ");
}

/* Writes the name of a request's route and a NUL. Returns its length: 0 without a path. */
size_t hathi_route_name(char name[HATHI_ROUTE_NAME_BYTES], const char *method, const char *path, size_t length)
{
	struct text text = {.bytes = name, .size = HATHI_ROUTE_NAME_BYTES - 1};
	*name = '\0';
	if (length == 0) return 0;
	if (length > READ_MOST) length = READ_MOST;
	put_method(&text, method);
	size_t start = text.length;
	for (size_t at = 0; at <= length; at++) {
		size_t end = at;
		while (end < length && path[end] != '/') end++;
		fold_segment(&text, path + at, end - at);
		if (end < length) put_word(&text, "/");
		at = end;
	}
	if (text.length - start > PATH_MOST) {
		text.length = start + PATH_MOST - 3;
		put_word(&text, "...");
	}
	name[text.length] = '\0';
	return text.length;
}
