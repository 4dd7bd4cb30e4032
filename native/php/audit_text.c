#include "php/audit_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lines of JSON for the command. Texts keep their bytes, which need not be UTF-8; control characters are escaped. */

/* No line of an audit is longer. */
enum { LINE_MOST = 256 * 1024 * 1024 };

static bool make_room(struct hathi_audit_text *text, size_t length)
{
	if (text->is_cut) return false;
	if (text->capacity - text->length >= length) return true;
	size_t capacity = (text->length + length) * 2 + 4096;
	char *grown = capacity > LINE_MOST ? NULL : realloc(text->bytes, capacity);
	if (grown == NULL) {
		text->is_cut = true;
		return false;
	}
	text->bytes = grown;
	text->capacity = capacity;
	return true;
}

void hathi_audit_put(struct hathi_audit_text *text, const char *bytes, size_t length)
{
	if (!make_room(text, length)) return;
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

/* A string in quotes. */
void hathi_audit_put_json(struct hathi_audit_text *text, const char *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	if (!make_room(text, length * 6 + 2)) return;
	char *at = text->bytes + text->length;
	*at++ = '"';
	for (size_t index = 0; index < length; index++) {
		unsigned char byte = (unsigned char)bytes[index];
		if (byte == '"' || byte == '\\') {
			*at++ = '\\';
			*at++ = (char)byte;
		} else if (byte < 0x20 || byte == 0x7f) {
			memcpy(at, "\\u00", 4);
			at[4] = digits[byte >> 4];
			at[5] = digits[byte & 15];
			at += 6;
		} else {
			*at++ = (char)byte;
		}
	}
	*at++ = '"';
	text->length = (size_t)(at - text->bytes);
}

void hathi_audit_put_number(struct hathi_audit_text *text, long long number)
{
	char digits[24];
	hathi_audit_put(text, digits, (size_t)snprintf(digits, sizeof digits, "%lld", number));
}

/* Puts a comma unless the list or object has just begun. */
void hathi_audit_comma(struct hathi_audit_text *text)
{
	char last = text->length == 0 ? '{' : text->bytes[text->length - 1];
	if (last != '{' && last != '[' && last != ':') hathi_audit_put(text, ",", 1);
}

void hathi_audit_name_bytes(struct hathi_audit_text *text, const char *name, size_t length)
{
	hathi_audit_comma(text);
	hathi_audit_put_json(text, name, length);
	hathi_audit_put(text, ":", 1);
}

void hathi_audit_name(struct hathi_audit_text *text, const char *name)
{
	hathi_audit_name_bytes(text, name, strlen(name));
}

/* Begins a list or an object; without a name inside of a list. */
void hathi_audit_open(struct hathi_audit_text *text, const char *name, char bracket)
{
	if (name != NULL) hathi_audit_name(text, name);
	else hathi_audit_comma(text);
	hathi_audit_put(text, &bracket, 1);
}

void hathi_audit_close(struct hathi_audit_text *text, char bracket)
{
	hathi_audit_put(text, &bracket, 1);
}

void hathi_audit_field(struct hathi_audit_text *text, const char *name, const char *value)
{
	hathi_audit_name(text, name);
	hathi_audit_put_json(text, value, strlen(value));
}

void hathi_audit_field_number(struct hathi_audit_text *text, const char *name, long long value)
{
	hathi_audit_name(text, name);
	hathi_audit_put_number(text, value);
}
