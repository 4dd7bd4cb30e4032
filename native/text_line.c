#include "access.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Appends bytes. */
void hathi_line_put(struct hathi_line *line, const char *text, size_t length)
{
	if (length > line->size - line->length) length = line->size - line->length;
	memcpy(line->bytes + line->length, text, length);
	line->length += length;
}

/* Appends a text of at most 63 bytes, longer ones are cut: for numbers and names that are known. */
void hathi_line_format(struct hathi_line *line, const char *format, ...)
{
	char text[64];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (length < 0) return;
	hathi_line_put(line, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}
