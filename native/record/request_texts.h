/* The texts of one request, for the scoreboard, the access log and the table of routes. */
#ifndef HATHI_REQUEST_TEXTS_H
#define HATHI_REQUEST_TEXTS_H

#include <stddef.h>
#include <stdint.h>

/* Each is the empty text when the request has none. */
struct hathi_request_texts {
	const char *method;
	const char *uri;
	const char *query;
	const char *script;
	const char *user;
	const char *request_id;
	/* "worker" when the booted application answers, else "classic". */
	const char *served_by;
	/* Path of REQUEST_URI, not ended by NUL. */
	const char *path;
	size_t path_length;
	uint64_t content_length;
};

#endif
