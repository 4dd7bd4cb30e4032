/* Text of a status page on its way to a file (status_text.c). */
#ifndef HATHI_HOST_STATUS_TEXT_H
#define HATHI_HOST_STATUS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/status_figures.h"
#include "shared/text.h"

/* Gathers what is written, so that a page of any length takes this much memory beside its file. */
struct hathi_status_output {
	int file;
	/* A write failed, and further ones are dropped. */
	bool has_failed;
	size_t length;
	char bytes[16384];
};

/* How the characters of a string are escaped. */
enum hathi_status_escape {
	HATHI_ESCAPE_NONE,
	HATHI_ESCAPE_MARKUP,
	HATHI_ESCAPE_JSON,
	HATHI_ESCAPE_HELP,
};

void hathi_status_put(struct hathi_status_output *output, const char *bytes, size_t length);
void hathi_status_format(struct hathi_status_output *output, const char *format, ...) HATHI_PRINTF(2, 3);
void hathi_status_flush(struct hathi_status_output *output);
void hathi_status_string(struct hathi_status_output *output, const char *text, size_t length,
	enum hathi_status_escape escape);
void hathi_status_number(struct hathi_status_output *output, enum hathi_status_kind kind,
	const struct hathi_status_value *value);
void hathi_status_time(struct hathi_status_output *output, uint64_t seconds);

#endif
