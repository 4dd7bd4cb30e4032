/* The requests of a pool by route (routes.c), and the name of a route (route_name.c). */
#ifndef HATHI_ROUTE_H
#define HATHI_ROUTE_H

#include <stddef.h>
#include <stdint.h>

/* Method, blank, folded path and NUL. */
enum { HATHI_ROUTE_NAME_BYTES = 161 };

size_t hathi_request_path(const char **path, const char *request_uri, const char *uri);
size_t hathi_route_name(char name[HATHI_ROUTE_NAME_BYTES], const char *method, const char *path, size_t length);

struct hathi_worker;
struct hathi_shared;
struct hathi_slot_result;

void hathi_routes_count(struct hathi_worker *worker, const char *name, size_t length,
	const struct hathi_slot_result *result);
void hathi_routes_let_go(struct hathi_shared *shared, uint32_t slot);

#endif
