#include "shared/notes.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Keeps a message for the logs of all workers made from here on. PHP-FPM's workers apply the pool's settings
 * themselves, so there each of them logs it too.
 */
void hathi_note(struct hathi_notes *notes, enum hathi_level level, const char *format, ...)
{
	struct hathi_note *grown = realloc(notes->list, (notes->count + 1) * sizeof *grown);
	if (grown == NULL) return;
	notes->list = grown;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(&grown[notes->count].text, format, arguments);
	va_end(arguments);
	grown[notes->count].level = level;
	if (length >= 0) notes->count++;
}
