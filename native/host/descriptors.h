/* The descriptors of a host on their way to it (descriptors.c). */
#ifndef HATHI_DESCRIPTORS_H
#define HATHI_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

#include "host/host.h"

enum {
	/* stdout, stderr, then HATHI_FD_CONTROL to HATHI_FD_ACCESS_LOG, which a host may be without. */
	HATHI_DESCRIPTORS_FIRST = 1,
	HATHI_DESCRIPTORS_LAST = HATHI_FD_ACCESS_LOG,
	HATHI_DESCRIPTORS_MOST = HATHI_DESCRIPTORS_LAST - HATHI_DESCRIPTORS_FIRST + 1,
	HATHI_DESCRIPTORS_LEAST = HATHI_DESCRIPTORS_MOST - 1,
};

int hathi_descriptors_receive(int from, int flags, int *descriptors);
bool hathi_descriptors_send(int to, const int *descriptors, size_t count);
bool hathi_descriptors_place(const int *descriptors, size_t count);
bool hathi_descriptors_keep_places(void);
void hathi_descriptors_close(const int *descriptors, size_t count);

#endif
