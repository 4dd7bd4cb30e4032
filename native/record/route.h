/* The requests of a pool by route (routes.c), and the name of a route (route_name.c). */
#ifndef HATHI_ROUTE_H
#define HATHI_ROUTE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "record/slot.h"

/* Method, blank, folded path and NUL. */
enum { HATHI_ROUTE_NAME_BYTES = 161 };

size_t hathi_request_path(const char **path, const char *request_uri, const char *uri);
size_t hathi_route_name(char name[HATHI_ROUTE_NAME_BYTES], const char *method, const char *path, size_t length);

/* The table as one worker uses it. */
struct hathi_routes {
	uint8_t *table;
	/* The slot plus 1 of the worker that changes the table; 0 while no worker does. */
	atomic_uint *holder;
	uint32_t slot;
};

void hathi_routes_open(struct hathi_routes *routes, uint8_t *scoreboard, uint32_t slot_count, atomic_uint *holder,
	uint32_t slot);
void hathi_routes_count(const struct hathi_routes *routes, const char *name, size_t length,
	const struct hathi_slot_result *result);
void hathi_routes_let_go(atomic_uint *holder, uint32_t slot);

#endif
