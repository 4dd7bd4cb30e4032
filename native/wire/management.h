/* Answers to management records, which belong to no request (management.c). */
#ifndef HATHI_MANAGEMENT_H
#define HATHI_MANAGEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "wire/pairs.h"

/* Bytes of the longest answer. */
enum { HATHI_MANAGEMENT_BYTES = 128 };

size_t hathi_management_values(uint8_t target[HATHI_MANAGEMENT_BYTES], const struct hathi_pair *asked, uint32_t count,
	uint32_t max_connections, uint32_t max_requests);
size_t hathi_management_unknown(uint8_t target[HATHI_MANAGEMENT_BYTES], uint8_t type);

#endif
