/* Event sources of the host's loop. */
#ifndef HATHI_HOST_EVENTS_H
#define HATHI_HOST_EVENTS_H

#include <stdint.h>

enum hathi_host_source {
	HATHI_FROM_MASTER,
	HATHI_FROM_SIGNALS,
	HATHI_FROM_LISTENER,
	HATHI_FROM_CONTROL,
	HATHI_FROM_STDOUT,
	HATHI_FROM_STDERR,
	HATHI_FROM_NEXT_MASTER,
};

/* The data of an epoll event. */
static inline uint64_t hathi_host_event(enum hathi_host_source source, uint32_t slot)
{
	return ((uint64_t)source << 32) | slot;
}

#endif
