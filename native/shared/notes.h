/* Messages that a host keeps for the logs of its workers (notes.c). */
#ifndef HATHI_NOTES_H
#define HATHI_NOTES_H

#include <stdint.h>

#include "shared/level.h"
#include "shared/text.h"

struct hathi_note {
	enum hathi_level level;
	char *text;
};

struct hathi_notes {
	struct hathi_note *list;
	uint32_t count;
};

void hathi_note(struct hathi_notes *notes, enum hathi_level level, const char *format, ...) HATHI_PRINTF(3, 4);

#endif
