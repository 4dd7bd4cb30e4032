#include "record/access.h"

#include <string.h>

/* Appends bytes. */
void hathi_line_put(struct hathi_line *line, const char *text, size_t length)
{
	if (length > line->size - line->length) length = line->size - line->length;
	memcpy(line->bytes + line->length, text, length);
	line->length += length;
}

/* Appends a formatted text, cut to 63 bytes: for numbers and known names. */
void hathi_line_format(struct hathi_line *line, const char *format, ...)
{
	char text[64];
	va_list arguments;
	va_start(arguments, format);
	size_t length = hathi_format(text, sizeof text, format, arguments);
	va_end(arguments);
	hathi_line_put(line, text, length);
}

/*
 * Reads one character of UTF-8. Returns its length. An invalid sequence counts as U+FFFD, as far as it could have
 * become a character (the Unicode standard's "maximal subpart").
 */
size_t hathi_read_character(const unsigned char *text, size_t length, uint32_t *character)
{
	unsigned char lead = text[0];
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
	*character = lead;
	if (lead < 0x80) return 1;
	*character = 0xfffd;
	if (lead < 0xc2 || lead > 0xf4) return 1;
	if (lead == 0xe0) low = 0xa0;
	if (lead == 0xed) high = 0x9f;
	if (lead == 0xf0) low = 0x90;
	if (lead == 0xf4) high = 0x8f;
	uint32_t value = lead & (0x3fu >> more);
	for (size_t index = 1; index <= more; index++) {
		if (index >= length || text[index] < low || text[index] > high) return index;
		value = value << 6 | (text[index] & 0x3f);
		low = 0x80;
		high = 0xbf;
	}
	*character = value;
	return more + 1;
}

/*
 * Whether a character is never shown as it is: controls, line separators, direction marks, and non-characters that
 * XML forbids. The same set as in src/text/unsafe.ts.
 */
bool hathi_is_unsafe(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0x2028 || character == 0x2029 ||
		(character >= 0x202a && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069) ||
		character == 0xfffe || character == 0xffff;
}
