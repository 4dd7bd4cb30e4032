/* The id of a request (request_id.c). */
#ifndef HATHI_REQUEST_ID_H
#define HATHI_REQUEST_ID_H

#include <stdbool.h>

#include "wire/params.h"

/* The longest id and its NUL. */
enum { HATHI_REQUEST_ID_BYTES = 65 };

bool hathi_request_id_is_valid(const char *id);
bool hathi_request_id(struct hathi_params *params, bool makes, char id[HATHI_REQUEST_ID_BYTES]);

#endif
