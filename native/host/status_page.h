/* The status page in its formats (status_page.c). */
#ifndef HATHI_HOST_STATUS_PAGE_H
#define HATHI_HOST_STATUS_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/status_figures.h"

/* The choice of a query string. */
struct hathi_status_selection {
	enum hathi_status_format format;
	/* Includes every process. */
	bool full;
};

/* The worker of a slot; pid is 0 of one that is not up. */
typedef uint32_t hathi_status_pid(const void *context, uint32_t slot);

struct hathi_status_page {
	struct hathi_status_facts facts;
	struct hathi_status_selection selection;
	uint32_t slot_count;
	hathi_status_pid *pid_of;
	const void *context;
};

struct hathi_status_selection hathi_status_select(const char *query, size_t length);
bool hathi_status_write(const struct hathi_status_page *page, int file);

#endif
