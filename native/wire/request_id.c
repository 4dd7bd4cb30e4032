#include "wire/request_id.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* The id of a request connects the lines of several logs; the rules are those of src/engine/request-id.ts. */

enum { ID_BYTES = 16, POOL_IDS = 64 };

static const char variable[] = "HTTP_X_REQUEST_ID";

/* Whether all its characters are safe in logs and tools without quotes. */
bool hathi_request_id_is_valid(const char *id)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:=+/@-";
	size_t length = strnlen(id, HATHI_REQUEST_ID_BYTES);
	return length > 0 && length < HATHI_REQUEST_ID_BYTES && strspn(id, allowed) == length;
}

/* Takes random bytes, which are fetched for many requests at once. Returns false when the system has none. */
static bool next_random(uint8_t *bytes)
{
	static uint8_t pool[ID_BYTES * POOL_IDS];
	static size_t left;
	if (left == 0) {
		if (getrandom(pool, sizeof pool, 0) != (ssize_t)sizeof pool) return false;
		left = sizeof pool;
	}
	left -= ID_BYTES;
	memcpy(bytes, pool + left, ID_BYTES);
	return true;
}

/*
 * Writes the id: the header's if it is valid; otherwise, if ids are made, a new one, which also becomes the header if
 * there was none. Without an id the text is empty. Returns false when there is no memory.
 */
bool hathi_request_id(struct hathi_params *params, bool makes, char id[HATHI_REQUEST_ID_BYTES])
{
	uint8_t bytes[ID_BYTES];
	const char *given = hathi_params_get(params, variable);
	*id = '\0';
	if (given != NULL && hathi_request_id_is_valid(given)) {
		strcpy(id, given);
		return true;
	}
	if (!makes || !next_random(bytes)) return true;
	for (size_t index = 0; index < ID_BYTES; index++) snprintf(id + 2 * index, 3, "%02x", bytes[index]);
	return given != NULL || hathi_params_set(params, variable, id);
}
