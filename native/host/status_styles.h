/* How each format of the status page is written (status_styles.c). */
#ifndef HATHI_HOST_STATUS_STYLES_H
#define HATHI_HOST_STATUS_STYLES_H

#include <stdbool.h>

#include "host/status_text.h"
#include "record/status_fields.h"

/* A format's ways to write parts of the page. */
struct hathi_status_style {
	enum hathi_status_escape escape;
	/* Whether times are written in words. */
	bool has_local_time;
	void (*pool_field)(struct hathi_status_output *output, const struct hathi_status_style *style, int field,
		const struct hathi_status_value *value);
	void (*process_field)(struct hathi_status_output *output, const struct hathi_status_style *style, int field,
		const struct hathi_status_value *value);
	const char *page_begins;
	/* Around all processes, and around each. */
	const char *processes_begin;
	const char *processes_end;
	const char *process_begins;
	const char *process_between;
	const char *process_ends;
	const char *page_ends;
	/* The labels of a process are the first row. */
	bool has_header_row;
};

const struct hathi_status_style *hathi_status_style(enum hathi_status_format format);

#endif
