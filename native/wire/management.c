#include "wire/management.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "wire/record.h"

static size_t put_value(uint8_t *target, const char *name, const char *value)
{
	size_t name_length = strlen(name);
	size_t value_length = strlen(value);
	target[0] = (uint8_t)name_length;
	target[1] = (uint8_t)value_length;
	memcpy(target + 2, name, name_length);
	memcpy(target + 2 + name_length, value, value_length);
	return 2 + name_length + value_length;
}

static bool was_asked(const struct hathi_pair *asked, uint32_t count, const char *name)
{
	for (uint32_t index = 0; index < count; index++) {
		if (asked[index].name_length == strlen(name) && strcmp(asked[index].name, name) == 0) return true;
	}
	return false;
}

/* Writes GET_VALUES_RESULT with those of the asked names that are known. Returns its length. */
size_t hathi_management_values(uint8_t target[HATHI_MANAGEMENT_BYTES], const struct hathi_pair *asked, uint32_t count,
	uint32_t max_connections, uint32_t max_requests)
{
	uint8_t *content = target + HATHI_HEADER_BYTES;
	size_t length = 0;
	char connections[11];
	char requests[11];
	snprintf(connections, sizeof connections, "%u", max_connections);
	snprintf(requests, sizeof requests, "%u", max_requests);
	/* Three pairs of at most 26 bytes fit. */
	if (was_asked(asked, count, "FCGI_MAX_CONNS")) length += put_value(content, "FCGI_MAX_CONNS", connections);
	if (was_asked(asked, count, "FCGI_MAX_REQS")) length += put_value(content + length, "FCGI_MAX_REQS", requests);
	if (was_asked(asked, count, "FCGI_MPXS_CONNS")) length += put_value(content + length, "FCGI_MPXS_CONNS", "0");
	hathi_record_header(target, HATHI_RECORD_GET_VALUES_RESULT, 0, length, 0);
	return HATHI_HEADER_BYTES + length;
}

/* Writes UNKNOWN_TYPE for a record of that type. Returns its length. */
size_t hathi_management_unknown(uint8_t target[HATHI_MANAGEMENT_BYTES], uint8_t type)
{
	hathi_record_header(target, HATHI_RECORD_UNKNOWN_TYPE, 0, 8, 0);
	memset(target + HATHI_HEADER_BYTES, 0, 8);
	target[HATHI_HEADER_BYTES] = type;
	return HATHI_HEADER_BYTES + 8;
}
